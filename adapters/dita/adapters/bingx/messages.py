"""Every REST message the venue sends us, as pydantic models, and what each becomes in integer rows.

Unknown fields are tolerated, missing money is refused: ``""`` is a legal "none" only where it is named so. Where the
venue's pages and its wire disagree, the wire wins; each such place says so.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from dita.adapters.bingx.json_text import as_list
from dita.adapters.bingx.units import (
    money_e18,
    parse_decimal,
    price_units,
    quantity_units,
    rate_ppb,
    rounded_money_units,
    rounded_price_units,
)
from dita.adapters.logic.rows import (
    BalanceRow,
    Evidence,
    FillRow,
    IncomeRow,
    OrderRow,
    OrderState,
    PositionRow,
)
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, TIME_MAX_NS
from dita.spec.vocabulary import OrderSide, Side

# REST says CANCELLED, the stream CANCELED; NEW, PENDING and WORKING all rest on the book. Anything else is OTHER.
ORDER_STATES: Final = {
    "NEW": OrderState.OPEN,
    "PENDING": OrderState.OPEN,
    "WORKING": OrderState.OPEN,
    "RUNNING": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.OPEN,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "CANCELLED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "FAILED": OrderState.FAILED,
}
_TIME_MAX_MS: Final = TIME_MAX_NS // NANOSECONDS_PER_MILLISECOND
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MessageError(ValueError):
    """A message that lacks what it must have, or contradicts itself; names the message, the field and the value."""


def _decimal(value: object) -> Decimal:
    if isinstance(value, (str, int, Decimal)):
        return parse_decimal(value, "value")
    raise ValueError(f"a `{type(value).__name__}` is not an exact decimal")


def _maybe_decimal(value: object) -> Decimal | None:
    return None if value is None or value == "" else _decimal(value)


def _text(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= 256:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**48:
        return str(value)
    raise ValueError("neither a short text nor an integer")


def _maybe_text(value: object) -> str:
    return "" if value is None or value == "" else _text(value)


def _milliseconds(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _TIME_MAX_MS:
        raise ValueError("not a time in milliseconds")
    return value


def _maybe_milliseconds(value: object) -> int:
    return 0 if value is None or value == "" else _milliseconds(value)


def _count(value: object) -> int:
    number = _decimal(value)
    if number != number.to_integral_value() or not 0 <= number <= 10**9:
        raise ValueError("not a whole number from 0 to 1e9")
    return int(number)


def _flag(value: object) -> bool:
    if value in (True, "true", "True"):
        return True
    if value is None or value in (False, "false", "False", ""):
        return False
    raise ValueError("neither true nor false")


def _strict_flag(value: object) -> bool:
    if value is None or value == "":
        raise ValueError("not said")
    return _flag(value)


def _said_code(value: object) -> str | None:
    """Codes are numbers, in older samples texts; whatever else stands there is no code."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _said_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _said_milliseconds(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**14:
        return value
    return 0


def _said_secret(value: object) -> SecretStr:
    return SecretStr(value if isinstance(value, str) else "")


def _said_rows(value: object) -> list[object]:
    return as_list(value) or []


def _listen_key(value: object) -> SecretStr:
    if isinstance(value, str) and 0 < len(value) <= 256 and value.isascii() and value.replace("-", "").isalnum():
        return SecretStr(value)
    raise ValueError("not letters, digits and hyphens")


Money = Annotated[Decimal, BeforeValidator(_decimal)]  # required: missing or "" is refused
MaybeMoney = Annotated[Decimal | None, BeforeValidator(_maybe_decimal)]  # "" and null mean: not said
Text = Annotated[str, BeforeValidator(_text)]  # required: missing or "" is refused
MaybeText = Annotated[str, BeforeValidator(_maybe_text)]
Milliseconds = Annotated[int, BeforeValidator(_milliseconds)]
MaybeMilliseconds = Annotated[int, BeforeValidator(_maybe_milliseconds)]
ListenKey = Annotated[SecretStr, BeforeValidator(_listen_key)]
Count = Annotated[int, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(_flag)]
# Of envelopes: whatever cannot be read counts as not said, because an answer is judged all the same.
SaidCode = Annotated[str | None, BeforeValidator(_said_code)]
SaidText = Annotated[str, BeforeValidator(_said_text)]
SaidMilliseconds = Annotated[int, BeforeValidator(_said_milliseconds)]
SaidSecret = Annotated[SecretStr, BeforeValidator(_said_secret)]
SaidRows = Annotated[list[object], BeforeValidator(_said_rows)]
StrictFlag = Annotated[bool, BeforeValidator(_strict_flag)]  # not said is refused


