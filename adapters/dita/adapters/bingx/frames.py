"""What the two streams push, as pydantic models, and what each becomes in integer rows and market events."""

from decimal import Decimal

from pydantic import Field, SecretStr

from dita.adapters.bingx.messages import (
    Flag,
    MaybeMilliseconds,
    MaybeMoney,
    MaybeText,
    MessageError,
    Milliseconds,
    Money,
    SaidCode,
    SaidMilliseconds,
    SaidRows,
    SaidSecret,
    SaidText,
    Text,
    WireModel,
    nanoseconds,
    order_side,
    order_state,
)
from dita.adapters.bingx.stream_events import MarkPrice
from dita.adapters.bingx.units import price_units, quantity_units, rounded_money_units, rounded_price_units
from dita.adapters.logic.rows import Evidence, OrderRow
from dita.spec.market import BookTicker, Depth, MarketTrade


class AccountFrame(WireModel):
    """One frame of the account stream: an event by name, or an error by code. ``T`` is sometimes absent."""

    event: SaidText = Field("", validation_alias="e")
    matching_time: SaidMilliseconds = Field(0, validation_alias="T")
    event_time: SaidMilliseconds = Field(0, validation_alias="E")
    order: object = Field(None, validation_alias="o")
    account: object = Field(None, validation_alias="a")
    code: SaidCode = None
    listen_key: SaidSecret = Field(SecretStr(""), validation_alias="listenKey")

    @property
    def time_ms(self) -> int:
        """When it happened, or was pushed; 0 when it is not said."""
        return self.matching_time or self.event_time


class AccountChange(WireModel):
    """``a`` of ACCOUNT_UPDATE. Its rows are read one by one: an unreadable one hides no other."""

    reason: SaidText = Field("", validation_alias="m")
    balances: SaidRows = Field([], validation_alias="B")
    positions: SaidRows = Field([], validation_alias="P")


class MarketFrame(WireModel):
    """One frame of the market stream: data of a topic, or the answer to a subscription."""

    topic: SaidText = Field("", validation_alias="dataType")
    data: object = None
    time_ms: SaidMilliseconds = Field(0, validation_alias="ts")
    subscription: SaidCode = Field(None, validation_alias="id")
    code: SaidCode = None
    msg: SaidText = ""


class OrderFrame(WireModel):
    """``o`` of ORDER_TRADE_UPDATE (BingX, order update push). ``l`` and ``L`` are missing in older frames."""

    symbol: Text = Field(validation_alias="s")
    client_id: MaybeText = Field("", validation_alias="c")
    order_id: Text = Field(validation_alias="i")
    side: Text = Field(validation_alias="S")
    type: MaybeText = Field("", validation_alias="o")
    ordered: Money = Field(validation_alias="q")
    average_price: MaybeMoney = Field(None, validation_alias="ap")
    execution: MaybeText = Field("", validation_alias="x")
    status: Text = Field(validation_alias="X")
    trade_time: MaybeMilliseconds = Field(0, validation_alias="T")
    position_side: MaybeText = Field("", validation_alias="ps")
    executed: MaybeMoney = Field(None, validation_alias="z")
    last_quantity: MaybeMoney = Field(None, validation_alias="l")
    last_price: MaybeMoney = Field(None, validation_alias="L")
    trade_id: MaybeText = Field("", validation_alias="td")
    reduce_only: Flag = Field(False, validation_alias="ro")

    def to_row(self, envelope_time_ms: int) -> OrderRow:
        """The integer row. ``o.T`` is 0 on some frames: then the envelope's time counts. Raises as ``OrderMessage``."""
        if self.order_id in ("", "0"):
            raise MessageError(f"order frame: i `{self.order_id}` names no order")
        average = None if self.average_price is None else rounded_price_units(self.average_price, "ap")
        return OrderRow(
            evidence=Evidence.STREAM,
            symbol=self.symbol,
            order_id=self.order_id,
            client_order_id=self.client_id.lower(),
            side=order_side(self.side, "order frame"),
            position_side=self.position_side.upper(),
            state=order_state(self.status),
            status_text=self.status,
            type_text=self.type.upper(),
            ordered_quantity=quantity_units(self.ordered, "q"),
            cum_quantity=None if self.executed is None else quantity_units(self.executed, "z"),
            average_price=average,
            time_ns=nanoseconds(self.trade_time or envelope_time_ms),
            reduce_only=self.reduce_only,
            execution_text=self.execution.upper(),
            last_quantity=None if self.last_quantity is None else quantity_units(self.last_quantity, "l"),
            last_price=None if self.last_price is None else price_units(self.last_price, "L"),
            trade_id="" if self.trade_id == "0" else self.trade_id,
        )


