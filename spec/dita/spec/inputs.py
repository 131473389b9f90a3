"""The one record that goes into the kernel, and a builder for each of its 21 kinds.

A field that a kind does not name is ignored by the kernel and left 0 by the builders. ``slot`` and ``instrument``
select the only slot and the only instrument that the step may touch (clause S1).
"""

from collections.abc import Sequence
from typing import NamedTuple

from dita.spec.vocabulary import ALL_CHECKS, LEGS, IncomeKind, Kind, Mode, Part, RejectReason, Side


class Input(NamedTuple):
    """All input fields, each a signed 64-bit word. Units as in ``dita.spec.scales``."""

    kind: int = 0
    slot: int = 0
    instrument: int = 0
    trade: int = 0
    attempt: int = 0  # 0: the entry order; n: the n-th exit order
    time_ns: int = 0  # venue time of the effect, or a snapshot's as-of
    side: int = 0
    quantity: int = 0  # ordered (ENTER), cumulative (ORDER, SETTLE, EXTERNAL_CLOSE), position (ADOPT)
    quote: int = 0  # cumulative notional
    price: int = 0  # reference price
    limit_price: int = 0  # 0: market
    post_only: int = 0
    legs: int = 0
    leg: int = 0  # the leg the sender believes is next
    done: int = 0
    reason: int = 0
    part: int = 0
    amount: int = 0  # fee (SETTLE), balance (SEED, WALLET), total (INCOME), tolerance (SET_LIMITS)
    income_kind: int = 0
    rows: int = 0
    long_quantity: int = 0
    short_quantity: int = 0
    foreign_orders: int = 0
    deadline_ns: int = 0
    checks: int = 0
    mode: int = 0
    slot_limit: int = 0
    ratio_ppm: int = 0  # largest leverage (SET_LIMITS), fee calibration (CALIBRATE)
    lot: int = 0
    tick: int = 0
    quantity_min: int = 0
    notional_min: int = 0
    price_max: int = 0
    quantity_max: int = 0
    taker_ppb: int = 0
    maker_ppb: int = 0
    ratios: tuple[int, ...] = (0,) * LEGS


def enter(
    *,
    slot: int,
    instrument: int,
    trade: int,
    side: Side,
    quantity: int,
    price: int,
    ratios: Sequence[int] = (1_000_000,),
    limit_price: int = 0,
    post_only: bool = False,
) -> Input:
    """Open a trade. ``ratios`` (ppm of what remains) is the exit plan, 1 to 8 legs; the last leg takes everything."""
    if not 1 <= len(ratios) <= LEGS:
        raise ValueError(f"ratios: `{len(ratios)}` legs given; give 1 to {LEGS}")
    return Input(
        kind=Kind.ENTER, slot=slot, instrument=instrument, trade=trade, side=side, quantity=quantity, price=price,
        limit_price=limit_price, post_only=int(post_only), legs=len(ratios),
        ratios=tuple(ratios) + (0,) * (LEGS - len(ratios)),
    )  # fmt: skip


def exit_leg(*, slot: int, instrument: int, trade: int, leg: int, limit_price: int = 0) -> Input:
    """Close the next leg of the plan; ``leg`` must be the one the kernel holds to be next."""
    return Input(kind=Kind.EXIT, slot=slot, instrument=instrument, trade=trade, leg=leg, limit_price=limit_price)


def flatten(*, slot: int, instrument: int, trade: int = 0) -> Input:
    """Close everything; trade 0 means whatever is live in the slot. No mode refuses it."""
    return Input(kind=Kind.FLATTEN, slot=slot, instrument=instrument, trade=trade)


def cancel(*, slot: int, instrument: int, trade: int) -> Input:
    """Cancel the working order and keep what filled."""
    return Input(kind=Kind.CANCEL, slot=slot, instrument=instrument, trade=trade)


def set_mode(mode: Mode) -> Input:
    """Change the trading mode. Commands nothing by itself."""
    return Input(kind=Kind.SET_MODE, mode=mode)


def set_limits(*, slot_limit: int, leverage_max_ppm: int, tolerance: int) -> Input:
    """Most live slots, largest aggregate leverage (ppm), tolerated wallet difference (1e-8 USDT)."""
    return Input(kind=Kind.SET_LIMITS, slot_limit=slot_limit, ratio_ppm=leverage_max_ppm, amount=tolerance)


def register(
    *,
    instrument: int,
    lot: int,
    tick: int,
    quantity_min: int,
    notional_min: int,
    price_max: int,
    quantity_max: int,
    taker_ppb: int,
    maker_ppb: int,
) -> Input:
    """Give an instrument index its contract terms. Refused while a trade is live in it."""
    return Input(
        kind=Kind.REGISTER, instrument=instrument, lot=lot, tick=tick, quantity_min=quantity_min,
        notional_min=notional_min, price_max=price_max, quantity_max=quantity_max, taker_ppb=taker_ppb,
        maker_ppb=maker_ppb,
    )  # fmt: skip


