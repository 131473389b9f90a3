"""Orders on their way out: what is asked of the venue, how it reads on the wire, and what came of it, as values."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from dita.adapters.bingx.api import Answer
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.messages import MessageError, SubmitEcho, read_message
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.transport import Failure, FailureKind
from dita.adapters.bingx.units import UnitsError, price_text, quantity_text, quantity_units
from dita.adapters.logic.rows import OrderRow
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND
from dita.spec.vocabulary import OrderSide, RejectReason

# The venue lower-cases ids; `&`, `=`, `%`, `+`, `?`, `#` break signatures (BingX, place order; observed).
_CLIENT_ORDER_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_SYMBOL: Final = re.compile(r"[A-Z0-9]{1,20}-[A-Z]{2,10}\Z")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """One order to be placed. ``send_by_ns`` is venue time: nothing is written after it."""

    symbol: str
    client_order_id: str
    side: OrderSide
    reduce_only: bool  # True: it can only make the position smaller
    quantity: int  # 1e-8 coins
    limit_price: int  # 1e-10 USDT; 0: market
    send_by_ns: int
    post_only: bool = False


def order_from_outcome(outcome: Outcome, symbol: str, tag: str, send_by_ns: int) -> NewOrder:
    """The order that an outcome's SUBMIT commands. Raises ValueError when it commands none."""
    if not outcome.submit:
        raise ValueError(f"outcome: `{outcome}` commands no SUBMIT")
    return NewOrder(
        symbol=symbol,
        client_order_id=client_order_id(tag, OrderKey(outcome.trade, outcome.slot, outcome.attempt)),
        side=OrderSide(outcome.side),
        reduce_only=bool(outcome.reduce_only),
        quantity=outcome.quantity,
        limit_price=outcome.limit_price,
        send_by_ns=send_by_ns,
        post_only=bool(outcome.post_only),
    )


