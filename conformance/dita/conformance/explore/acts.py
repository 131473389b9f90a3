"""Inputs to the kernel in the small words of the model (lots, ranks, flags), and their translation into its units."""

from typing import Final, NamedTuple

from dita.spec import inputs
from dita.spec.environment import Tariff
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.vocabulary import ADMIT_MARGIN_NS, IncomeKind, Kind, Mode, Part, RejectReason, Side

LOT: Final = 100_000_000  # one coin
TICK: Final = 100
PRICE: Final = 1_000_000_000_000  # reference and fill price of entries, 100 USDT
EXIT_PRICE: Final = 1_030_000_000_000
TAKER_PPB: Final = 500_000
EPOCH_NS: Final = 1_000_000_000_000  # venue time of rank 0
RANK_NS: Final = 10 * ADMIT_MARGIN_NS  # between two changes on the venue
# Fees differ from the prediction, so that books which miss a settlement differ from the wallet.
TARIFF: Final = Tariff(
    entry_notional=LOT * PRICE // NOTIONAL_DIVISOR,
    exit_notional=LOT * EXIT_PRICE // NOTIONAL_DIVISOR,
    entry_fee=4_999_983,
    exit_fee=5_149_971,
)


class Act(NamedTuple):
    """One input to the kernel in the small words of the model."""

    kind: Kind
    trade: int = 0
    attempt: int = 0
    quantity: int = 0  # lots; 1e-8 USDT where it is money
    flag: int = 0
    rounded: int = 0
    time: int = 0


class Terms(NamedTuple):
    """What a world fixes about its trades."""

    lots: int
    ratios: tuple[int, ...]
    side: Side


def time_ns(rank: int) -> int:
    """Venue time of a rank; rank 0 is before everything."""
    return EPOCH_NS + rank * RANK_NS if rank > 0 else 0


def rank_of(time: int) -> int:
    """The rank behind a time of ``time_ns``."""
    return (time - EPOCH_NS) // RANK_NS if time > 0 else 0


def notional(attempt: int, lots: int, rounded: int = 0) -> int:
    """A cumulative notional as the venue reports it; a rounded average price is off by one unit."""
    each = TARIFF.entry_notional if attempt == 0 else TARIFF.exit_notional
    return lots * each + rounded if lots > 0 else 0


def input_of(act: Act, leg: int, terms: Terms) -> Input:
    """The kernel's input. ``leg`` is the one that is next."""
    trade, attempt, at = act.trade, act.attempt, time_ns(act.time)
    match act.kind:
        case Kind.ENTER:
            return inputs.enter(
                slot=0, instrument=0, trade=trade, side=terms.side, quantity=terms.lots * LOT, price=PRICE,
                ratios=terms.ratios,
            )  # fmt: skip
        case Kind.EXIT:
            return inputs.exit_leg(slot=0, instrument=0, trade=trade, leg=leg)
        case Kind.FLATTEN:
            return inputs.flatten(slot=0, instrument=0, trade=trade)
        case Kind.CANCEL:
            return inputs.cancel(slot=0, instrument=0, trade=trade)
        case Kind.REJECTED:
            return inputs.rejected(
                slot=0, instrument=0, trade=trade, attempt=attempt, reason=RejectReason(act.flag), time_ns=at
            )
        case Kind.UNKNOWN:
            return inputs.unknown(slot=0, instrument=0, trade=trade, attempt=attempt)
        case Kind.SILENT:
            return inputs.silent(slot=0, instrument=0, trade=trade, attempt=attempt)
        case Kind.NOT_FOUND:
            # The deadline passed long before the reading, or is the reading's own moment: then the margin is missing.
            deadline = 1 if act.flag == 1 else at
            return inputs.not_found(
                slot=0, instrument=0, trade=trade, attempt=attempt, deadline_ns=deadline, as_of_ns=at
            )
        case Kind.SET_MODE:
            return inputs.set_mode(Mode(act.flag))
        case _:
            return truth_of(act, terms)


def truth_of(act: Act, terms: Terms) -> Input:
    """The inputs that carry quantities or money."""
    quantity, trade, at = act.quantity * LOT, act.trade, time_ns(act.time)
    match act.kind:
        case Kind.ORDER:
            quote = notional(act.attempt, act.quantity, act.rounded)
            return inputs.order(
                slot=0, instrument=0, trade=trade, attempt=act.attempt, quantity=quantity, quote=quote,
                done=act.flag == 1, time_ns=at,
            )  # fmt: skip
        case Kind.POSITION:
            long, short = (quantity, 0) if terms.side == Side.LONG else (0, quantity)
            return inputs.position(
                slot=0, instrument=0, long_quantity=long, short_quantity=short, foreign_orders=act.flag, as_of_ns=at
            )
        case Kind.ADOPT:
            return inputs.adopt(
                slot=0, instrument=0, trade=trade, side=terms.side, quantity=quantity,
                quote=notional(0, act.quantity), price=PRICE, time_ns=at,
            )  # fmt: skip
        case Kind.EXTERNAL_CLOSE:
            return inputs.external_close(
                slot=0, instrument=0, trade=trade, quantity=quantity, quote=notional(1, act.quantity), time_ns=at
            )
        case Kind.SETTLE:
            closing = act.flag == Part.EXIT
            fee = TARIFF.exit_fee if closing else TARIFF.entry_fee
            return inputs.settle(
                slot=0, instrument=0, trade=trade, part=Part(act.flag), quantity=quantity,
                quote=notional(int(closing), act.quantity), fee=act.quantity * fee, time_ns=at,
            )  # fmt: skip
        case Kind.WALLET:
            return inputs.wallet(amount=act.quantity, as_of_ns=at)
        case Kind.INCOME:
            return inputs.income(kind=IncomeKind.ADJUSTMENT, rows=1, total=act.quantity, time_ns=at)
        case _:
            raise ValueError(f"kind: `{act.kind.name}` is not part of the model; add it to input_of")