def seed(*, amount: int, time_ns: int) -> Input:
    """Start the books from the venue's wallet balance; accepted once."""
    return Input(kind=Kind.SEED, amount=amount, time_ns=time_ns)


def adopt(
    *, slot: int, instrument: int, trade: int, side: Side, quantity: int, quote: int, price: int, time_ns: int
) -> Input:
    """Take an unexplained venue position into an idle slot (clause T1)."""
    return Input(
        kind=Kind.ADOPT, slot=slot, instrument=instrument, trade=trade, side=side, quantity=quantity, quote=quote,
        price=price, time_ns=time_ns,
    )  # fmt: skip


def settle_forced(*, slot: int, trade: int) -> Input:
    """Operator: accept the predicted figures of a finished trade that the venue never settled."""
    return Input(kind=Kind.SETTLE_FORCED, slot=slot, trade=trade)


def order(
    *, slot: int, instrument: int, trade: int, attempt: int, quantity: int, quote: int, done: bool, time_ns: int
) -> Input:
    """Snapshot of one order: cumulative fill and notional, and whether it is terminal. An ACK has quantity 0."""
    return Input(
        kind=Kind.ORDER, slot=slot, instrument=instrument, trade=trade, attempt=attempt, quantity=quantity,
        quote=quote, done=int(done), time_ns=time_ns,
    )  # fmt: skip


def rejected(*, slot: int, instrument: int, trade: int, attempt: int, reason: RejectReason, time_ns: int) -> Input:
    """The order surely did not reach the book."""
    return Input(
        kind=Kind.REJECTED, slot=slot, instrument=instrument, trade=trade, attempt=attempt, reason=reason,
        time_ns=time_ns,
    )  # fmt: skip


def unknown(*, slot: int, instrument: int, trade: int, attempt: int) -> Input:
    """The order may or may not be on the book."""
    return Input(kind=Kind.UNKNOWN, slot=slot, instrument=instrument, trade=trade, attempt=attempt)


def not_found(
    *,
    slot: int,
    instrument: int,
    trade: int,
    attempt: int,
    deadline_ns: int,
    as_of_ns: int,
    checks: int = ALL_CHECKS,
) -> Input:
    """The resolution procedure found no trace of the order; the kernel judges the evidence (clause U4)."""
    return Input(
        kind=Kind.NOT_FOUND, slot=slot, instrument=instrument, trade=trade, attempt=attempt, deadline_ns=deadline_ns,
        time_ns=as_of_ns, checks=checks,
    )  # fmt: skip


def silent(*, slot: int, instrument: int, trade: int, attempt: int) -> Input:
    """The order has not been heard of for longer than the runtime's bound."""
    return Input(kind=Kind.SILENT, slot=slot, instrument=instrument, trade=trade, attempt=attempt)


def external_close(*, slot: int, instrument: int, trade: int, quantity: int, quote: int, time_ns: int) -> Input:
    """Cumulative quantity that left the position without an order of ours that the kernel can address."""
    return Input(
        kind=Kind.EXTERNAL_CLOSE, slot=slot, instrument=instrument, trade=trade, quantity=quantity, quote=quote,
        time_ns=time_ns,
    )  # fmt: skip


def settle(
    *, slot: int, instrument: int, trade: int, part: Part, quantity: int, quote: int, fee: int, time_ns: int
) -> Input:
    """The venue's own fill rows for one half of a trade, summed exactly; ``time_ns`` is the newest row's.

    A negative fee is a rebate.
    """
    return Input(
        kind=Kind.SETTLE, slot=slot, instrument=instrument, trade=trade, part=part, quantity=quantity, quote=quote,
        amount=fee, time_ns=time_ns,
    )  # fmt: skip


def income(*, kind: IncomeKind, rows: int, total: int, time_ns: int) -> Input:
    """Cumulative income of one kind since the seed: number of distinct rows and their sum (positive is received)."""
    return Input(kind=Kind.INCOME, income_kind=kind, rows=rows, amount=total, time_ns=time_ns)


def wallet(*, amount: int, as_of_ns: int) -> Input:
    """The venue's wallet balance, including every effect up to ``as_of_ns``."""
    return Input(kind=Kind.WALLET, amount=amount, time_ns=as_of_ns)


def position(
    *, slot: int, instrument: int, long_quantity: int, short_quantity: int, foreign_orders: int, as_of_ns: int
) -> Input:
    """The venue's position in one instrument; ``slot`` is the one whose live trade holds it, else any (say 0)."""
    return Input(
        kind=Kind.POSITION, slot=slot, instrument=instrument, long_quantity=long_quantity,
        short_quantity=short_quantity, foreign_orders=foreign_orders, time_ns=as_of_ns,
    )  # fmt: skip


def calibrate(ratio_ppm: int) -> Input:
    """Actual fee over model fee, for trades entered from now on."""
    return Input(kind=Kind.CALIBRATE, ratio_ppm=ratio_ppm)
