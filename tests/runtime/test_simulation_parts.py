"""What the simulation stands on: time that jumps, connections in memory, processes that die, a disk that forgets."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from dita.adapters.exchange.faults import Fault
from dita.adapters.journal import InlineCommit, JournalFull, JournalUnwritable, open_journal
from dita.runtime.simulation.disk import Disk, Point, simulated_disk
from dita.runtime.simulation.loop import NothingLeftToHappen, VirtualLoop
from dita.runtime.simulation.network import MemoryListener, MemoryNetwork
from dita.runtime.simulation.processes import SimulatedProcess
from dita.runtime.simulation.scenario import EXCHANGE_KINDS, FAULT_KINDS, NOT_ASSUMED, Scenario, draw_scenario
from dita.runtime.simulation.shrinking import shrink
from dita.spec import inputs
from dita.spec.assumptions import ASSUMPTIONS
from dita.spec.vocabulary import Mode

Run = Callable[[Callable[[VirtualLoop], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def run() -> Generator[Run]:
    """Runs a coroutine on a virtual loop."""
    network = MemoryNetwork(Random(1), (0.01, 0.02))
    loop = VirtualLoop(network)
    yield lambda work: loop.run_until_complete(work(loop))
    loop.close()
    network.close()


# --- time ------------------------------------------------------------------------------------------------------------


def test_timers_of_one_instant_keep_their_order(run: Run) -> None:
    """A heap alone would not: a thousand timers due at once ring in the order in which they were set."""
    rung: list[int] = []

    async def work(loop: VirtualLoop) -> None:
        due = loop.time() + 5
        for number in range(1000):
            loop.call_at(due, rung.append, number)
        await asyncio.sleep(6)

    run(work)
    assert rung == list(range(1000))


def test_hours_pass_at_once_and_cancelled_timers_do_not_pile_up(run: Run) -> None:
    """A day of waiting with a timer cancelled each second."""

    async def work(loop: VirtualLoop) -> None:
        began = loop.time()
        for _ in range(86_400 // 60):
            loop.call_later(100_000, print).cancel()
            await asyncio.sleep(60)
        assert loop.time() - began == pytest.approx(86_400)
        assert len(loop._scheduled) < 500  # type: ignore[attr-defined] # asyncio's own heap

    run(work)


def test_a_wait_that_nothing_ends_is_named(run: Run) -> None:
    """Where a real program would hang for ever, the loop says so."""

    async def work(_: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToHappen, match="a wait that nothing ends"):
        run(work)


def test_threads_are_refused(run: Run) -> None:
    """Their order is nobody's to choose, so a simulation has none."""

    async def work(_: VirtualLoop) -> None:
        with pytest.raises(RuntimeError, match="no threads"):
            await asyncio.to_thread(print)

    run(work)


# --- processes -------------------------------------------------------------------------------------------------------


def test_a_frozen_process_stands_still_and_catches_up_in_order(run: Run) -> None:
    """SIGSTOP and SIGCONT: nothing of it runs meanwhile, what was due then happens in its order."""
    steps: list[float] = []

    async def walk(loop: VirtualLoop) -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            steps.append(loop.time())

    async def work(loop: VirtualLoop) -> None:
        process = SimulatedProcess("one")
        began = loop.time()
        walking = process.start(walk(loop))
        await asyncio.sleep(1.5)
        process.freeze()
        await asyncio.sleep(10)
        assert len(steps) == 1
        loop.thaw(process)
        await walking
        assert [round(step - began, 3) for step in steps] == [1, 11.5, 12.5]

    run(work)