class BalanceFrame(WireModel):
    """One row of ``a.B`` of ACCOUNT_UPDATE."""

    asset: Text = Field(validation_alias="a")
    wallet: MaybeMoney = Field(validation_alias="wb")

    def wallet_units(self) -> int | None:
        """Wallet balance in 1e-8 USDT; None where the venue says "", as it does of assets that were never used."""
        return None if self.wallet is None else rounded_money_units(self.wallet, "wb")


class PositionFrame(WireModel):
    """One row of ``a.P`` of ACCOUNT_UPDATE: a hint to read the positions, never a complete list."""

    symbol: Text = Field(validation_alias="s")
    amount: Money = Field(validation_alias="pa")
    position_side: Text = Field(validation_alias="ps")


class BookTickerFrame(WireModel):
    """``data`` of the bookTicker topic."""

    symbol: Text = Field(validation_alias="s")
    bid_price: Money = Field(validation_alias="b")
    bid_quantity: Money = Field(validation_alias="B")
    ask_price: Money = Field(validation_alias="a")
    ask_quantity: Money = Field(validation_alias="A")
    matching_time: MaybeMilliseconds = Field(0, validation_alias="T")
    event_time: MaybeMilliseconds = Field(0, validation_alias="E")

    def to_event(self) -> BookTicker:
        """The project's own market event. Raises UnitsError or MessageError."""
        ticker = BookTicker(
            symbol=self.symbol,
            bid_price=price_units(self.bid_price, "b"),
            bid_quantity=quantity_units(self.bid_quantity, "B"),
            ask_price=price_units(self.ask_price, "a"),
            ask_quantity=quantity_units(self.ask_quantity, "A"),
            time_ns=nanoseconds(self.matching_time or self.event_time),
        )
        if min(ticker.bid_price, ticker.ask_price) <= 0 or min(ticker.bid_quantity, ticker.ask_quantity) < 0:
            raise MessageError(f"bookTicker `{self.symbol}`: a price is not positive or a quantity is negative")
        return ticker


class MarketTradeFrame(WireModel):
    """One row of ``data`` of the trade topic."""

    symbol: Text = Field(validation_alias="s")
    price: Money = Field(validation_alias="p")
    quantity: Money = Field(validation_alias="q")
    buyer_is_maker: Flag = Field(validation_alias="m")
    time: Milliseconds = Field(validation_alias="T")

    def to_event(self) -> MarketTrade:
        """The project's own market event. Raises UnitsError or MessageError."""
        trade = MarketTrade(
            symbol=self.symbol,
            price=price_units(self.price, "p"),
            quantity=quantity_units(self.quantity, "q"),
            buyer_is_maker=self.buyer_is_maker,
            time_ns=nanoseconds(self.time),
        )
        if trade.price <= 0 or trade.quantity < 0:
            raise MessageError(f"trade `{self.symbol}`: the price is not positive or the quantity is negative")
        return trade


class DepthFrame(WireModel):
    """``data`` of a depth topic: a whole snapshot. Asks have come far to near: both sides are sorted here."""

    bids: list[tuple[Money, Money]]
    asks: list[tuple[Money, Money]]

    def to_event(self, symbol: str, time_ms: int, levels_max: int) -> Depth:
        """The event. Raises UnitsError, or MessageError for a book that is crossed, too deep or tells a price twice."""
        if max(len(self.bids), len(self.asks)) > levels_max:
            raise MessageError(
                f"depth: `{len(self.bids)}` bids and `{len(self.asks)}` asks of `{symbol}`, asked for were {levels_max}"
            )
        bids, asks = (self._side(rows) for rows in (self.bids, self.asks))
        bids.reverse()
        if bids and asks and bids[0][0] >= asks[0][0]:
            raise MessageError(
                f"depth: the book of `{symbol}` is crossed, `{self.bids[0][0]}` over `{self.asks[0][0]}`"
            )
        return Depth(symbol, tuple(bids), tuple(asks), nanoseconds(time_ms))

    @staticmethod
    def _side(rows: list[tuple[Decimal, Decimal]]) -> list[tuple[int, int]]:
        side = sorted((price_units(price, "price"), quantity_units(quantity, "quantity")) for price, quantity in rows)
        if len({price for price, _ in side}) != len(side):
            raise MessageError("depth: one price is told twice")
        if any(price <= 0 or quantity <= 0 for price, quantity in side):
            raise MessageError("depth: a price or a quantity is not positive")
        return side


class MarkPriceFrame(WireModel):
    """``data`` of the markPrice topic."""

    symbol: Text = Field(validation_alias="s")
    price: Money = Field(validation_alias="p")
    event_time: Milliseconds = Field(validation_alias="E")

    def to_event(self) -> MarkPrice:
        """The event. Raises UnitsError or MessageError."""
        price = rounded_price_units(self.price, "p")
        if price <= 0:
            raise MessageError(f"markPrice `{self.symbol}`: the price is not positive")
        return MarkPrice(self.symbol, price, nanoseconds(self.event_time))
