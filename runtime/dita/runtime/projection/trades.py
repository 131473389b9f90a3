"""Fills, trades and exit legs: what a step changed in a trade's record, row by row.

A fill row has what the step added. A leg gathers the fills of one exit order until that is over; what is closed by
others, or by an order that was believed over, is a leg of its own.
"""

from collections.abc import Iterator
from typing import Final

from dita.runtime.projection.memory import Leg, SlotMemory
from dita.runtime.projection.names import Names
from dita.runtime.projection.steps import NO_HALF, Figures, Step, figures_of
from dita.spec.published.rows import FillBy, FillEvent, LegBy, TradeEvent, TradeExitLeg, TradeStep
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Half, Slot
from dita.spec.vocabulary import Kind, OrderSide, Part, Phase, Side

_BY: Final[dict[int, str]] = {
    Kind.ADOPT: FillBy.ADOPTED.name, Kind.EXTERNAL_CLOSE: FillBy.OUTSIDE.name,
    Kind.SETTLE: FillBy.SETTLED.name, Kind.SETTLE_FORCED: FillBy.SETTLED.name,
}  # fmt: skip
_ORDER: Final = FillBy.ORDER.name
_PHASES: Final = tuple(phase.name for phase in Phase)
_SIDES: Final = tuple(side.name for side in Side)
_SETTLED: Final = TradeStep.SETTLED.name
_MOVED: Final = TradeStep.MOVED.name
_REQUESTED: Final = TradeStep.REQUESTED.name
_FILLED_BY_ROWS: Final = FillBy.SETTLED.name
_ENTRY: Final = Part.ENTRY.name
_EXIT: Final = Part.EXIT.name
_BUY: Final = OrderSide.BUY.name
_SELL: Final = OrderSide.SELL.name


def fills(step: Step, names: Names, mine: SlotMemory, after: Figures | None) -> Iterator[FillEvent]:
    """What the step added to either half of the trade that it is about. ``after``: what is known of it now."""
    if step.slot is step.slot_before or after is None:
        return
    trade = step.trade
    before = figures_of(step.slot_before, trade)
    entry, exit_, realised = (NO_HALF, NO_HALF, 0) if before is None else (before.entry, before.exit, before.realised)
    realised = after.realised - realised
    entry_changed, exit_changed = entry != after.entry, exit_ != after.exit
    by = _BY.get(step.event.kind, _ORDER)
    if entry_changed:
        mark = mine.reference_price if trade == mine.trade else 0
        earned = 0 if exit_changed else realised
        yield _fill(step, names, trade, by, _ENTRY, entry, after.entry, after.side, mark, earned)
    if exit_changed:
        mark = mine.leg.reference_price if mine.leg is not None and by == _ORDER else 0
        yield _fill(step, names, trade, by, _EXIT, exit_, after.exit, after.side, mark, realised)


def _fill(
    step: Step, names: Names, trade: int, by: str, part: str, before: Half, after: Half, side: int, mark: int,
    realised: int,
) -> FillEvent:  # fmt: skip
    event = step.event
    quantity, quote = after.quantity - before.quantity, after.quote - before.quote
    buys = (side == Side.LONG) == (part == _ENTRY)
    slippage = 0
    if mark and quantity > 0:
        worth = quantity * mark // NOTIONAL_DIVISOR
        slippage = quote - worth if buys else worth - quote
    return FillEvent(
        names.tag, step.position, 0, step.wall_ns, step.venue_ns, by, part, names.symbol(event.instrument),
        event.slot, trade, event.attempt if by == _ORDER else 0, _BUY if buys else _SELL,
        quantity, quote, quote * NOTIONAL_DIVISOR // quantity if quantity > 0 and quote > 0 else 0,
        after.fee - before.fee, realised, mark, slippage, after.graded == 1,
    )  # fmt: skip


def trade_steps(step: Step, names: Names, mine: SlotMemory, after: Figures | None) -> Iterator[TradeEvent]:
    """Its transitions, and the settlement of a half. ``after``: as above."""
    event, outcome = step.event, step.outcome
    if outcome.moves:
        moves = ((outcome.from_1, outcome.to_1), (outcome.from_2, outcome.to_2))
        for old, new in moves[: outcome.moves]:
            yield _trade(step, names, mine, after, _what(event.kind, after, old, new), old, new)
    elif event.kind in (Kind.SETTLE, Kind.SETTLE_FORCED) and step.slot is not step.slot_before:
        phase = step.slot.phase if step.slot.trade == event.trade else Phase.IDLE
        yield _trade(step, names, mine, after, _SETTLED, phase, phase)