def test_what_a_dead_process_still_writes_reaches_nobody(run: Run) -> None:
    """SIGKILL in the middle of its code: bytes written after it are gone, its peer meets a reset, its tasks end."""
    heard: list[bytes] = []
    lost: list[Exception | None] = []

    class Server(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            heard.append(data)

        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    async def client(loop: VirtualLoop, process: SimulatedProcess) -> None:
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", 7)
        transport.write(b"alive")
        await asyncio.sleep(1)
        process.kill()
        transport.write(b"dead")
        await asyncio.sleep(100)

    async def work(loop: VirtualLoop) -> None:
        await loop.create_server(Server, sock=MemoryListener("127.0.0.1", 7))
        process = SimulatedProcess("client")
        process.on_death.append(lambda: loop.network.bury(process))
        running = process.start(client(loop, process))
        await asyncio.sleep(3)
        await process.reap()
        assert running.cancelled()
        assert process.tasks == {}

    run(work)
    assert heard == [b"alive"]
    assert [type(error) for error in lost] == [ConnectionResetError]


@pytest.mark.parametrize("milliseconds", range(2, 48, 5))
def test_a_process_killed_while_it_connects_leaves_no_end_open(run: Run, milliseconds: int) -> None:
    """On the way, accepted or connected; and what is left of it connects to nobody, however often it tries."""
    accepted: list[object] = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    async def client(loop: VirtualLoop) -> None:
        try:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 7)
            await asyncio.sleep(100)
        finally:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 7)

    async def work(loop: VirtualLoop) -> None:
        await loop.create_server(Server, sock=MemoryListener("127.0.0.1", 7))
        process = SimulatedProcess("client")
        process.on_death.append(lambda: loop.network.bury(process))
        running = process.start(client(loop))
        await asyncio.sleep(milliseconds / 1000)
        assert not running.done()
        accepted_alive = len(accepted)
        process.kill()
        await process.reap()
        assert running.done()
        assert len(accepted) == accepted_alive
        assert loop.network.connections == 0

    run(work)


# --- connections -----------------------------------------------------------------------------------------------------


def test_bytes_arrive_in_order_whatever_the_latency_and_the_pieces(run: Run) -> None:
    """Ten thousand bytes in many writes, cut into pieces at random, through a network that goes dark for a while."""
    heard = bytearray()
    pieces: list[int] = []

    class Server(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            heard.extend(data)
            pieces.append(len(data))

    async def work(loop: VirtualLoop) -> None:
        await loop.create_server(Server, sock=MemoryListener("127.0.0.1", 7))
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", 7)
        loop.network.fragments = True
        for number in range(100):
            if number == 50:
                loop.network.dark_until = loop.time() + 5
            transport.write(bytes([number]) * 100)
            await asyncio.sleep(0.001)
        await asyncio.sleep(10)

    run(work)
    assert bytes(heard) == b"".join(bytes([number]) * 100 for number in range(100))
    assert len(pieces) > 120


def test_a_writer_waits_for_a_reader_that_does_not_read(run: Run) -> None:
    """Flow control: the writer is paused when the buffers are full, and resumed when they are empty."""
    said: list[str] = []
    server: list[asyncio.Transport] = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.pause_reading()
            server.append(transport)

    class Client(asyncio.Protocol):
        def pause_writing(self) -> None:
            said.append("pause")

        def resume_writing(self) -> None:
            said.append("resume")

    async def work(loop: VirtualLoop) -> None:
        await loop.create_server(Server, sock=MemoryListener("127.0.0.1", 7))
        transport, _ = await loop.create_connection(Client, "127.0.0.1", 7)
        transport.set_write_buffer_limits(0)
        transport.write(bytes(300_000))
        await asyncio.sleep(1)
        assert said == ["pause"]
        server[0].resume_reading()
        await asyncio.sleep(1)
        assert said == ["pause", "resume"]

    run(work)


def test_nobody_listens_is_refused(run: Run) -> None:
    """As by an operating system."""

    async def work(loop: VirtualLoop) -> None:
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 9)

    run(work)


# --- the disk --------------------------------------------------------------------------------------------------------


def _write(folder: Path, count: int, first: int = 1) -> None:
    """Open the journal, append so many rows, and leave without closing."""
    journal = open_journal(folder / "journal.sqlite", account="a", tag="disktest", wall_ns=1, driver=InlineCommit)

    async def append() -> None:
        try:
            for number in range(first, first + count):
                await journal.append(inputs.set_mode(Mode(number % 3)), send_by_ns=0, digest=bytes(32), wall_ns=number)
        finally:
            await journal.close()

    asyncio.run(append())


def _rows(folder: Path) -> list[int]:
    journal = open_journal(folder / "journal.sqlite", account="a", tag="disktest", wall_ns=1, driver=InlineCommit)
    try:
        return [row.wall_ns for row in journal.rows()]
    finally:
        asyncio.run(journal.close())


def _die_at(disk: Disk, number: int, act: str, die: Callable[[], None]) -> None:
    """At the n-th such point from now on, before it happens."""
    seen = 0

    def watch(point: Point) -> int | None:
        nonlocal seen
        if point.act != act or point.done:
            return None
        seen += 1
        if seen != number:
            return None
        die()
        return 0

    disk.watcher = watch