class WireModel(BaseModel):
    """A message from outside: frozen, and fields we do not know are none of our business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


M = TypeVar("M", bound=WireModel)


def read_message(model: type[M], document: object, name: str) -> M:
    """Validate one message. Raises MessageError that names each bad field, in one line."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)[:5]
        faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in found]
    # Raised out here, without a context: pydantic's error keeps the frames of our validators, with all that called
    # them, where the collector cannot see it. A task that ends by this error would never be freed.
    raise MessageError(f"{name}: {'; '.join(faults)}"[:500])


class Envelope(WireModel):
    """What every reply is wrapped in, but for those of listen keys; the old form of ``msg`` is ``message``."""

    code: SaidCode = None
    msg: SaidText = ""
    message: SaidText = ""
    data: object = None

    @property
    def text(self) -> str:
        """What the venue says about it."""
        return self.msg or self.message


def nanoseconds(milliseconds: int) -> int:
    """Venue milliseconds to nanoseconds."""
    return milliseconds * NANOSECONDS_PER_MILLISECOND


def order_side(text: str, name: str) -> OrderSide:
    """BUY or SELL in either case. Raises MessageError."""
    match text.upper():
        case "BUY":
            return OrderSide.BUY
        case "SELL":
            return OrderSide.SELL
        case _:
            raise MessageError(f"{name}: side `{text}` is neither BUY nor SELL")


def order_state(text: str) -> OrderState:
    """What a status word means; a new word is OTHER, which never closes anything."""
    return ORDER_STATES.get(text.upper(), OrderState.OTHER)


class OrderMessage(WireModel):
    """An order as GET order, the listings and the cancel echo give it (BingX, query order details)."""

    symbol: Text
    order_id: Text = Field(validation_alias=AliasChoices("orderId", "orderID"))
    side: Text
    position_side: MaybeText = Field("", validation_alias="positionSide")
    type: MaybeText = ""
    ordered: Money = Field(validation_alias=AliasChoices("origQty", "quantity"))
    executed: Money = Field(validation_alias="executedQty")
    average_price: MaybeMoney = Field(None, validation_alias="avgPrice")
    status: Text
    time: MaybeMilliseconds = 0
    update_time: MaybeMilliseconds = Field(0, validation_alias="updateTime")
    client_id: MaybeText = Field("", validation_alias="clientOrderId")
    client_id_capital: MaybeText = Field("", validation_alias="clientOrderID")
    reduce_only: Flag = Field(False, validation_alias="reduceOnly")
    stop_price: MaybeMoney = Field(None, validation_alias="stopPrice")

    def to_row(self, evidence: Evidence) -> OrderRow:
        """The integer row. Raises MessageError or UnitsError."""
        if self.order_id in ("", "0"):
            raise MessageError(f"order: orderId `{self.order_id}` names no order")
        if not self.update_time and not self.time:
            raise MessageError(f"order `{self.order_id}`: neither time nor updateTime; news without a time looks old")
        average = None if self.average_price is None else rounded_price_units(self.average_price, "avgPrice")
        return OrderRow(
            evidence=evidence,
            symbol=self.symbol,
            order_id=self.order_id,
            client_order_id=(self.client_id or self.client_id_capital).lower(),
            side=order_side(self.side, "order"),
            position_side=self.position_side.upper(),
            state=order_state(self.status),
            status_text=self.status,
            type_text=self.type.upper(),
            ordered_quantity=quantity_units(self.ordered, "origQty"),
            cum_quantity=quantity_units(self.executed, "executedQty"),
            average_price=average,
            time_ns=nanoseconds(self.update_time or self.time),
            reduce_only=self.reduce_only,
            stop_price=0 if self.stop_price is None else rounded_price_units(self.stop_price, "stopPrice"),
        )


