"""The menus of the small worlds: every input of a small domain that is worth trying in a state.

Units: one lot is 1e-8 coins and a price of one is 1 USDT, so that one lot costs one unit of money and every rounding
shows. There are two times: ``EARLY`` and ``LATE``.
"""

from collections.abc import Callable, Iterator
from typing import Final

from dita.spec.inputs import Input
from dita.spec.scales import PRICE_SCALE, RATIO_SCALE
from dita.spec.state import Slot, State, capital
from dita.spec.vocabulary import (
    ADMIT_MARGIN_NS,
    ALL_CHECKS,
    LEGS,
    IncomeKind,
    Kind,
    Mode,
    Part,
    Phase,
    RejectReason,
    Side,
)

EARLY: Final = 1
LATE: Final = ADMIT_MARGIN_NS + 2  # the first time at which an order with deadline 1 is provably absent
ONE: Final = PRICE_SCALE
GONE: Final = 1  # a trade number that was spent and is remembered nowhere
HALVES: Final = (500_000, RATIO_SCALE) + (0,) * (LEGS - 2)
WHOLE: Final = (RATIO_SCALE,) + (0,) * (LEGS - 1)

Menu = Callable[[State], Iterator[Input]]
Plan = tuple[Side, tuple[int, ...]]


def contract(index: int, quantity_min: int = 0) -> Input:
    """The one contract of the small worlds; its fee is a tenth, so that fees round."""
    return Input(
        kind=Kind.REGISTER, instrument=index, lot=1, tick=ONE, quantity_min=quantity_min, price_max=4 * ONE,
        quantity_max=8, taker_ppb=100_000_000, maker_ppb=0,
    )  # fmt: skip


def entry(state: State, k: int, i: int, quantity: int, plan: Plan) -> Input:
    """An ENTER of the next trade."""
    side, ratios = plan
    return Input(
        kind=Kind.ENTER, slot=k, instrument=i, trade=state.account.trade_high_water + 1, side=side, quantity=quantity,
        price=ONE, legs=LEGS - ratios.count(0), ratios=ratios,
    )  # fmt: skip


def adoption(state: State, k: int, i: int, quote: int) -> Input:
    """An ADOPT of one lot as the next trade."""
    return Input(
        kind=Kind.ADOPT, slot=k, instrument=i, trade=state.account.trade_high_water + 1, side=Side.LONG, quantity=1,
        quote=quote, price=ONE, time_ns=LATE,
    )  # fmt: skip


def trades_of(slot: Slot) -> tuple[int, ...]:
    """Numbers worth naming: the live trade, the tails, a forgotten one."""
    known = (slot.trade, *(tail.trade for tail in slot.tails))
    return (*(trade for trade in known if trade), GONE)


def wants(state: State, k: int, quantities: int, plans: tuple[Plan, ...]) -> Iterator[Input]:
    """What the runtime may want of a slot."""
    slot = state.slots[k]
    i = slot.instrument if slot.phase else k
    base = entry(state, k, i, 1, plans[0])
    if slot.phase == Phase.IDLE:
        for quantity in range(1, quantities + 1):
            for plan in plans:
                yield entry(state, k, i, quantity, plan)
        yield base._replace(post_only=1, limit_price=ONE)
    yield base._replace(trade=base.trade - 1)
    yield base._replace(quantity=quantities)
    for trade in (slot.trade, GONE, 0):
        yield Input(kind=Kind.FLATTEN, slot=k, instrument=i, trade=trade)
    for trade in (slot.trade, GONE):
        yield Input(kind=Kind.CANCEL, slot=k, instrument=i, trade=trade)
        yield Input(kind=Kind.EXIT, slot=k, instrument=i, trade=trade, leg=slot.plan.next_leg, limit_price=ONE)
    yield Input(kind=Kind.EXIT, slot=k, instrument=i, trade=slot.trade, leg=slot.plan.next_leg + 1)


