"""One likely input of each kind, given the state it will meet: right ids, quantities around the known, sane prices."""

from typing import NamedTuple

from dita.conformance.draw import I64_MAX, Draw
from dita.spec.inputs import Input
from dita.spec.scales import BOUND, NANOSECONDS_PER_SECOND, NOTIONAL_DIVISOR, RATIO_SCALE, TRADE_ID_MAX
from dita.spec.state import Half, Instrument, Slot, State, capital, exit_quantity, remaining
from dita.spec.vocabulary import ADMIT_MARGIN_NS, ALL_CHECKS, LEGS, Kind, Mode, Part, Phase, Side


class Scene(NamedTuple):
    """What an input will meet: the state, and the slot and instrument it is to name."""

    state: State
    k: int  # index of the slot
    slot: Slot
    i: int  # index of the instrument
    instrument: Instrument


def reference_price(draw: Draw, at: Scene) -> int:
    """The live trade's price, or one that the instrument allows."""
    if at.slot.ref_price:
        return at.slot.ref_price
    return max(1, at.instrument.price_max // draw.among((4, 5, 100, 1)))


def new_trade(draw: Draw, at: Scene) -> int:
    """Mostly the next number."""
    high = at.state.account.trade_high_water
    dice = draw.random()
    if dice < 0.9:
        return high + 1
    if dice < 0.99:
        return high + draw.among((0, -1, 2, 40))
    return draw.among((0, TRADE_ID_MAX + 1, TRADE_ID_MAX if draw.jumps else 0))


def its_trade(draw: Draw, at: Scene) -> int:
    """Mostly the live trade; else a finished one or one never begun."""
    if at.slot.trade and draw.random() < 0.93:
        return at.slot.trade
    return draw.among(
        (at.slot.tails[0].trade, at.slot.tails[1].trade, at.state.account.trade_high_water + 1, at.slot.trade + 1, 0)
    )


def enter(draw: Draw, at: Scene) -> Input:
    """An entry of a few smallest orders, with any exit plan; or first what stands in its way."""
    account = at.state.account
    if (account.unreconciled or account.mode != Mode.ACTIVE or account.ledger.difference) and draw.random() < 0.6:
        return heal(draw, at)
    price = reference_price(draw, at)
    lot = max(1, at.instrument.lot)
    by_notional = 2 * at.instrument.notional_min * NOTIONAL_DIVISOR // price
    smallest = -(-max(at.instrument.quantity_min, by_notional, 1) // lot) * lot
    quantity = smallest * (1 + draw.below(draw.lots)) + lot * draw.among((0, 0, 0, 1, 2, -1))
    if not draw.true():
        quantity = draw.among((quantity + 1, smallest - lot, at.instrument.quantity_max, quantity, quantity))
    quantity = min(quantity, I64_MAX)
    legs = draw.among((1, 1, 2, 2, 3, LEGS))
    ratios = tuple(draw.among((500_000, 333_333, RATIO_SCALE, 1, 900_000)) if n < legs else 0 for n in range(LEGS))
    tick = max(1, at.instrument.tick)
    return Input(
        kind=Kind.ENTER, slot=at.k, instrument=at.i, trade=new_trade(draw, at), side=Side.LONG + draw.below(2),
        quantity=quantity, price=price, limit_price=draw.among((0, 0, price - price % tick)), legs=legs, ratios=ratios,
        post_only=draw.below(2),
    )  # fmt: skip


def adopt(draw: Draw, at: Scene) -> Input:
    """A venue position of a few lots."""
    price = reference_price(draw, at)
    quantity = max(1, at.instrument.lot) * (1 + draw.below(4))
    newest = max(at.instrument.evidence_time_ns, at.instrument.fill_time_ns)
    return Input(
        kind=Kind.ADOPT, slot=at.k, instrument=at.i, trade=new_trade(draw, at), side=Side.LONG + draw.below(2),
        quantity=quantity, quote=draw.quote(quantity, price), price=price, time_ns=draw.time(newest),
    )  # fmt: skip


def exit_leg(draw: Draw, at: Scene) -> Input:
    """The next leg."""
    leg = at.slot.plan.next_leg + (draw.among((0, 0, 0, 0, 0, 1, -1)) if not draw.true() else 0)
    tick = max(1, at.instrument.tick)
    limit = draw.among((0, 0, tick, 1, at.slot.ref_price - at.slot.ref_price % tick))
    return Input(kind=Kind.EXIT, slot=at.k, instrument=at.i, trade=its_trade(draw, at), leg=leg, limit_price=limit)


def flatten(draw: Draw, at: Scene) -> Input:
    """Close all, by name or not."""
    return Input(kind=Kind.FLATTEN, slot=at.k, instrument=at.i, trade=draw.among((0, its_trade(draw, at))))


def cancel(draw: Draw, at: Scene) -> Input:
    """Cancel the order in flight."""
    return Input(kind=Kind.CANCEL, slot=at.k, instrument=at.i, trade=its_trade(draw, at))


def snapshot(draw: Draw, known: int, known_quote: int, ordered: int, lot: int) -> tuple[int, int]:
    """A cumulative quantity around what is known, up to what was ordered; its quote, or -1."""
    dice = draw.random()
    if dice < 0.35:
        return known, known_quote if draw.random() < 0.8 else known_quote + draw.among((1, -1))
    if dice < 0.6:
        return ordered, -1
    lots = (ordered - known) // lot
    if dice < 0.9 or draw.true():
        return known + lot * draw.below(lots + 1), -1
    return known + draw.among((lot, -lot, 1, ordered + lot, -known)), -1


def entry_order(draw: Draw, at: Scene) -> Input:
    """News, or old news, of the entry order."""
    entry = at.slot.entry
    quantity, quote = snapshot(draw, entry.quantity, entry.quote, entry.ordered, max(1, at.instrument.lot))
    if quote == -1:
        quote = draw.quote(quantity, at.slot.ref_price)
    return Input(
        kind=Kind.ORDER, slot=at.k, instrument=at.i, trade=its_trade(draw, at), quantity=quantity, quote=quote,
        done=draw.below(2), time_ns=draw.time(at.instrument.fill_time_ns),
    )  # fmt: skip


def exit_order(draw: Draw, at: Scene) -> Input:
    """News, or old news, of the latest exit order."""
    last = at.slot.exit
    quantity, quote = snapshot(draw, last.quantity, last.quote, last.ordered, max(1, at.instrument.lot))
    if quote == -1:
        quote = draw.quote(quantity, at.slot.ref_price)
    return Input(
        kind=Kind.ORDER, slot=at.k, instrument=at.i, trade=its_trade(draw, at), attempt=last.attempt,
        quantity=quantity, quote=quote, done=draw.below(2), time_ns=draw.time(at.instrument.fill_time_ns),
    )  # fmt: skip


def past_order(draw: Draw, at: Scene) -> Input:
    """An exit order before the latest, or one that never was."""
    quantity = max(1, at.instrument.lot) * draw.below(3)
    return Input(
        kind=Kind.ORDER, slot=at.k, instrument=at.i, trade=its_trade(draw, at),
        attempt=max(0, at.slot.exit.attempt + draw.among((-1, -1, 1))), quantity=quantity,
        quote=draw.quote(quantity, at.slot.ref_price), done=draw.below(2), time_ns=draw.time(),
    )  # fmt: skip


def tail_order(draw: Draw, at: Scene) -> Input:
    """Late news of a finished trade."""
    tail = draw.among(at.slot.tails)
    attempt = draw.among((0, tail.last_attempt, tail.last_attempt + 1))
    shown = tail.entry.quantity if attempt == 0 else tail.last_attempt_quantity
    quantity = shown + max(1, at.instrument.lot) * draw.among((0, 0, 0, 1, -1))
    home = tail.instrument if draw.random() < 0.95 else at.i
    trade = tail.trade or at.state.account.trade_high_water + draw.among((0, 1))
    return Input(
        kind=Kind.ORDER, slot=at.k, instrument=home, trade=trade, attempt=attempt, quantity=quantity,
        quote=draw.quote(quantity, max(1, at.instrument.price_max // 4)), done=draw.below(2), time_ns=draw.time(),
    )  # fmt: skip


def answer(draw: Draw, kind: Kind, at: Scene) -> Input:
    """An answer about the order in flight."""
    attempt = at.slot.exit.attempt if at.slot.phase >= Phase.POSITION_OPEN else 0
    if draw.random() > 0.95:
        attempt = draw.among((0, 1, attempt + 1))
    now = draw.time()
    deadline = now - ADMIT_MARGIN_NS - draw.among((1, 1, 1, 0, NANOSECONDS_PER_SECOND))
    return Input(
        kind=kind, slot=at.k, instrument=at.i, trade=its_trade(draw, at), attempt=attempt, time_ns=now,
        reason=draw.below(5), deadline_ns=deadline if draw.random() < 0.95 else 0,
        checks=ALL_CHECKS if draw.random() < 0.9 else draw.below(ALL_CHECKS + 2),
    )  # fmt: skip


def rejected(draw: Draw, at: Scene) -> Input:
    """The order surely did not reach the book."""
    return answer(draw, Kind.REJECTED, at)


def unknown(draw: Draw, at: Scene) -> Input:
    """The submit's fate is open."""
    return answer(draw, Kind.UNKNOWN, at)


def silent(draw: Draw, at: Scene) -> Input:
    """No word for too long."""
    return answer(draw, Kind.SILENT, at)


def not_found(draw: Draw, at: Scene) -> Input:
    """No trace of the order, with more or less proof."""
    return answer(draw, Kind.NOT_FOUND, at)


def external_close(draw: Draw, at: Scene) -> Input:
    """Something left the position without us."""
    known = at.slot.closed.external_quantity
    lot = max(1, at.instrument.lot)
    quantity = known + draw.among((remaining(at.slot), lot, lot, 0, remaining(at.slot) + lot, 1))
    quote = at.slot.closed.external_quote if quantity == known else draw.quote(quantity, at.slot.ref_price or 1)
    return Input(
        kind=Kind.EXTERNAL_CLOSE, slot=at.k, instrument=at.i, trade=its_trade(draw, at), quantity=quantity,
        quote=quote, time_ns=draw.time(at.instrument.fill_time_ns),
    )  # fmt: skip


def settle(draw: Draw, at: Scene) -> Input:
    """The venue's rows for one half of a trade."""
    if at.slot.phase and draw.random() < 0.5:
        half, part, trade, home = Half(*at.slot.entry[1:5]), Part.ENTRY, at.slot.trade, at.i
        if draw.random() < 0.05:
            part = Part.EXIT
    else:
        tail = draw.among(at.slot.tails)
        if tail.trade == 0 and at.slot.tails[0].trade:
            tail = at.slot.tails[0]
        part = Part.EXIT if draw.random() < 0.5 else Part.ENTRY
        half, trade, home = (tail.exit if part else tail.entry), tail.trade, tail.instrument
    quantity = half.quantity
    if draw.random() < 0.1:
        quantity += draw.among((1, -1, max(1, at.instrument.lot)))
    quote = half.quote + draw.among((0, 0, 0, 1, -1))
    fee = draw.among((half.fee, half.fee, half.fee + 1, quote // 2_000, -quote // 5_000, quote, quote + 1))
    return Input(
        kind=Kind.SETTLE, slot=at.k, instrument=home, trade=trade or at.state.account.trade_high_water + draw.below(2),
        part=part, quantity=quantity, quote=quote, amount=fee, time_ns=draw.time(),
    )  # fmt: skip


def settle_forced(draw: Draw, at: Scene) -> Input:
    """The operator gives up waiting."""
    trade = draw.among(at.slot.tails).trade or at.state.account.trade_high_water + draw.below(2)
    return Input(kind=Kind.SETTLE_FORCED, slot=at.k, instrument=at.i, trade=trade)


def income(draw: Draw, at: Scene) -> Input:
    """One more row, or a corrected total."""
    ledger = at.state.account.ledger
    kind = draw.below(3)
    rows, total = (
        (ledger.funding_rows, ledger.funding),
        (ledger.transfer_rows, ledger.transfers),
        (ledger.adjustment_rows, ledger.adjustments),
    )[kind]
    return Input(
        kind=Kind.INCOME, slot=at.k, instrument=at.i, income_kind=kind, rows=rows + draw.among((1, 1, 1, 0, 0, -1, 2)),
        amount=total + draw.among((0, 1, -1, 1_000_000, -1_000_000)), time_ns=draw.time(ledger.last_money_time_ns),
    )  # fmt: skip


def wallet(draw: Draw, at: Scene) -> Input:
    """The venue's balance, mostly near the books."""
    ledger = at.state.account.ledger
    off = draw.among((0, 0, 0, 1, -1, at.state.account.tolerance + 1, ledger.fees_provisional, -1_000_000_000))
    near = max(-BOUND, min(BOUND, capital(ledger) + off))
    time_ns = draw.time(draw.among((ledger.last_money_time_ns, ledger.wallet_as_of_ns)))
    return Input(kind=Kind.WALLET, slot=at.k, instrument=at.i, amount=near, time_ns=time_ns)


def position(draw: Draw, at: Scene) -> Input:
    """The venue's position, mostly what the kernel holds or what the order in flight explains."""
    held = remaining(at.slot)
    lot = max(1, at.instrument.lot)
    own = held if draw.true() else max(0, held + draw.among((lot, -lot, 1)))
    if at.slot.phase >= Phase.EXIT_REQUESTED and draw.random() < 0.5:
        own = max(0, held - (at.slot.exit.ordered - at.slot.exit.quantity) - draw.among((0, lot)))
    elif Phase.IDLE < at.slot.phase <= Phase.ENTRY_UNRESOLVED and draw.random() < 0.5:
        own = at.slot.entry.ordered - exit_quantity(at.slot) + draw.among((0, lot))
    other = 0 if draw.random() < 0.97 else lot
    long, short = (other, own) if at.slot.side == Side.SHORT else (own, other)
    newest = max(at.instrument.evidence_time_ns, at.instrument.fill_time_ns)
    home = at.instrument.holder - 1 if at.instrument.holder and draw.true() else at.k
    return Input(
        kind=Kind.POSITION, slot=home, instrument=at.i,
        long_quantity=long, short_quantity=short, foreign_orders=0 if draw.random() < 0.97 else 1,
        time_ns=draw.time(newest),
    )  # fmt: skip


def set_mode(draw: Draw, at: Scene) -> Input:
    """Another mode."""
    return Input(kind=Kind.SET_MODE, slot=at.k, instrument=at.i, mode=draw.below(3))


def set_limits(draw: Draw, at: Scene) -> Input:
    """Other limits."""
    del at
    return draw.limits()


def calibrate(draw: Draw, at: Scene) -> Input:
    """Another fee ratio."""
    return Input(
        kind=Kind.CALIBRATE,
        slot=at.k,
        instrument=at.i,
        ratio_ppm=draw.among((1, RATIO_SCALE, 987_654, 4 * RATIO_SCALE)),
    )


def register(draw: Draw, at: Scene) -> Input:
    """Another contract behind the same index."""
    return draw.contract(at.i)


def seed(draw: Draw, at: Scene) -> Input:
    """A second seed is refused."""
    return Input(kind=Kind.SEED, slot=at.k, instrument=at.i, amount=10**13, time_ns=draw.time())


def heal(draw: Draw, at: Scene) -> Input:
    """The input that takes away what keeps the next ENTER from being accepted, as a careful operator would."""
    account = at.state.account
    if account.mode != Mode.ACTIVE:
        return Input(kind=Kind.SET_MODE, slot=at.k, instrument=at.i, mode=Mode.ACTIVE)
    if account.unreconciled:
        return explained(draw, at)
    if abs(account.ledger.difference) > account.tolerance:
        near = max(-BOUND, min(BOUND, capital(account.ledger)))
        now = max(draw.now, account.ledger.last_money_time_ns)
        return Input(kind=Kind.WALLET, slot=at.k, instrument=at.i, amount=near, time_ns=now)
    if at.slot.phase == Phase.IDLE and at.slot.tails[0].trade:
        return settle(draw, at)
    return position(draw, at)


def explained(draw: Draw, at: Scene) -> Input:
    """A true position of an instrument that awaits a reconcile, or the adoption of what is there."""
    i = draw.among([index for index, known in enumerate(at.state.instruments) if known.reconcile_required])
    instrument = at.state.instruments[i]
    home = instrument.holder - 1 if instrument.holder else at.k
    slot = at.state.slots[home]
    if instrument.holder == 0 and at.slot.phase == Phase.IDLE and draw.random() < 0.2:
        return adopt(draw, Scene(at.state, at.k, at.slot, i, instrument))
    held = remaining(slot) if instrument.holder else 0
    long, short = (0, held) if slot.side == Side.SHORT else (held, 0)
    now = max(draw.now, instrument.evidence_time_ns)
    return Input(kind=Kind.POSITION, slot=home, instrument=i, long_quantity=long, short_quantity=short, time_ns=now)