class UnknownReason(Enum):
    """Why we cannot say whether the order is on the book."""

    NO_REPLY = "no reply"
    BAD_REPLY = "bad reply"
    AMBIGUOUS = "ambiguous"
    EXCHANGE_BUSY = "exchange busy"
    DUPLICATE_ID = "duplicate id"
    KILLED_AFTER_ACCEPT = "killed after accept"
    ECHO_DIFFERS = "echo differs"
    ALREADY_SUBMITTED = "already submitted"
    UNNAMED = "unnamed"  # a close of a whole position carries no client id: only the position tells what it did
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order service took the order; it may have died or filled since. Nothing may be booked from this."""

    order_id: str
    client_order_id: str
    timestamp_ms: int  # venue time in the signed request


@dataclass(frozen=True, slots=True)
class Rejected:
    """The order surely never reached the book."""

    reason: RejectReason
    code: str | None
    text: str
    klass: ErrorClass | None = None  # None: never sent


@dataclass(frozen=True, slots=True)
class Unknown:
    """The order may or may not be on the book: resolve it, never send it again. ``order_id`` is "" unless told."""

    reason: UnknownReason
    detail: str
    order_id: str = ""


SubmitResult = Accepted | Rejected | Unknown


class CancelKind(Enum):
    """What a cancel request came to. None of these says what had filled: query the order."""

    REQUESTED = "requested"  # the venue said yes
    NOT_FOUND = "not found"  # gone, never there, or not yet visible
    ALREADY_DONE = "already done"
    THROTTLED = "throttled"  # within a second of the last one, or by the local limiter: try again later
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CancelResult:
    """Outcome of one cancel. ``echo`` may predate a racing fill: a hint, never terminal evidence."""

    kind: CancelKind
    code: str | None
    text: str
    echo: OrderRow | None = None


@dataclass(frozen=True, slots=True)
class CancelAllResult:
    """Outcome of a cancel of everything. ``confirmed``: the venue said yes and named no order that failed."""

    confirmed: bool
    cancelled: int
    failed: int
    text: str


def position_side(order: NewOrder, mode: PositionMode) -> str:
    """LONG or SHORT in hedge mode, where an order for the other side cannot touch this one; BOTH in one-way mode."""
    if mode is PositionMode.ONE_WAY:
        return "BOTH"
    opens_long = order.side is OrderSide.BUY and not order.reduce_only
    closes_long = order.side is OrderSide.SELL and order.reduce_only
    return "LONG" if opens_long or closes_long else "SHORT"


def order_parameters(order: NewOrder, mode: PositionMode) -> dict[str, str]:
    """The order as request parameters (BingX, place order). ``clientOrderID``: the spelling seen to be honoured."""
    parameters = {
        "symbol": order.symbol,
        "side": order.side.name,
        "positionSide": position_side(order, mode),
        "type": "LIMIT" if order.limit_price else "MARKET",
        "quantity": quantity_text(order.quantity),
        "clientOrderID": order.client_order_id,
    }
    if order.limit_price:
        parameters["price"] = price_text(order.limit_price)
        parameters["timeInForce"] = "PostOnly" if order.post_only else "GTC"
    if mode is PositionMode.ONE_WAY and order.reduce_only:  # hedge mode refuses the flag and does not need it
        parameters["reduceOnly"] = "true"
    return parameters


def symbol_fault(symbol: str) -> str | None:
    """Why this can be no symbol, or None."""
    return None if _SYMBOL.match(symbol) else f"symbol: `{symbol}` does not look like `BTC-USDT`"


def fault_of(order: NewOrder, contract: Contract | None) -> str | None:
    """Why the order must not be sent as it is, or None. The venue truncates excess decimals silently."""
    if not _CLIENT_ORDER_ID.match(order.client_order_id):
        return f"client_order_id: `{order.client_order_id}` is not 1 to 40 characters of a-z, 0-9 and `-`"
    if (fault := symbol_fault(order.symbol)) is not None:
        return fault
    if order.side not in (OrderSide.BUY, OrderSide.SELL):
        return f"side: `{order.side!r}` is neither BUY nor SELL"
    if not 0 < order.quantity <= BOUND:
        return f"quantity: `{order.quantity}` is not positive and within bounds"
    if not 0 <= order.limit_price <= BOUND:
        return f"limit_price: `{order.limit_price}` is negative or out of bounds"
    if order.post_only and not order.limit_price:
        return "post_only: a market order cannot be post-only; give a limit price"
    if contract is None:
        # A position can be closed without its contract list: the venue itself told us the quantity.
        return None if order.reduce_only else f"symbol: the contract of `{order.symbol}` is not loaded"
    if not contract.tradable and not order.reduce_only:
        return f"symbol: `{order.symbol}` is not open for trading now"
    if order.quantity % contract.lot:
        return f"quantity: `{quantity_text(order.quantity)}` is not a multiple of `{quantity_text(contract.lot)}`"
    if order.limit_price % contract.tick:
        return f"limit_price: `{price_text(order.limit_price)}` is not a multiple of `{price_text(contract.tick)}`"
    return None


def judged_failure(result: Answer | Failure) -> Rejected | Unknown | None:
    """What a submit that was not answered with a yes proves; None for a yes.

    A rejection needs proof: nothing was sent, or the answer has a definite class.
    """
    if isinstance(result, Failure):
        if result.sent or result.kind is FailureKind.BUG:
            reason = UnknownReason.BUG if result.kind is FailureKind.BUG else UnknownReason.NO_REPLY
            return Unknown(reason, f"{result.kind.value}: {result.detail}")
        throttled = result.kind is FailureKind.THROTTLED
        reject_reason = RejectReason.THROTTLED if throttled else RejectReason.NOT_SENT
        return Rejected(reject_reason, None, f"{result.kind.value}: {result.detail}")
    meaning = result.meaning
    if meaning is None:
        return None
    detail = f"status `{result.reply.status}`, code `{result.code}`: {result.text}"
    if meaning.klass.is_definite:
        return Rejected(meaning.reason, result.code, detail, meaning.klass)
    return Unknown(_UNKNOWN_REASONS.get(meaning.klass, UnknownReason.AMBIGUOUS), detail)


class Echoed(NamedTuple):
    """A yes of the venue: the order as it says to have taken it, and the venue time (ms) that we signed."""

    order: SubmitEcho
    timestamp_ms: int


def echoed(result: Answer | Failure, name: str) -> Echoed | Rejected | Unknown:
    """The venue's yes to a submit, with an id; what the exchange proves else. ``name`` is for messages."""
    judged = judged_failure(result)
    if judged is not None:
        return judged
    assert not isinstance(result, Failure)  # every failure has been judged
    try:
        echo = read_message(SubmitEcho, as_object((as_object(result.data) or {}).get("order")), name)
    except MessageError as error:
        return Unknown(UnknownReason.BAD_REPLY, str(error))
    if not echo.id:
        return Unknown(UnknownReason.BAD_REPLY, "code 0 without an order id")
    return Echoed(echo, result.reply.timestamp_ms)


def judged_submit(order: NewOrder, result: Answer | Failure) -> SubmitResult:
    """What an exchange about an order proves: accepted only under its name at the venue and with our id echoed."""
    yes = echoed(result, "submit")
    if not isinstance(yes, Echoed):
        return yes
    echo = yes.order
    try:
        quantity = None if echo.quantity is None else quantity_units(echo.quantity, "quantity")
    except UnitsError as error:
        return Unknown(UnknownReason.BAD_REPLY, str(error))
    if order.client_order_id not in (echo.client_id.lower(), echo.client_id_capital.lower()):
        return Unknown(UnknownReason.ECHO_DIFFERS, "the client id was not echoed: it may not be honoured", echo.id)
    if echo.symbol not in ("", order.symbol) or quantity not in (None, order.quantity):
        return Unknown(UnknownReason.ECHO_DIFFERS, f"symbol `{echo.symbol}`, quantity `{echo.quantity}`", echo.id)
    return Accepted(echo.id, order.client_order_id, yes.timestamp_ms)


_UNKNOWN_REASONS: Final = {
    ErrorClass.DUPLICATE_ID: UnknownReason.DUPLICATE_ID,
    ErrorClass.KILLED_AFTER_ACCEPT: UnknownReason.KILLED_AFTER_ACCEPT,
    ErrorClass.EXCHANGE_BUSY: UnknownReason.EXCHANGE_BUSY,
}