def snapshots(state: State, k: int, quantities: int, prices: int) -> Iterator[Input]:
    """Every snapshot of every order worth naming."""
    slot = state.slots[k]
    i = slot.instrument if slot.phase else slot.tails[0].instrument
    attempts = {0, slot.exit.attempt, max(0, slot.exit.attempt - 1), slot.exit.attempt + 1}
    orders = [(slot.trade, attempt) for attempt in sorted(attempts)] if slot.phase else []
    orders += [(tail.trade, attempt) for tail in slot.tails[:1] if tail.trade for attempt in {0, tail.last_attempt}]
    for trade, attempt in [*orders, (GONE, 0), (state.account.trade_high_water + 1, 0)]:
        known = slot.phase and trade == slot.trade and attempt in (0, slot.exit.attempt)
        for quantity in range(quantities + 2) if known else (1,):
            for price in range(1, (prices if quantity else 1) + 1):
                for done in (0, 1):
                    yield Input(
                        kind=Kind.ORDER, slot=k, instrument=i, trade=trade, attempt=attempt, quantity=quantity,
                        quote=quantity * price, done=done, time_ns=LATE,
                    )  # fmt: skip


def answers(state: State, k: int) -> Iterator[Input]:
    """Every answer about the order in flight, and about others."""
    slot = state.slots[k]
    attempt = slot.exit.attempt if slot.phase >= Phase.POSITION_OPEN else 0
    orders = ((slot.trade, attempt), (slot.trade, attempt + 1), (GONE, 0), (state.account.trade_high_water + 1, 0))
    for trade, number in orders if slot.phase else orders[2:]:
        named = Input(slot=k, instrument=slot.instrument, trade=trade, attempt=number, time_ns=LATE)
        yield named._replace(kind=Kind.UNKNOWN)
        yield named._replace(kind=Kind.SILENT)
        yield named._replace(kind=Kind.REJECTED, reason=RejectReason.REFUSED)
        proof = named._replace(kind=Kind.NOT_FOUND, deadline_ns=EARLY, checks=ALL_CHECKS)
        yield proof
        if trade != slot.trade or number != attempt:
            continue
        yield named._replace(kind=Kind.REJECTED, reason=RejectReason.NO_POSITION)
        yield proof._replace(time_ns=LATE - 1)
        yield proof._replace(checks=ALL_CHECKS - 1)
        yield proof._replace(deadline_ns=0)


def outside(state: State, k: int, quantities: int, prices: int) -> Iterator[Input]:
    """What happens without us, and what the venue says it holds."""
    slot = state.slots[k]
    i = slot.instrument if slot.phase else k
    for trade in (slot.trade, GONE, state.account.trade_high_water + 1) if slot.phase else (GONE,):
        live = trade == slot.trade
        for quantity in range(quantities + 2 if live else 2):
            for price in range(1, (prices if live and quantity else 1) + 1):
                yield Input(
                    kind=Kind.EXTERNAL_CLOSE, slot=k, instrument=i, trade=trade, quantity=quantity,
                    quote=quantity * price, time_ns=LATE,
                )  # fmt: skip
    for long in range(quantities + 1):
        yield Input(kind=Kind.POSITION, slot=k, instrument=i, long_quantity=long, time_ns=LATE)
        yield Input(kind=Kind.POSITION, slot=k, instrument=i, short_quantity=long, time_ns=LATE)
    yield Input(kind=Kind.POSITION, slot=k, instrument=i, foreign_orders=1, time_ns=LATE)
    yield Input(kind=Kind.POSITION, slot=k, instrument=i, time_ns=EARLY)
    for price in range(1, prices + 1):
        yield adoption(state, k, i, price)
    yield adoption(state, k, i, 1)._replace(time_ns=EARLY)


def settlements(state: State, k: int, quantities: int, prices: int) -> Iterator[Input]:
    """The venue's rows for every half worth naming."""
    slot = state.slots[k]
    homes = {tail.trade: tail.instrument for tail in slot.tails if tail.trade}
    for trade in trades_of(slot):
        named = Input(kind=Kind.SETTLE, slot=k, instrument=homes.get(trade, slot.instrument), trade=trade, time_ns=LATE)
        for part in Part:
            for quantity in range(1, quantities + 1):
                for price in range(1, prices + 1):
                    yield named._replace(part=part, quantity=quantity, quote=quantity * price, amount=1)
        yield named._replace(kind=Kind.SETTLE_FORCED)


def orders_menu(quantities: int, prices: int, plans: tuple[Plan, ...]) -> Menu:
    """Everything that can be said about one slot's orders."""

    def menu(state: State) -> Iterator[Input]:
        yield from wants(state, 0, quantities, plans)
        yield from snapshots(state, 0, quantities, prices)
        yield from answers(state, 0)
        yield from outside(state, 0, quantities, prices)
        yield from settlements(state, 0, quantities, prices)

    return menu


