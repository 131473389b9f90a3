"""The engine's snapshot, from its state and what projections remember of its trades."""

from dita.reference.ledger import frozen
from dita.runtime.projection.memory import Memory, SlotMemory
from dita.runtime.projection.names import Names
from dita.runtime.projection.orders import order_side
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.published.snapshot import EngineSnapshot, InstrumentView, OrderView, SlotView
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Slot, State, capital, exit_quantity, exit_quote, remaining
from dita.spec.vocabulary import Mode, Phase, Side


def engine_snapshot(state: State, memory: Memory, names: Names, *, position: int, wall_ns: int) -> EngineSnapshot:
    """The engine after the row at ``position``, which was written at ``wall_ns``."""
    account, ledger = state.account, state.account.ledger
    live = [(number, slot) for number, slot in enumerate(state.slots) if slot.phase != Phase.IDLE]
    unsettled = sum(
        tail.trade != 0 and not (tail.entry.graded and tail.exit.graded) for slot in state.slots for tail in slot.tails
    )
    return EngineSnapshot(
        journal_tag=names.tag,
        journal_position=position,
        ordinal=0,
        wall_ns=wall_ns,
        mode=Mode(account.mode).name,
        slot_limit=account.slot_limit,
        live_slots=account.live_slots,
        newest_trade=account.trade_high_water,
        unreconciled=account.unreconciled,
        unsettled_trades=unsettled,
        is_seeded=account.seeded == 1,
        is_frozen=frozen(ledger, account.tolerance),
        capital_e8_usdt=capital(ledger),
        seed_e8_usdt=ledger.seed,
        realised_e8_usdt=ledger.realised,
        fee_e8_usdt=ledger.fees,
        predicted_fee_e8_usdt=ledger.fees_provisional,
        settled_fee_e8_usdt=ledger.fees - ledger.fees_provisional,
        funding_e8_usdt=ledger.funding,
        transfer_e8_usdt=ledger.transfers,
        adjustment_e8_usdt=ledger.adjustments,
        is_wallet_seen=ledger.wallet_seen == 1,
        wallet_e8_usdt=ledger.wallet_amount,
        wallet_ns=ledger.wallet_as_of_ns,
        difference_e8_usdt=ledger.difference,
        tolerance_e8_usdt=account.tolerance,
        exposure_e8_usdt=account.exposure,
        leverage_max_ppm=account.leverage_max_ppm,
        calibration_ppm=account.calibration_ppm,
        slots=tuple(_slot(number, slot, memory.of(number), names) for number, slot in live),
        orders=tuple(
            _order(number, slot, memory.of(number), names) for number, slot in live if slot.phase != Phase.POSITION_OPEN
        ),
        instruments=tuple(
            InstrumentView(
                names.symbol(number), _held(live, number, Side.LONG), _held(live, number, Side.SHORT), one.holder != 0,
                one.reconcile_required == 1, one.evidence_time_ns, one.fill_time_ns, one.taker_ppb, one.maker_ppb,
            )
            for number, one in enumerate(state.instruments)
            if one.registered
        ),
    )  # fmt: skip


def _held(live: list[tuple[int, Slot]], instrument: int, side: Side) -> int:
    return sum(remaining(slot) for _, slot in live if slot.instrument == instrument and slot.side == side)


def _slot(number: int, slot: Slot, mine: SlotMemory, names: Names) -> SlotView:
    entry = slot.entry
    return SlotView(
        slot=number,
        trade=slot.trade,
        symbol=names.symbol(slot.instrument),
        side=Side(slot.side).name,
        phase=Phase(slot.phase).name,
        began_ns=mine.began_ns.get(slot.trade, 0),
        phase_since_ns=mine.phase_since_ns,
        reference_price_e10_usdt=slot.ref_price,
        ordered_e8_coins=entry.ordered,
        entry_e8_coins=entry.quantity,
        entry_quote_e8_usdt=entry.quote,
        entry_price_e10_usdt=entry.quote * NOTIONAL_DIVISOR // entry.quantity if entry.quantity else 0,
        exit_e8_coins=exit_quantity(slot),
        exit_quote_e8_usdt=exit_quote(slot),
        held_e8_coins=remaining(slot),
        exposure_e8_usdt=slot.exposure,
        realised_e8_usdt=slot.realised,
        fee_e8_usdt=entry.fee + slot.closed.fee,
        legs=slot.plan.legs,
        next_leg=slot.plan.next_leg,
        is_flattening=slot.flatten == 1,
        is_entry_settled=entry.graded == 1,
    )


def _order(number: int, slot: Slot, mine: SlotMemory, names: Names) -> OrderView:
    is_exit = slot.phase > Phase.POSITION_OPEN
    order = slot.exit if is_exit else slot.entry
    key = OrderKey(slot.trade, number, slot.exit.attempt if is_exit else 0)
    return OrderView(
        client_order_id=client_order_id(names.tag, key),
        slot=number,
        trade=slot.trade,
        attempt=key.attempt,
        symbol=names.symbol(slot.instrument),
        side=order_side(slot, key).name,
        phase=Phase(slot.phase).name,
        ordered_e8_coins=order.ordered,
        filled_e8_coins=order.quantity,
        filled_quote_e8_usdt=order.quote,
        limit_price_e10_usdt=mine.limit_price,
        commanded_ns=mine.commanded_ns,
        send_by_ns=mine.send_by_ns,
        is_seen=order.seen == 1,
        is_reduce_only=is_exit,
    )