def _what(kind: int, after: Figures | None, old: int, new: int) -> str:
    if old == Phase.IDLE:
        return TradeStep.ADOPTED.name if kind == Kind.ADOPT else _REQUESTED
    if new != Phase.IDLE:
        return _MOVED
    return (TradeStep.ROLLED_BACK if after is None else TradeStep.FINISHED).name


def _trade(
    step: Step, names: Names, mine: SlotMemory, after: Figures | None, what: str, old: int, new: int
) -> TradeEvent:
    trade = step.trade
    known = after or Figures(
        step.slot_before.side, NO_HALF, NO_HALF, 0, 0, step.slot_before.ref_price, is_finished=True
    )
    entry, exit_ = known.entry, known.exit
    began_ns = mine.began_ns.get(trade, step.wall_ns)
    predicted = (0 if entry.graded else entry.fee) + (0 if exit_.graded else exit_.fee)
    reference_price = known.reference_price or (mine.reference_price if mine.trade == trade else 0)
    return TradeEvent(
        names.tag, step.position, 0, step.wall_ns, what, names.symbol(_instrument(step, trade)), step.event.slot,
        trade, _SIDES[known.side], _PHASES[old], _PHASES[new], reference_price, began_ns, step.wall_ns - began_ns,
        entry.quantity, entry.quote, exit_.quantity, exit_.quote, known.exit_orders, known.realised,
        entry.fee + exit_.fee, predicted, entry.graded == 1 and exit_.graded == 1, names.code(step.outcome.code),
    )  # fmt: skip


def _instrument(step: Step, trade: int) -> int:
    """An operator's settlement names no instrument."""
    if step.event.kind != Kind.SETTLE_FORCED:
        return step.event.instrument
    return next((tail.instrument for tail in step.slot.tails if tail.trade == trade), step.event.instrument)


def legs(step: Step, names: Names, mine: SlotMemory, made: list[FillEvent]) -> Iterator[TradeExitLeg]:
    """The legs that end with this step. ``made``: its fills."""
    leg = mine.leg
    if leg is None and not made:
        return
    exits = [fill for fill in made if fill.part == _EXIT and fill.by != _FILLED_BY_ROWS]
    for fill in exits:
        if fill.by == _ORDER and leg is not None and not leg.is_over and fill.attempt == leg.attempt:
            leg.quantity += fill.quantity_e8_coins
            leg.quote += fill.quote_e8_usdt
            leg.realised += fill.realised_e8_usdt
            leg.fee += fill.fee_e8_usdt
        else:
            by = LegBy.LATE if fill.by == _ORDER else LegBy.OUTSIDE
            number = step.slot_before.plan.next_leg if leg is None or by is LegBy.OUTSIDE else leg.number
            own = Leg(
                number, fill.attempt, 0, 0, step.wall_ns, fill.quantity_e8_coins, fill.quote_e8_usdt,
                fill.realised_e8_usdt, fill.fee_e8_usdt,
            )  # fmt: skip
            yield _leg(step, names, by, own)
    if leg is not None and not leg.is_over and _is_over(step.slot, mine, leg):
        leg.is_over = True
        if leg.quantity:
            yield _leg(step, names, LegBy.ORDER, leg)


def _is_over(slot: Slot, mine: SlotMemory, leg: Leg) -> bool:
    return slot.trade != mine.trade or slot.exit.attempt != leg.attempt or slot.exit.done == 1


def _leg(step: Step, names: Names, by: LegBy, leg: Leg) -> TradeExitLeg:
    price = leg.quote * NOTIONAL_DIVISOR // leg.quantity if leg.quantity > 0 and leg.quote > 0 else 0
    return TradeExitLeg(
        names.tag, step.position, 0, step.wall_ns, by.name, names.symbol(step.event.instrument), step.event.slot,
        step.slot_before.trade, _SIDES[step.slot_before.side], leg.number, leg.attempt, leg.ordered, leg.quantity,
        leg.quote, price, leg.realised, leg.fee, leg.began_ns, step.wall_ns - leg.began_ns,
    )  # fmt: skip
