"""One row of a journal with what it did, as all projections take it."""

from typing import Final, NamedTuple

from dita.adapters.journal import Note
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Half, Slot, exit_quantity, exit_quote
from dita.spec.vocabulary import Kind, Phase, Side

NO_HALF = Half(graded=0)
# The kernel ignores the fields that a kind does not name, so nothing is read from them here either.
_OF_NO_INSTRUMENT: Final = frozenset(
    (Kind.SET_MODE, Kind.SET_LIMITS, Kind.SEED, Kind.INCOME, Kind.WALLET, Kind.CALIBRATE, Kind.SETTLE_FORCED)
)
_OF_NO_TRADE: Final = _OF_NO_INSTRUMENT - {Kind.SETTLE_FORCED} | {Kind.REGISTER, Kind.POSITION}
_TIMED: Final = frozenset(
    (
        Kind.SEED, Kind.ADOPT, Kind.ORDER, Kind.REJECTED, Kind.NOT_FOUND, Kind.EXTERNAL_CLOSE, Kind.SETTLE, Kind.INCOME,
        Kind.WALLET, Kind.POSITION,
    )
)  # fmt: skip


class Step(NamedTuple):
    """A journaled input, the kernel's answer, and the only records that it could change, before and after."""

    position: int
    wall_ns: int
    send_by_ns: int
    event: Input
    outcome: Outcome
    account_before: Account
    account: Account
    slot_before: Slot
    slot: Slot
    notes: tuple[Note, ...]

    @property
    def trade(self) -> int:
        """The trade that it is about; 0: none."""
        kind = self.event.kind
        if kind in _OF_NO_TRADE:
            return 0
        if kind in (Kind.SETTLE, Kind.SETTLE_FORCED):
            return self.event.trade
        return self.slot_before.trade or self.slot.trade or self.event.trade

    @property
    def instrument(self) -> int | None:
        """The instrument that it is about; None: none."""
        return None if self.event.kind in _OF_NO_INSTRUMENT else self.event.instrument

    @property
    def venue_ns(self) -> int:
        """The venue's time of it; 0: its kind has none."""
        return self.event.time_ns if self.event.kind in _TIMED else 0


class Figures(NamedTuple):
    """What a slot's records say of one trade, 1e-8 coins and 1e-8 USDT; ``graded`` halves are settled."""

    side: int
    entry: Half
    exit: Half
    realised: int
    exit_orders: int
    reference_price: int  # 0: it is finished, and its slot no longer says
    is_finished: bool


def figures_of(slot: Slot, trade: int) -> Figures | None:
    """Of the trade that is live in a slot or one that it still remembers; None for one that it does not know."""
    if slot.phase != Phase.IDLE and slot.trade == trade:
        entry = slot.entry
        return Figures(
            slot.side,
            Half(entry.quantity, entry.quote, entry.fee, entry.graded),
            Half(exit_quantity(slot), exit_quote(slot), slot.closed.fee, 0),
            slot.realised,
            slot.exit.attempt,
            slot.ref_price,
            is_finished=False,
        )
    if trade == 0:
        return None
    for tail in slot.tails:
        if tail.trade == trade:
            earned = tail.exit.quote - tail.entry.quote
            realised = earned if tail.side == Side.LONG else -earned
            return Figures(tail.side, tail.entry, tail.exit, realised, tail.last_attempt, 0, is_finished=True)
    return None
