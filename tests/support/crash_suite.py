"""The crash suite: a short life dies at every persistence point, in every way, and is started again and judged.

The judge knows what was handed to the journal, what was said to be durable, and which orders reached the venue. It
asks the reference what the rows command, and the rows alone what is in flight; it never asks the recovery about itself.

``python crash_suite.py FOLDER SCENE`` plays one scene with whatever ``dita`` is on the path until something is wrong,
prints it, and ends with status 1 then.
"""

import asyncio
import gzip
import logging
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crashing_disk import CrashingDisk, Death
from dita.adapters.bingx.orders import CancelResult, NewOrder, SubmitResult, Unknown, UnknownReason
from dita.adapters.journal import (
    Commit,
    Entry,
    InlineCommit,
    Journal,
    JournalError,
    JournalMeta,
    Note,
    Row,
    Snapshot,
    open_journal,
    open_reader,
)
from dita.adapters.journal.store import JournalStore
from dita.reference import step
from dita.runtime.alerts import Alerts
from dita.runtime.background import Background
from dita.runtime.carrier import Carrier
from dita.runtime.engine import Engine
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.order_names import OrderNames
from dita.runtime.order_truth import OrderTruth
from dita.runtime.recovery import doubts, flights_of, recover
from dita.runtime.replay import ReplayRefused
from dita.runtime.venue_port import Venue
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Kind, Mode
from runtime_parts import PRICE, ReferenceKernel, opened, registered, round_trip
from scripted_venue import CONTRACT, SPARE_TAG, ScriptedTruth, ScriptedVenue
from virtual_time import VirtualClock, run_virtually

VFS: Final = "crashing"
TAG: Final = "test0"
SNAPSHOT_EVERY: Final = 5
FIXTURE: Final = Path(__file__).parents[1] / "adapters" / "journals" / "version-1.sqlite.gz"
_SMALL_ROWS: Final = [Row(n, inputs.set_mode(Mode.ACTIVE), 0, bytes(32), n) for n in range(1, 9)]
_ENDS: Final = (Kind.REJECTED, Kind.NOT_FOUND)


def waves() -> list[list[Input]]:
    """A short life: what is handed over together in each wave. Two entries, an exit, a settled trade, one in flight."""
    entry, filled, exit_, gone, *settled = round_trip(1)
    quantity = entry.quantity // 2
    quote = quantity * PRICE // 10**10
    partly = inputs.order(
        slot=0, instrument=0, trade=1, attempt=0, quantity=quantity, quote=quote, done=False, time_ns=1_000_000_000
    )
    return [registered(), [entry], [partly], [filled], [exit_], [gone], settled, [opened(2)[0]]]