class SubmitEcho(WireModel):
    """``data.order`` of a submit reply. Nothing is booked from it: it only proves acceptance and names the order."""

    order_id: MaybeText = Field("", validation_alias="orderId")
    order_id_text: MaybeText = Field("", validation_alias="orderID")  # the twin that no float parser can have rounded
    symbol: MaybeText = ""
    client_id: MaybeText = Field("", validation_alias="clientOrderId")
    client_id_capital: MaybeText = Field("", validation_alias="clientOrderID")
    quantity: MaybeMoney = Field(None, validation_alias=AliasChoices("quantity", "origQty"))
    type: MaybeText = ""
    stop_price: MaybeMoney = Field(None, validation_alias="stopPrice")
    status: MaybeText = ""

    @property
    def id(self) -> str:
        """The order id, "" when there is none."""
        return next((text for text in (self.order_id_text, self.order_id) if text not in ("", "0")), "")


class FillMessage(WireModel):
    """One row of the fill history. Captures and the venue's page disagree on ``qty``: see ``to_row``."""

    symbol: Text
    trade_id: Text = Field(validation_alias="tradeId")
    order_id: Text = Field(validation_alias="orderId")
    side: Text
    position_side: MaybeText = Field("", validation_alias="positionSide")
    price: Money
    quantity: Money = Field(validation_alias="qty")
    volume: MaybeMoney = None
    quote: MaybeMoney = Field(None, validation_alias="quoteQty")
    commission: Money
    commission_asset: MaybeText = Field("", validation_alias="commissionAsset")
    role: MaybeText = ""
    filled_time: Text = Field(validation_alias="filledTime")

    def to_row(self) -> FillRow:
        """The integer row. Raises MessageError or UnitsError.

        Where ``volume`` exists it is the base quantity and ``qty`` the notional (the page's form); else ``qty`` is the
        base quantity (the wire's). The notional, where given, must agree within one unit of its last digit.
        """
        base = self.quantity if self.volume is None else self.volume
        notional = self.quote if self.volume is None else self.quantity
        if notional is not None:
            exponent = notional.as_tuple().exponent
            last_digit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
            if abs(base * self.price - notional) > last_digit:
                raise MessageError(
                    f"fill `{self.trade_id}`: price `{self.price}` times quantity `{base}` is not `{notional}`"
                )
        if self.trade_id in ("", "0") or self.order_id in ("", "0"):
            raise MessageError(f"fill: tradeId `{self.trade_id}` or orderId `{self.order_id}` names nothing")
        quantity = quantity_units(base, "qty")
        price = price_units(self.price, "price")
        if quantity <= 0 or price <= 0:
            raise MessageError(f"fill `{self.trade_id}`: price `{self.price}` or quantity `{base}` is not positive")
        return FillRow(
            symbol=self.symbol,
            trade_id=self.trade_id,
            order_id=self.order_id,
            side=order_side(self.side, "fill"),
            position_side=self.position_side.upper(),
            price=price,
            quantity=quantity,
            commission_e18=money_e18(self.commission, "commission"),
            commission_asset=self.commission_asset,
            time_ns=_iso_nanoseconds(self.filled_time),
            is_maker={"maker": True, "taker": False}.get(self.role.lower()),
        )


def _iso_nanoseconds(text: str) -> int:
    # `filledTime` carries its offset, with or without a colon; `filledTm` claims to be UTC and is not: never read it.
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MessageError(f"fill: filledTime `{text}` is not a time") from None
    if moment.tzinfo is None:
        raise MessageError(f"fill: filledTime `{text}` has no offset from UTC")
    nanos = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    if not 0 <= nanos <= TIME_MAX_NS:
        raise MessageError(f"fill: filledTime `{text}` is out of range")
    return nanos


class PositionMessage(WireModel):
    """One row of the position list (BingX, query position data)."""

    symbol: Text
    amount: Money = Field(validation_alias="positionAmt")
    position_side: Text = Field(validation_alias="positionSide")
    average_price: MaybeMoney = Field(None, validation_alias="avgPrice")
    update_time: MaybeMilliseconds = Field(0, validation_alias="updateTime")
    position_id: MaybeText = Field("", validation_alias="positionId")

    def to_row(self) -> PositionRow | None:
        """The integer row, or None for an amount of zero. Raises MessageError or UnitsError."""
        units = quantity_units(self.amount, "positionAmt")
        if units == 0:
            return None
        match self.position_side.upper():
            case "LONG" if units > 0:
                side = Side.LONG
            case "SHORT":  # unsigned by the page; signed rows have been seen
                side = Side.SHORT
            case "BOTH":
                side = Side.LONG if units > 0 else Side.SHORT
            case _:
                raise MessageError(f"position: side `{self.position_side}` does not go with amount `{self.amount}`")
        # Nobody gets stuck in a position because its price is missing: without one it can be closed, and not adopted.
        average = 0 if self.average_price is None else rounded_price_units(self.average_price, "avgPrice")
        return PositionRow(
            symbol=self.symbol,
            side=side,
            quantity=abs(units),
            average_price=average,
            updated_ns=nanoseconds(self.update_time),
            position_id=self.position_id,
        )