def test_a_loss_of_power_takes_nothing_that_was_flushed(tmp_path: Path) -> None:
    """At every point of ten commits, with every choice of what arrived: all rows that were durable are there."""
    points_seen = 0
    for number in range(1, 31):
        folder = tmp_path / str(number)
        folder.mkdir()
        with simulated_disk(folder) as disk:
            _write(folder, 5)
            rng = Random(number)
            act = ("write", "flush")[number % 2]
            _die_at(disk, 1 + number // 2, act, partial(disk.keep_what_is_flushed, rng))
            try:
                _write(folder, 10, first=6)
            except JournalUnwritable:
                points_seen += 1
            disk.watcher = None
            if disk.has_kept:
                disk.restore()
            kept = _rows(folder)
            assert kept == list(range(1, len(kept) + 1))
            assert len(kept) >= 5
    assert points_seen >= 20


def test_a_flush_that_lies_loses_rows(tmp_path: Path) -> None:
    """The disk's own check can fail: rows that were only written, because the flush does nothing, are lost."""
    with simulated_disk(tmp_path) as disk:
        _write(tmp_path, 5)
        disk.flushed = lambda path: None  # type: ignore[method-assign] # the planted lie
        _die_at(disk, 25, "write", lambda: disk.keep_what_is_flushed(Random(3)))
        with pytest.raises(JournalUnwritable):
            _write(tmp_path, 20, first=6)
        disk.watcher = None
        disk.restore()
        assert len(_rows(tmp_path)) < 10


def test_a_full_disk_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    """No file may grow: the journal's own error, and afterwards the rows from before."""
    with simulated_disk(tmp_path) as disk:
        _write(tmp_path, 5)
        disk.is_full = True
        with pytest.raises(JournalFull):
            _write(tmp_path, 50, first=6)
        disk.is_full = False
        assert _rows(tmp_path)[:5] == [1, 2, 3, 4, 5]


# --- scenarios -------------------------------------------------------------------------------------------------------


def test_every_kind_of_fault_that_the_exchange_knows_is_declared() -> None:
    """A kind that is added there and not here would never be tried."""
    known = {kind.__dataclass_fields__["kind"].default for kind in get_args(Fault)}
    assert known == set(EXCHANGE_KINDS) | set(NOT_ASSUMED)
    assert set(NOT_ASSUMED.values()) <= {assumption.id for assumption in ASSUMPTIONS}
    assert len(FAULT_KINDS) >= 30


def test_every_kind_is_drawn_within_two_hundred_seeds() -> None:
    """Swarm selection leaves no kind out, and draws the same twice."""
    drawn = {trouble.kind for seed in range(200) for trouble in draw_scenario(seed).troubles}
    assert drawn == set(FAULT_KINDS)
    assert draw_scenario(7) == draw_scenario(7)
    assert draw_scenario(7) != draw_scenario(8)


def test_shrinking_finds_the_two_troubles_that_matter() -> None:
    """Of many troubles those two, and the shortest time from which on it fails; then the command says so."""
    scenario = next(found for seed in range(100) if len((found := draw_scenario(seed)).troubles) >= 14)

    def fails(candidate: Scenario) -> bool:
        kept = {trouble.number for trouble in candidate.troubles}
        return {3, 11} <= kept and candidate.safety_seconds >= scenario.safety_seconds / 3

    small = shrink(scenario, fails)
    assert [trouble.number for trouble in small.scenario.troubles] == [3, 11]
    assert small.scenario.safety_seconds <= scenario.safety_seconds / 2
    assert small.tries <= 60
    assert small.command == (
        f"dita simulate --seed {scenario.seed} --keep '3,11' --seconds {small.scenario.safety_seconds}"
    )


def test_a_kill_at_a_point_is_replayed_by_its_point() -> None:
    """One kill on a short market: nothing is left out of it, and the command names the point."""
    small = shrink(draw_scenario(3).killed_at(41), lambda _: True)
    assert (small.command, small.tries) == ("dita simulate --seed 3 --point 41", 0)


def test_shrinking_stops_when_its_tries_are_used_up() -> None:
    """What is left then still failed when it was last run."""
    scenario = draw_scenario(1)
    assert shrink(scenario, lambda _: True, tries_max=0).scenario == scenario