class GroupCommit:
    """Group commit on the loop: what was handed over within a moment is one transaction (``ThreadCommit``'s order)."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._failure: JournalError | None = None

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_later(0.05, self._flush)
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((entry, future))
        return future

    def _flush(self) -> None:
        group, self._waiting = self._waiting, []
        if self._failure is None:
            try:
                self._store.write([entry for entry, _ in group])
            except JournalError as error:
                self._failure = error
        for _, future in group:
            if future.done():
                continue
            if self._failure is None:
                future.set_result(None)
            else:
                future.set_exception(self._failure)

    async def close(self) -> None:
        """See ``Commit``."""


@dataclass
class Life:
    """What is known of a process that is dead: all that the judge may hold against what it left."""

    handed: list[Row] = field(default_factory=list[Row])  # to the journal, in order
    durable: int = 0  # so many of them were said to be
    failed: bool = False  # the journal was, while the process lived on
    sent: list[NewOrder] = field(default_factory=list[NewOrder])


class Shop:
    """Engine and carrier on a venue that a dead process does not reach."""

    def __init__(self, journal: Journal, clock: VirtualClock, is_dead: Callable[[], bool], life: Life) -> None:
        self.life = life
        self.script = ScriptedVenue(clock)
        self.alerts = Alerts(clock.wall_ns)
        self.background = Background(self.alerts)
        instruments = Instruments([Instrument(0, CONTRACT)])
        self.instruments = instruments
        self._is_dead = is_dead
        venue = Venue(
            trader=self, reader=self.script, cancel_foreign=self.script.cancel_order_id, clock=clock,
            venue_now_ns=clock.wall_ns, asset="USDT", window_ns=2_000_000_000, read_lag_ns=0,
        )  # fmt: skip
        self.recovered = recover(journal, ReferenceKernel(), accept_migration=False, wall_ns=1)
        self.engine = Engine(
            self.recovered.lockstep, journal, self.alerts, wall_ns=clock.wall_ns, venue_now_ns=clock.wall_ns,
            on_divergence=lambda _: None, history=self.recovered.history, made_by="suite",
            snapshot_every=SNAPSHOT_EVERY,
        )  # fmt: skip
        names = OrderNames(journal.meta.tag, SPARE_TAG)
        orders = OrderTruth(self.engine, venue, instruments, self.alerts, lambda _: None, names)
        self.truth = ScriptedTruth(orders)
        self.carrier = Carrier(self.engine, venue, self.truth, instruments, self.alerts, self.background, names)
        self.engine.connect(self.carrier)

    def narrow(self) -> None:
        """See ``Trader``."""

    async def submit(self, order: NewOrder) -> SubmitResult:
        """See ``Trader``. Never answered: what becomes of an order is told by the waves."""
        if not self._is_dead():
            self.life.sent.append(order)
        await asyncio.sleep(1_000_000)
        return Unknown(UnknownReason.BUG, "never answered")

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        """See ``Trader``."""
        return await self.script.cancel(symbol, client_order_id, order_id)


def opened_journal(path: Path, driver: Callable[[JournalStore], Commit] = InlineCommit) -> Journal:
    """On the crashing disk, whatever it is about to do."""
    return open_journal(path, account="paper", tag=TAG, wall_ns=1, driver=driver, vfs=VFS)


async def lived(
    path: Path,
    disk: CrashingDisk,
    clock: VirtualClock,
    wanted: list[list[Input]],
    killed: Callable[[], None] | None = None,
) -> Life:
    """Live through the waves until the end or until the disk dies. ``killed`` takes what a kill at the end leaves."""
    life = Life()
    try:
        journal = opened_journal(path, GroupCommit)
    except JournalError:
        return life
    kept = journal.append

    def append(
        event: Input,
        *,
        send_by_ns: int,
        digest: bytes,
        wall_ns: int,
        notes: tuple[Note, ...] = (),
        snapshot: Callable[[int], Snapshot] | None = None,
    ) -> Awaitable[None]:
        place = kept(event, send_by_ns=send_by_ns, digest=digest, wall_ns=wall_ns, notes=notes, snapshot=snapshot)
        life.handed.append(Row(journal.position, event, send_by_ns, digest, wall_ns))
        return place

    journal.append = append  # type: ignore[method-assign] # everything handed over is noted here
    shop = Shop(journal, clock, lambda: disk.dead, life)
    for wave in wanted:
        place = len(life.handed)
        await asyncio.gather(*(shop.engine.apply(event) for event in wave))
        life.failed = shop.engine.journal_error is not None and not disk.dead
        if disk.dead or life.failed:
            break
        life.durable = place + len(wave)
        await asyncio.sleep(0.01)
    await shop.engine.drain()
    await shop.background.stop()
    if killed is not None:
        killed()
    with suppress(JournalError):
        await journal.close()
    return life


# --- the judge -------------------------------------------------------------------------------------------------------


def folded(rows: list[Row]) -> tuple[State, dict[OrderKey, int], set[OrderKey]]:
    """By the reference: the state, every order commanded with its deadline, and those whose end no row tells."""
    state = initial_state()
    commanded: dict[OrderKey, int] = {}
    ended: set[OrderKey] = set()
    for row in rows:
        state, outcome = step(state, row.input)
        if outcome.submit:
            commanded[OrderKey(outcome.trade, outcome.slot, outcome.attempt)] = row.send_by_ns
        if row.input.kind in _ENDS or (row.input.kind == Kind.ORDER and row.input.done):
            ended.add(OrderKey(row.input.trade, row.input.slot, row.input.attempt))
    return state, commanded, set(commanded) - ended


async def judged(path: Path, life: Life, clock: VirtualClock) -> list[str]:
    """Start again from what is left; what is wrong with it."""
    try:
        journal = opened_journal(path)
    except JournalError as error:
        return [f"no start: {error}"]
    try:
        rows = list(journal.rows())
        problems = _rows_problems(rows, life)
        try:
            again = Life()
            shop = Shop(journal, clock, lambda: False, again)
        except ReplayRefused as refusal:
            return [*problems, f"no start: {refusal}"]
        problems += await _recovery_problems(shop, rows, life)
        await shop.background.stop()
        return problems
    finally:
        await journal.close()


def _rows_problems(rows: list[Row], life: Life) -> list[str]:
    problems: list[str] = []
    if rows != life.handed[: len(rows)]:
        problems.append("the rows are not a beginning of what was handed over")
    if len(rows) < life.durable:
        problems.append(f"lost: `{life.durable}` rows were durable, `{len(rows)}` are there")
    return problems


async def _recovery_problems(shop: Shop, rows: list[Row], life: Life) -> list[str]:
    state, commanded, in_flight = folded(rows)
    problems: list[str] = []
    if shop.recovered.lockstep.state != state:
        problems.append("the recovered state is not what the rows lead to")
    names = {client_order_id(TAG, key) for key in commanded}
    # What closes leaves even when it cannot be journaled; the next start finds it in the position.
    sent = [order.client_order_id for order in life.sent if not (life.failed and order.reduce_only)]
    problems += [f"order `{name}` is at the venue and in no row" for name in sent if name not in names]
    problems += [f"order `{name}` was sent twice" for name in set(sent) if sent.count(name) > 1]
    flights = flights_of(shop.recovered, shop.instruments, TAG, 0)
    if {flight.key: flight.send_by_ns for flight in flights} != {key: commanded[key] for key in in_flight}:
        problems.append(f"in flight: {in_flight}, remembered: {[flight.key for flight in flights]}")
    for flight in flights:
        shop.carrier.adopt_flight(flight)
    for event in doubts(shop.engine.state):
        await shop.engine.apply(event)
    await asyncio.sleep(0.1)
    resolved = {flight.key for flight in shop.truth.resolved}
    if resolved != in_flight:
        problems.append(f"in flight: {in_flight}, being resolved: {resolved}")
    problems += [f"order `{order.client_order_id}` was sent by the restart" for order in shop.life.sent]
    return problems


# --- the scenes ------------------------------------------------------------------------------------------------------


Scene = Callable[[], list[str]]


class Suite:
    """Plays scenes; ``points`` counts what was died at, by scene."""

    def __init__(self, folder: Path, disk: CrashingDisk) -> None:
        self.folder = folder
        self.disk = disk
        self.points: dict[str, int] = {}
        self._count = 0

    @property
    def scenes(self) -> dict[str, tuple[Death, Scene]]:
        """All scenes, each with a way to die."""
        lives = {f"life {death}": (death, self._life) for death in Death}
        starts = {f"restart {death}": (death, self._restart) for death in Death}
        others = {"upgrade": (Death.KILLED, self._upgrade), "mending": (Death.KILLED, self._mending)}
        return {**lives, **starts, **others}

    def play(self, name: str) -> Iterator[str]:
        """A scene once without a death, then once for every point of it; what is wrong."""
        death, scene = self.scenes[name]
        self.disk.arm(0, death)
        for problem in scene():
            yield f"{name}, no death: {problem}"
        count = self._count
        for at in range(1, count + 1):
            self.disk.arm(at, death, seed=at)
            for problem in scene():
                yield f"{name}, point {at} of {count}: {problem}"
            self.points[name] = at

    def _restarted(self) -> None:
        """From here on the machine is sound again."""
        self._count = self.disk.points
        self.disk.arm(0, Death.KILLED)

    def _clean(self) -> Path:
        for path in self.folder.iterdir():
            if path.is_dir():
                for inner in path.iterdir():
                    inner.unlink()
            else:
                path.unlink()
        (self.folder / "left").mkdir(exist_ok=True)
        return self.folder / "journal.sqlite"

    def _life(self) -> list[str]:
        path = self._clean()

        async def work(clock: VirtualClock) -> list[str]:
            life = await lived(path, self.disk, clock, waves())
            left = self.disk.left(path, self.folder / "left")
            self._restarted()
            return await judged(left, life, clock)

        return run_virtually(work)

    def _restart(self) -> list[str]:
        """A life that ended with its process, then a start that dies."""
        path = self._clean()

        async def work(clock: VirtualClock) -> list[str]:
            disk = self.disk
            at, death = disk.armed
            disk.arm(0, death)
            killed = self.folder / "left" / path.name

            def kill() -> None:
                assert disk.left(path, killed.parent) == killed

            life = await lived(path, disk, clock, waves()[:-2], kill)
            disk.arm(at, death, seed=at)
            with suppress(JournalError):
                await opened_journal(killed).close()
            (self.folder / "again").mkdir(exist_ok=True)
            left = disk.left(killed, self.folder / "again")
            self._restarted()
            return await judged(left, life, clock)

        return run_virtually(work)

    def _upgrade(self) -> list[str]:
        """An older version's journal is opened for writing, and the upgrade dies."""
        path = self._clean()
        path.write_bytes(gzip.decompress(FIXTURE.read_bytes()))
        reader = open_reader(path)
        rows, meta = list(reader.rows()), reader.meta
        reader.close()

        async def work() -> list[Row]:
            journal = open_journal(path, account=meta.account, tag=TAG, wall_ns=1, driver=InlineCommit, vfs=VFS)
            found = list(journal.rows())
            await journal.close()
            return found

        return self._same_rows(work, rows)

    def damaged(self) -> Path:
        """A journal of eight rows, the last of them damaged."""
        path = self._clean()
        store = JournalStore(path)
        store.create(JournalMeta(TAG, "paper", 1))
        store.write(Entry(row) for row in _SMALL_ROWS)
        store.close()
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE rows SET wall_ns = 0 WHERE position = 8")
        return path

    def _mending(self) -> list[str]:
        """Cutting the damaged row off dies."""
        path = self.damaged()

        async def work() -> list[Row]:
            journal = opened_journal(path)
            found = list(journal.rows())
            await journal.close()
            return found

        return self._same_rows(work, _SMALL_ROWS[:-1])

    def _same_rows(self, work: Callable[[], Coroutine[object, object, list[Row]]], rows: list[Row]) -> list[str]:
        """Die (or not), then start again: these rows are there."""
        with suppress(JournalError):
            asyncio.run(work())
        self._restarted()
        try:
            found = asyncio.run(work())
        except JournalError as error:
            return [f"no start: {error}"]
        return [] if found == rows else [f"`{len(found)}` rows of `{len(rows)}`, or other ones"]


def main(folder: Path, scene: str) -> int:
    """One scene, until something is wrong."""
    logging.disable()
    with CrashingDisk(VFS) as disk:
        problem = next(Suite(folder, disk).play(scene), "")
    sys.stdout.write(problem + "\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
