"""What the runtime wants: open, close, cancel, adopt; and closes that happened without us (clauses G, X, T)."""

from dita.reference.arithmetic import (
    calibrated_rate,
    is_multiple,
    minimum_quantity,
    notional,
    price_plausible,
    within_leverage,
)
from dita.reference.focus import Answer, flagged, flagged_evidence, in_range, money, require, require_time
from dita.reference.ledger import booked, frozen
from dita.reference.lifecycle import accepted, closing, finished, has_room, in_exit, in_flight_attempt
from dita.reference.orders import advances, is_possible
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND, RATIO_SCALE, TRADE_ID_MAX
from dita.spec.state import Entry, Focus, Instrument, Plan, Slot, capital, exit_quantity, remaining
from dita.spec.vocabulary import LEGS, Code, Mode, OrderSide, Phase, Reconcile, Side, Verdict

# --- opening --------------------------------------------------------------------------------------------------------


def enter(focus: Focus, event: Input) -> Answer:
    """ENTER: reserve an idle slot and submit the entry order; every guard in its place (clauses G1 to G9)."""
    account, instrument, slot = focus.account, focus.instrument, focus.slot
    require_entry_values(instrument, event)
    require(event.trade > account.trade_high_water, Code.STALE_ID)
    require(slot.phase == Phase.IDLE, Code.SLOT_BUSY)
    require(account.seeded == 1, Code.NOT_SEEDED)
    require(account.mode != Mode.HALTED, Code.MODE_HALTED)
    require(account.mode != Mode.REDUCE_ONLY, Code.MODE_REDUCE_ONLY)
    require(not frozen(account.ledger, account.tolerance), Code.CAPITAL_FROZEN)
    require(account.unreconciled == 0, Code.RECONCILE_REQUIRED)
    require(has_room(slot), Code.UNSETTLED_TRADE)
    require(account.live_slots < account.slot_limit, Code.SLOT_LIMIT)
    require(instrument.holder == 0, Code.INSTRUMENT_BUSY)
    minimum = minimum_quantity(instrument.quantity_min, instrument.notional_min, event.price, instrument.lot)
    require(event.quantity >= minimum, Code.BELOW_MINIMUM)
    ordered_notional = money(notional(event.quantity, event.price))
    exposure = money(account.exposure + ordered_notional)
    require(within_leverage(exposure, capital(account.ledger), account.leverage_max_ppm), Code.LEVERAGE)
    rate = instrument.maker_ppb if event.post_only == 1 else instrument.taker_ppb
    after = Slot(
        phase=Phase.ENTRY_REQUESTED,
        trade=event.trade,
        instrument=event.instrument,
        side=event.side,
        fee_rate_ppb=calibrated_rate(rate, account.calibration_ppm),
        minimum=minimum,
        ref_price=event.price,
        exposure=ordered_notional,
        entry=Entry(ordered=event.quantity),
        plan=Plan(legs=event.legs, ratios=event.ratios),
        tails=slot.tails,
    )
    outcome = Outcome(
        Verdict.ACCEPTED, Code.OK, moves=1, from_1=Phase.IDLE, to_1=Phase.ENTRY_REQUESTED, submit=1,
        trade=event.trade, attempt=0, side=OrderSide.BUY if event.side == Side.LONG else OrderSide.SELL,
        quantity=event.quantity, limit_price=event.limit_price, post_only=event.post_only,
    )  # fmt: skip
    return taken(focus, event, after, exposure), outcome


def taken(focus: Focus, event: Input, slot: Slot, exposure: int) -> Focus:
    """The slot and its instrument now belong to the event's trade; the trade number is spent for ever."""
    account = focus.account._replace(
        trade_high_water=event.trade,
        live_slots=focus.account.live_slots + 1,
        exposure=exposure,
    )
    return Focus(account, focus.instrument._replace(holder=event.slot + 1), slot)


def require_entry_values(instrument: Instrument, event: Input) -> None:
    """Domain of every ENTER field."""
    require(instrument.registered == 1, Code.BAD_INDEX)
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code.BAD_VALUE)
    require(event.side == Side.LONG or event.side == Side.SHORT, Code.BAD_VALUE)
    require(in_range(event.quantity, 1, instrument.quantity_max), Code.BAD_VALUE)
    require(in_range(event.price, 1, instrument.price_max), Code.BAD_VALUE)
    require(in_range(event.post_only, 0, 1), Code.BAD_VALUE)
    require_limit_price(instrument, event)
    require_plan(event)
    require(is_multiple(event.quantity, instrument.lot), Code.NOT_LOT)


