"""What to read after a gap in the account stream: nothing is replayed, and there are no numbers that a gap would show.

A pure state machine: ``question`` says what to ask the venue next, ``answered`` takes whether it was answered. What the
answers say goes to the memories of the orders (``dita.adapters.logic.orders``), which let through only what is news.
Positions, open orders and the wallet are read by whoever reads them all the time; that one is only woken.

1. Every order that waits for an end, and the fills of every symbol since before the gap.
2. All of it once more after the lag of the venue's reads: what happened last may not show yet in the first reading.

A question that fails is asked again after the others, with back-off, for ever: whoever falls into a gap again begins
anew, from the start of the older one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from dita.adapters.logic.positions import READ_LAG_NS
from dita.adapters.logic.resolve import AskByClientId, AskFills, Wait
from dita.spec.scales import NANOSECONDS_PER_SECOND

PASSES: Final = 2
BEFORE_NS: Final = 10 * NANOSECONDS_PER_SECOND  # fills carry whole seconds, and the last frame may not be the last fill
_BACKOFF_NS: Final = NANOSECONDS_PER_SECOND
_BACKOFF_DOUBLINGS_MAX: Final = 4  # 1 s … 16 s

Reading = AskFills | AskByClientId


@dataclass(frozen=True, slots=True)
class Gap:
    """What may have been missed. ``orders``: (symbol, client order id) of those whose end is waited for."""

    started_ns: int  # venue time of the last frame before it
    symbols: tuple[str, ...]
    orders: tuple[tuple[str, str], ...]
    read_lag_ns: int = READ_LAG_NS

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Everything that has to be read, most telling first."""
        orders = [AskByClientId(symbol, client_order_id) for symbol, client_order_id in self.orders]
        fills = [AskFills(symbol, max(0, self.started_ns - BEFORE_NS)) for symbol in self.symbols]
        return (*orders, *fills)


@dataclass(frozen=True, slots=True)
class Backfill:
    """The state between two questions. ``failures``: in a row; ``passes``: done completely."""

    gap: Gap
    left: tuple[Reading, ...]
    wait_ns: int | None = None  # before the next reading
    failures: int = 0
    passes: int = 0

    @property
    def is_done(self) -> bool:
        """Whether everything was read as often as it must be."""
        return self.passes == PASSES


def begin(gap: Gap) -> Backfill:
    """Start reading. Raises ValueError for a gap without symbols: there is nothing that it could have hidden."""
    if not gap.symbols:
        raise ValueError("back-fill: no symbols")
    return Backfill(gap, gap.readings)


def with_orders(at: Backfill, orders: Iterable[tuple[str, str]]) -> Backfill:
    """The next pass asks about these orders: others may be under way by then."""
    return replace(at, gap=replace(at.gap, orders=tuple(orders)))


def question(at: Backfill) -> Reading | Wait:
    """What to ask now. Raises ValueError when everything was read."""
    if at.is_done:
        raise ValueError("back-fill: everything was read")
    return at.left[0] if at.wait_ns is None else Wait(at.wait_ns)


def answered(at: Backfill, is_certain: bool) -> Backfill:
    """Take that ``question(at)`` was answered: ``is_certain`` False when the read failed."""
    if at.is_done:
        raise ValueError("back-fill: everything was read")
    if at.wait_ns is not None:
        return replace(at, wait_ns=None, left=at.left or at.gap.readings)
    first, *others = at.left
    if not is_certain:
        backoff_ns = _BACKOFF_NS << min(at.failures, _BACKOFF_DOUBLINGS_MAX)
        return replace(at, left=(*others, first), wait_ns=backoff_ns, failures=at.failures + 1)
    if others:
        return replace(at, left=tuple(others), failures=0)
    passes = at.passes + 1
    return replace(at, left=(), wait_ns=at.gap.read_lag_ns, failures=0, passes=passes)