def straight_menu(state: State) -> Iterator[Input]:
    """The straight way through a trade of one lot, with settlement at any time."""
    slot = state.slots[0]
    yield entry(state, 0, 0, 1, (Side.LONG, WHOLE))
    yield adoption(state, 0, 0, 1)
    yield Input(kind=Kind.FLATTEN)
    yield from settlements(state, 0, 1, 1)
    for trade in trades_of(slot):
        for attempt in sorted({0, slot.exit.attempt}):
            yield Input(kind=Kind.ORDER, trade=trade, attempt=attempt, quantity=1, quote=1, done=1, time_ns=LATE)


def account_menu(state: State) -> Iterator[Input]:
    """Everything that concerns the account alone, and ENTER as the one who asks what the account allows."""
    for mode in Mode:
        yield Input(kind=Kind.SET_MODE, mode=mode)
    yield Input(kind=Kind.SET_LIMITS, slot_limit=1, ratio_ppm=RATIO_SCALE)
    yield Input(kind=Kind.CALIBRATE, ratio_ppm=2 * RATIO_SCALE)
    yield contract(0)
    for time_ns in (EARLY, LATE):
        yield Input(kind=Kind.SEED, amount=3, time_ns=time_ns)
        for amount in (2, 3):
            yield Input(kind=Kind.WALLET, amount=amount, time_ns=time_ns)
        for income in IncomeKind:
            for rows, total in ((0, 1), (1, 1), (1, -1)):
                yield Input(kind=Kind.INCOME, income_kind=income, rows=rows, amount=total, time_ns=time_ns)
    for quantity in (1, 4):
        yield entry(state, 0, 0, quantity, (Side.LONG, WHOLE))


def control(state: State, k: int) -> Iterator[Input]:
    """Every kind that concerns the account or the contract, whatever the slot is doing."""
    named = Input(slot=k, instrument=k, time_ns=LATE)
    for mode in Mode:
        yield named._replace(kind=Kind.SET_MODE, mode=mode)
    yield named._replace(kind=Kind.SET_LIMITS, slot_limit=1, ratio_ppm=1)
    yield named._replace(kind=Kind.CALIBRATE, ratio_ppm=2 * RATIO_SCALE)
    for quantity_min in (0, 2):
        yield contract(k, quantity_min)._replace(slot=k)
    yield named._replace(kind=Kind.SEED, amount=3)
    books = capital(state.account.ledger)
    for time_ns in (EARLY, LATE):
        for amount in (books, books + 1):
            yield named._replace(kind=Kind.WALLET, amount=amount, time_ns=time_ns)
    for income in IncomeKind:
        for total in (1, -1):
            yield named._replace(kind=Kind.INCOME, income_kind=income, rows=1, amount=total)


def every_menu(quantities: int, prices: int, plans: tuple[Plan, ...]) -> Menu:
    """All 21 kinds on one slot."""
    orders = orders_menu(quantities, prices, plans)

    def menu(state: State) -> Iterator[Input]:
        yield from orders(state)
        yield from control(state, 0)

    return menu


def every_two_menu(state: State) -> Iterator[Input]:
    """All 21 kinds on two slots, in sizes of one lot."""
    yield from two_menu(state)
    for k in (0, 1):
        yield from answers(state, k)
        yield from outside(state, k, 1, 1)
        yield from settlements(state, k, 1, 1)
        yield from control(state, k)


def two_menu(state: State) -> Iterator[Input]:
    """Two slots and two instruments: what one does must not be seen in the other."""
    for k in (0, 1):
        slot = state.slots[k]
        for i in (0, 1):
            base = Input(slot=k, instrument=i, trade=slot.trade or GONE, time_ns=LATE)
            yield entry(state, k, i, 1, (Side.LONG, WHOLE))
            yield adoption(state, k, i, 1)
            yield base._replace(kind=Kind.FLATTEN)
            yield base._replace(kind=Kind.EXIT)
            yield base._replace(kind=Kind.CANCEL)
            yield base._replace(kind=Kind.REJECTED, attempt=slot.exit.attempt)
            for quantity in (0, 1):
                yield base._replace(kind=Kind.POSITION, long_quantity=quantity)
                for attempt in sorted({0, slot.exit.attempt}):
                    yield base._replace(kind=Kind.ORDER, attempt=attempt, quantity=quantity, quote=quantity, done=1)
            yield base._replace(kind=Kind.SETTLE_FORCED)
            yield contract(i)._replace(slot=k)