def require_limit_price(instrument: Instrument, event: Input) -> None:
    """0 is a market order; anything else is a whole number of ticks."""
    require(in_range(event.limit_price, 0, instrument.price_max), Code.BAD_VALUE)
    require(is_multiple(event.limit_price, instrument.tick), Code.BAD_VALUE)


def require_plan(event: Input) -> None:
    """1 to 8 legs, each taking a positive share of what remains; ratios past the last leg are 0."""
    require(in_range(event.legs, 1, LEGS), Code.BAD_VALUE)
    for index in range(LEGS):
        ratio = event.ratios[index]
        if index < event.legs:
            require(in_range(ratio, 1, RATIO_SCALE), Code.BAD_VALUE)
        else:
            require(ratio == 0, Code.BAD_VALUE)


def adopt(focus: Focus, event: Input) -> Answer:
    """ADOPT: an unexplained venue position becomes a trade that can be closed; no limit refuses it (clauses T3, T6)."""
    account, instrument, slot = focus.account, focus.instrument, focus.slot
    require(instrument.registered == 1, Code.BAD_INDEX)
    require_time(event.time_ns)
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code.BAD_VALUE)
    require(event.side == Side.LONG or event.side == Side.SHORT, Code.BAD_VALUE)
    require(event.quantity > 0 and is_possible(event.quantity, event.quote), Code.BAD_VALUE)
    require(in_range(event.price, 1, BOUND), Code.BAD_VALUE)
    require(price_plausible(event.quote, event.quantity, event.price), Code.BAD_VALUE)
    require(is_multiple(event.quantity, instrument.lot), Code.NOT_LOT)
    require(event.trade > account.trade_high_water, Code.STALE_ID)
    require(slot.phase == Phase.IDLE, Code.SLOT_BUSY)
    require(account.seeded == 1, Code.NOT_SEEDED)
    require(instrument.reconcile_required == 1, Code.NO_CHANGE)
    newest = max(instrument.evidence_time_ns, instrument.fill_time_ns)
    require(event.time_ns >= newest, Code.STALE_SNAPSHOT)
    require(has_room(slot), Code.UNSETTLED_TRADE)
    require(instrument.holder == 0, Code.INSTRUMENT_BUSY)
    idle = taken(focus, event, Slot(tails=slot.tails), account.exposure)
    minimum = minimum_quantity(instrument.quantity_min, instrument.notional_min, event.price, instrument.lot)
    record = Slot(
        phase=Phase.POSITION_OPEN,
        trade=event.trade,
        instrument=event.instrument,
        side=event.side,
        fee_rate_ppb=calibrated_rate(instrument.taker_ppb, account.calibration_ppm),
        minimum=min(minimum, BOUND),
        ref_price=event.price,
        entry=Entry(ordered=event.quantity, quantity=event.quantity, quote=event.quote, done=1, seen=1),
        plan=Plan(legs=1, ratios=(RATIO_SCALE,) + (0,) * (LEGS - 1)),
        tails=slot.tails,
    )
    outcome = Outcome(
        Verdict.ACCEPTED, Code.OK, moves=1, from_1=Phase.IDLE, to_1=Phase.POSITION_OPEN, trade=event.trade
    )
    return booked(idle, record, event.time_ns), outcome


# --- closing --------------------------------------------------------------------------------------------------------


def require_live(focus: Focus, event: Input) -> None:
    """The input names the trade that is live in this slot, in its instrument."""
    require(focus.slot.trade == event.trade, Code.STALE_ID)
    require(focus.slot.instrument == event.instrument, Code.BAD_INDEX)


def exit_leg(focus: Focus, event: Input) -> Answer:
    """EXIT: submit the next leg; while the entry still works it is deferred behind a cancel (clause X2)."""
    slot = focus.slot
    require(slot.phase != Phase.IDLE, Code.NO_POSITION)
    require_live(focus, event)
    require_limit_price(focus.instrument, event)
    require(slot.plan.next_leg == event.leg, Code.WRONG_LEG)
    require(focus.account.mode != Mode.HALTED, Code.MODE_HALTED)
    if slot.phase == Phase.POSITION_OPEN:
        return closing(focus, everything=slot.flatten == 1, limit_price=event.limit_price, lot=focus.instrument.lot)
    require(not in_exit(slot), Code.EXIT_IN_PROGRESS)
    return deferred(focus, Code.EXIT_DEFERRED)