class BalanceMessage(WireModel):
    """One row of the balance list. ``""`` stands for zero in assets that were never used: those rows are not read."""

    asset: Text
    balance: Money
    equity: Money
    available: Money = Field(validation_alias="availableMargin")
    used: Money = Field(validation_alias="usedMargin")

    def to_row(self) -> BalanceRow:
        """The integer row. Raises UnitsError."""
        return BalanceRow(
            asset=self.asset,
            balance=rounded_money_units(self.balance, "balance"),
            equity=rounded_money_units(self.equity, "equity"),
            available_margin=rounded_money_units(self.available, "availableMargin"),
            used_margin=rounded_money_units(self.used, "usedMargin"),
        )


class IncomeMessage(WireModel):
    """One row of the income statement; positive is received."""

    symbol: MaybeText = ""
    type: Text = Field(validation_alias="incomeType")
    income: Money
    asset: MaybeText = ""
    time: Milliseconds
    transaction_id: Text = Field(validation_alias="tranId")
    trade_id: MaybeText = Field("", validation_alias="tradeId")

    def to_row(self) -> IncomeRow:
        """The integer row. Raises MessageError or UnitsError."""
        if not self.transaction_id:
            raise MessageError("income: tranId is empty; the row cannot be told from its copies")
        return IncomeRow(
            symbol=self.symbol,
            type_text=self.type.upper(),
            amount_e18=money_e18(self.income, "income"),
            asset=self.asset,
            time_ns=nanoseconds(self.time),
            transaction_id=self.transaction_id,
            trade_id=self.trade_id,
        )


class CommissionMessage(WireModel):
    """``data.commission`` of the commission rate call."""

    taker: Money = Field(validation_alias="takerCommissionRate")
    maker: Money = Field(validation_alias="makerCommissionRate")

    def rates_ppb(self) -> tuple[int, int]:
        """(taker, maker) in parts per billion."""
        return rate_ppb(self.taker, "takerCommissionRate"), rate_ppb(self.maker, "makerCommissionRate")


class PremiumMessage(WireModel):
    """One row of the premium index, of which only the funding interval is read."""

    symbol: Text
    funding_hours: Count = Field(validation_alias="fundingIntervalHours")


class PositionModeMessage(WireModel):
    """``data`` of the position mode call: text on the wire."""

    is_hedge: StrictFlag = Field(validation_alias="dualSidePosition")


class MarginModeMessage(WireModel):
    """``data`` of the margin mode call."""

    mode: Text = Field(validation_alias="marginType")


class SwitchMessage(WireModel):
    """``data`` of the dead-man switch. ``triggerTime`` is told in seconds or in milliseconds: it is not read."""

    status: Text
    note: MaybeText = ""


class CancelAllMessage(WireModel):
    """``data`` of a cancel of everything. Either list is null when there is nothing to tell."""

    success: list[object] | None = None
    failed: list[object] | None = None


class ListenKeyMessage(WireModel):
    """The reply that holds a listen key, which is a secret."""

    listen_key: ListenKey = Field(validation_alias="listenKey")


class LeverageMessage(WireModel):
    """``data`` of the leverage call."""

    long: Count = Field(validation_alias="longLeverage")
    short: Count = Field(validation_alias="shortLeverage")
    long_max: Count = Field(0, validation_alias="maxLongLeverage")
    short_max: Count = Field(0, validation_alias="maxShortLeverage")


class KeyPermissionsMessage(WireModel):
    """``data`` of the key permissions call; each flag is told or the message is refused."""

    trades: StrictFlag = Field(validation_alias="enableFutures")
    withdraws: StrictFlag = Field(validation_alias="enableWithdrawals")
    transfers: StrictFlag = Field(validation_alias="permitsUniversalTransfer")
    is_bound: StrictFlag = Field(validation_alias="ipRestrict")


class ServerTimeMessage(WireModel):
    """``data`` of the server time call."""

    server_time: Milliseconds = Field(validation_alias="serverTime")
