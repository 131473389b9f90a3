"""Parts of a runtime for tests: a kernel that is the reference, clocks that stand still, a journal, sample inputs."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from dita.adapters.journal import Commit, InlineCommit, Journal, open_journal
from dita.adapters.journal.store import JournalStore
from dita.reference import step
from dita.runtime.alerts import Alerts
from dita.runtime.engine import Engine
from dita.runtime.history import History
from dita.runtime.lockstep import Lockstep
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.outcome import Outcome
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.state import initial_state
from dita.spec.vocabulary import Part, Side

SECOND = 1_000_000_000
PRICE = 50_000 * PRICE_SCALE
SNAPSHOT_EVERY = 10


class ReferenceKernel:
    """The reference behind the kernel's interface: what is tested with it is not the kernel."""

    def __init__(self) -> None:
        self.state_ = initial_state()
        self.steps = 0

    def step(self, event: Input) -> Outcome:
        """As the kernel."""
        self.steps += 1
        self.state_, outcome = step(self.state_, event)
        return outcome

    def snapshot(self) -> bytes:
        """As the kernel."""
        return pack(self.state_)


def registered() -> list[Input]:
    """A seeded account with one registered instrument."""
    register = inputs.register(
        instrument=0, lot=10_000, tick=PRICE_SCALE // 10, quantity_min=10_000, notional_min=2 * MONEY_SCALE,
        price_max=10**17, quantity_max=10**11, taker_ppb=500_000, maker_ppb=200_000,
    )  # fmt: skip
    return [
        register,
        inputs.set_limits(slot_limit=16, leverage_max_ppm=3_000_000, tolerance=0),
        inputs.seed(amount=100_000 * MONEY_SCALE, time_ns=SECOND),
    ]


def opened(trade: int, quantity: int = QUANTITY_SCALE // 10, slot: int = 0) -> list[Input]:
    """A trade entered and filled."""
    quote = quantity * PRICE // 10**10
    return [
        inputs.enter(slot=slot, instrument=0, trade=trade, side=Side.LONG, quantity=quantity, price=PRICE),
        inputs.order(
            slot=slot, instrument=0, trade=trade, attempt=0, quantity=quantity, quote=quote, done=True, time_ns=SECOND
        ),
    ]


def round_trip(trade: int, slot: int = 0) -> list[Input]:
    """A whole trade, settled."""
    quantity = QUANTITY_SCALE // 10
    quote = quantity * PRICE // 10**10
    place = {"slot": slot, "instrument": 0, "trade": trade}
    return [
        *opened(trade, quantity, slot),
        inputs.exit_leg(slot=slot, instrument=0, trade=trade, leg=0),
        inputs.order(**place, attempt=1, quantity=quantity, quote=quote, done=True, time_ns=SECOND),
        inputs.settle(**place, part=Part.ENTRY, quantity=quantity, quote=quote, fee=1000 + trade, time_ns=SECOND),
        inputs.settle(**place, part=Part.EXIT, quantity=quantity, quote=quote, fee=2000, time_ns=SECOND),
    ]


def trades(count: int) -> Iterator[Input]:
    """A journal's worth of ordinary inputs."""
    yield from registered()
    for trade in range(1, count + 1):
        yield from round_trip(trade, slot=trade % 3)


def open_test_journal(path: Path, driver: Callable[[JournalStore], Commit] = InlineCommit) -> Journal:
    return open_journal(path, account="paper", tag="test0", wall_ns=1, driver=driver)


def lived(path: Path, trade_count: int, made_by: str) -> tuple[bytes, History]:
    """A runtime with snapshots that has ended with an order under way: its packed state and its history."""
    return asyncio.run(_lived(path, trade_count, made_by))


async def _lived(path: Path, trade_count: int, made_by: str) -> tuple[bytes, History]:
    journal = open_test_journal(path)
    ticks = iter(range(1, 100_000))
    history = History()
    engine = Engine(
        Lockstep(ReferenceKernel()), journal, Alerts(lambda: 0), wall_ns=lambda: next(ticks),
        venue_now_ns=lambda: 5, on_divergence=lambda _: None, history=history, made_by=made_by,
        snapshot_every=SNAPSHOT_EVERY,
    )  # fmt: skip
    for event in [*trades(trade_count), *opened(trade_count + 1)[:1]]:
        await engine.apply(event)
    history.keep(engine.state)
    await journal.close()
    return pack(engine.state), history


async def settle_loop(times: int = 20) -> None:
    """Let every ready task run."""
    for _ in range(times):
        await asyncio.sleep(0)


class WrongKernel(ReferenceKernel):
    """Planted: agrees up to a step, then answers otherwise, as ``how`` says."""

    def __init__(self, at: int, how: str) -> None:
        super().__init__()
        self.at, self.how = at, how

    def step(self, event: Input) -> Outcome:
        """As the kernel, but for one step."""
        outcome = super().step(event)
        if self.steps != self.at:
            return outcome
        if self.how == "raise":
            raise RuntimeError("planted")
        if self.how == "outcome":
            return outcome._replace(quantity=outcome.quantity + 1)
        account = self.state_.account
        if self.how == "account":
            self.state_ = self.state_._replace(account=account._replace(exposure=account.exposure + 1))
        else:  # a slot that this step has no business with
            last = self.state_.slots[-1]._replace(realised=1)
            self.state_ = self.state_._replace(slots=(*self.state_.slots[:-1], last))
        return outcome