def flatten(focus: Focus, event: Input) -> Answer:
    """FLATTEN: close everything, in any mode; behind the order in flight if there is one (clause X1)."""
    slot = focus.slot
    require(slot.phase != Phase.IDLE, Code.NO_POSITION)
    if event.trade != 0:
        require(slot.trade == event.trade, Code.STALE_ID)
    require(slot.instrument == event.instrument, Code.BAD_INDEX)
    if slot.phase == Phase.POSITION_OPEN:
        return closing(focus, everything=True, limit_price=0, lot=focus.instrument.lot)
    return deferred(focus, Code.OK)


def deferred(focus: Focus, code: Code) -> Answer:
    """Remember to close everything, and cancel the order in flight if it is known to rest on the book."""
    slot = focus.slot
    working = slot.phase == Phase.ENTRY_WORKING or slot.phase == Phase.EXIT_WORKING
    require(working or slot.flatten == 0, Code.NO_CHANGE)
    after = focus._replace(slot=slot._replace(flatten=1))
    return accepted(slot, after, code, attempt=in_flight_attempt(slot), cancel=1 if working else 0)


def cancel(focus: Focus, event: Input) -> Answer:
    """CANCEL: take the working order off the book and keep what filled; an unresolved one is asked for instead."""
    slot = focus.slot
    require(slot.phase != Phase.IDLE, Code.NOTHING_WORKING)
    require_live(focus, event)
    attempt = in_flight_attempt(slot)
    if slot.phase == Phase.ENTRY_WORKING or slot.phase == Phase.EXIT_WORKING:
        return accepted(slot, focus, attempt=attempt, cancel=1)
    unresolved = slot.phase == Phase.ENTRY_UNRESOLVED or slot.phase == Phase.EXIT_UNRESOLVED
    require(unresolved, Code.NOTHING_WORKING)
    return accepted(slot, focus, attempt=attempt, resolve=1)


def external_close(focus: Focus, event: Input) -> Answer:
    """EXTERNAL_CLOSE: what left the position without an addressable order, as one virtual exit order (clause T4)."""
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code.BAD_VALUE)
    require_time(event.time_ns)
    require(focus.instrument.registered == 1, Code.BAD_INDEX)
    if not (event.quantity > 0 and is_possible(event.quantity, event.quote)):
        return flagged(focus, Code.IMPOSSIBLE, trade=event.trade, reconcile=Reconcile.POSITION)
    slot = focus.slot
    if slot.phase == Phase.IDLE or slot.trade != event.trade:
        return external_close_of_past_trade(focus, event)
    require(slot.instrument == event.instrument, Code.BAD_INDEX)
    if not is_multiple(event.quantity, focus.instrument.lot):
        return flagged(focus, Code.IMPOSSIBLE, trade=event.trade, reconcile=Reconcile.POSITION)
    closed = slot.closed
    require(
        advances(event.quantity, event.quote, closed.external_quantity, closed.external_quote, 0),
        Code.NO_CHANGE,
    )
    if exit_quantity(slot) - closed.external_quantity + event.quantity > slot.entry.quantity:
        return flagged_evidence(focus, Code.OVER_CLOSE, event.time_ns, trade=event.trade)
    closed = closed._replace(external_quantity=event.quantity, external_quote=event.quote)
    focus = booked(focus, slot._replace(closed=closed), event.time_ns)
    return after_external_close(slot, focus)


def after_external_close(before: Slot, focus: Focus) -> Answer:
    """Free the slot only if it owns no order; otherwise cancel the order and wait for its end."""
    slot = focus.slot
    flat = remaining(slot) == 0
    if slot.phase == Phase.POSITION_OPEN and flat:
        return finished(before, focus)
    entry_rests = slot.phase == Phase.ENTRY_WORKING
    exit_rests = slot.phase == Phase.EXIT_WORKING and flat
    stop = 1 if entry_rests or exit_rests else 0
    return accepted(before, focus, attempt=in_flight_attempt(slot) if stop == 1 else 0, cancel=stop)


def external_close_of_past_trade(focus: Focus, event: Input) -> Answer:
    """News about a finished trade changes nothing; more than its record shows asks for a reconcile."""
    known = event.trade <= focus.account.trade_high_water
    code = Code.TERMINAL_STATE if known else Code.UNKNOWN_ORDER
    shown = 0
    for tail in focus.slot.tails:
        if tail.trade == event.trade:
            require(tail.instrument == event.instrument, Code.BAD_INDEX)
            shown = tail.exit.quantity
    require(event.quantity > shown, code)
    return flagged_evidence(focus, code, event.time_ns, trade=event.trade)
