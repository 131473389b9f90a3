"""Frames of the two websockets as JSON text, and their transport form (BingX, swap websocket pages).

Account frames: ORDER_TRADE_UPDATE, ACCOUNT_UPDATE, SNAPSHOT, listenKeyExpired. Market frames carry their topic.
"""

import zlib
from typing import Final

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.candles import DAY_MS, Bar
from dita.adapters.exchange.config import Contract, WireVariants
from dita.adapters.exchange.decimals import decimal_text
from dita.adapters.exchange.events import AccountUpdate, OrderUpdate, PositionValue
from dita.adapters.exchange.json_text import json_text
from dita.adapters.exchange.market import Level, Market
from dita.adapters.exchange.wire import JsonObject, average_price, milliseconds, money_text
from dita.spec.market import MarketTrade

_GZIP_WINDOW: Final = 16 + 10  # zlib's number for a gzip container with a window of 1 KiB: frames are short
_FASTEST: Final = 1
_LEAST_MEMORY: Final = 1  # clearing what a compressor may use costs more than compressing a frame
EVENT_DIGITS: Final = 8  # account frames show prices, quantities and money with 8 decimals


def gzip_frame(text: str) -> bytes:
    """The text as one gzip member, the form of every server frame."""
    compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP_WINDOW, _LEAST_MEMORY)
    return compressor.compress(text.encode()) + compressor.flush()


def order_frame(update: OrderUpdate, contract: Contract, wire: WireVariants, pushed_ms: int) -> str:
    """One order event. ``n`` is this fill's commission, negative = paid, unless the variant makes it cumulative."""
    order, fill = update.order, update.fill
    time_ms = milliseconds(update.time_ns)
    shown_price = fill.price if fill is not None and not order.price else order.price
    commission = update.commission if wire.cumulative_commission else (fill.commission if fill is not None else 0)
    body: JsonObject = {
        "s": order.symbol,
        "c": order.client_id,
        "i": str(order.order_id) if wire.order_id_as_text else order.order_id,
        "S": order.side,
        "o": order.order_type,
        "q": decimal_text(order.quantity, 8, EVENT_DIGITS),
        "p": decimal_text(shown_price, 10, EVENT_DIGITS),
        "sp": decimal_text(order.stop_price, 10, EVENT_DIGITS),
        "ap": decimal_text(average_price(update.notional, update.executed, contract), 10, EVENT_DIGITS),
        "x": update.execution,
        "X": "CANCELED" if update.status == "CANCELLED" else update.status,
        "N": wire.settlement_asset,
        "n": money_text(-commission),
        "T": time_ms,
        "wt": order.working_type,
        "ps": order.position_side,
        "rp": money_text(fill.realised if fill is not None else 0),
        "z": decimal_text(update.executed, 8, EVENT_DIGITS),
        "sg": "false",
        "ti": order.parent_id,
        "ro": order.reduce_only,
        "td": fill.trade_id if fill is not None else 0,
        "tv": money_text(fill.notional if fill is not None else 0, 1),
    }
    if not wire.omit_last_fill:
        body["l"] = decimal_text(fill.quantity if fill is not None else 0, 8, EVENT_DIGITS)
        body["L"] = decimal_text(fill.price if fill is not None else 0, 10, EVENT_DIGITS)
    return json_text({"e": wire.order_event_name, "E": pushed_ms, "T": time_ms, "o": body})


def account_frame(update: AccountUpdate, account: Account, wire: WireVariants, pushed_ms: int) -> str:
    """Wallet and changed positions; a position that went flat is told with amount 0."""
    wallet, cross = money_text(update.wallet), money_text(update.wallet - update.isolated_margin)
    balance: JsonObject = {"a": wire.settlement_asset, "wb": wallet, "cw": cross, "bc": money_text(update.change)}
    positions = [_position(value, account) for value in update.positions]
    changes: JsonObject = {"m": update.reason, "B": [balance], "P": positions}
    return json_text({"e": "ACCOUNT_UPDATE", "E": pushed_ms, "T": milliseconds(update.time_ns), "a": changes})


def _position(value: PositionValue, account: Account) -> JsonObject:
    signed = value.side == "BOTH"
    return {
        "s": value.symbol,
        "pa": decimal_text(value.quantity if signed else abs(value.quantity), 8, EVENT_DIGITS),
        "ep": decimal_text(value.average_price, 10, EVENT_DIGITS),
        "up": money_text(value.unrealised),
        "mt": "isolated" if account.isolated(value.symbol) else "cross",
        "iw": money_text(value.margin),
        "ps": value.side,
        "cr": money_text(value.realised),
    }


def snapshot_frame(account: Account, symbol: str, pushed_ms: int) -> str:
    """The undocumented noise: one symbol's leverage and margin mode."""
    sides = ("LONG", "SHORT") if account.hedge_mode else ("BOTH", "BOTH")
    config: JsonObject = {
        "s": symbol,
        "l": account.leverage(symbol, "LONG" if sides[0] == "LONG" else "BOTH"),
        "S": account.leverage(symbol, "SHORT" if sides[1] == "SHORT" else "BOTH"),
        "mt": "isolated" if account.isolated(symbol) else "cross",
    }
    return json_text({"e": "SNAPSHOT", "E": pushed_ms, "ac": config})


def expired_frame(listen_key: str, pushed_ms: int) -> str:
    """The listen key has come to its end."""
    return json_text({"e": "listenKeyExpired", "E": pushed_ms, "listenKey": listen_key})


def data_frame(topic: str, data: object, **beside: object) -> str:
    """A market frame of one topic."""
    return json_text({"code": 0, "dataType": topic, "data": data, **beside})


def ticker_frame(topic: str, market: Market, pushed_ms: int) -> str:
    """bookTicker: best prices; capital letters are the quantities."""
    contract = market.contract
    return data_frame(
        topic,
        {
            "e": "bookTicker",
            "u": market.updates,
            "E": pushed_ms,
            "T": milliseconds(market.time_ns),
            "s": contract.symbol,
            "b": decimal_text(market.bid_price, 10, contract.price_precision),
            "B": decimal_text(market.bid_quantity, 8, contract.quantity_precision),
            "a": decimal_text(market.ask_price, 10, contract.price_precision),
            "A": decimal_text(market.ask_quantity, 8, contract.quantity_precision),
        },
    )


def trade_frame(topic: str, trade: MarketTrade, contract: Contract) -> str:
    """trade: one public trade in an array, without an id."""
    row: JsonObject = {
        "q": decimal_text(trade.quantity, 8, contract.quantity_precision),
        "p": decimal_text(trade.price, 10, contract.price_precision),
        "T": milliseconds(trade.time_ns),
        "m": trade.buyer_is_maker,
        "s": trade.symbol,
    }
    return data_frame(topic, [row])


def depth_rows(levels: list[Level], contract: Contract, depth: int) -> list[list[str]]:
    """Price and quantity text of the best levels."""
    return [
        [
            decimal_text(level.price, 10, contract.price_precision),
            decimal_text(level.left, 8, contract.quantity_precision),
        ]
        for level in levels[:depth]
    ]


def depth_frame(topic: str, market: Market, depth: int, pushed_ms: int) -> str:
    """A full snapshot; asks are listed far to near, as observed."""
    asks = depth_rows(market.asks(), market.contract, depth)
    asks.reverse()
    return data_frame(topic, {"bids": depth_rows(market.bids(), market.contract, depth), "asks": asks}, ts=pushed_ms)


def change_percent(day: Bar) -> str:
    """By how many percent the last price differs from the first one, with two decimals."""
    return decimal_text((day.close - day.open) * 10_000 // day.open if day.open else 0, 2, 2)


def day_frame(topic: str, market: Market, pushed_ms: int) -> str:
    """24hTicker: capital A and B are prices, the small letters their sizes, the reverse of bookTicker."""
    day, contract = market.day(), market.contract
    price, quantity = contract.price_precision, contract.quantity_precision
    return data_frame(
        topic,
        {
            "e": "24hTicker",
            "E": pushed_ms,
            "s": contract.symbol,
            "p": decimal_text(day.close - day.open, 10, price),
            "P": change_percent(day),
            "c": decimal_text(day.close, 10, price),
            "L": decimal_text(market.last_quantity, 8, quantity),
            "h": decimal_text(day.high, 10, price),
            "l": decimal_text(day.low, 10, price),
            "v": decimal_text(day.volume, 8, quantity),
            "q": money_text(day.notional, 2),
            "o": decimal_text(day.open, 10, price),
            "O": max(0, pushed_ms - DAY_MS),
            "C": pushed_ms,
            "A": decimal_text(market.ask_price, 10, price),
            "a": decimal_text(market.ask_quantity, 8, quantity),
            "B": decimal_text(market.bid_price, 10, price),
            "b": decimal_text(market.bid_quantity, 8, quantity),
        },
    )


def bar_frame(topic: str, market: Market, interval_ms: int) -> str | None:
    """kline: the newest bar, ``T`` is its beginning; None before the first price."""
    bar, contract = market.candles.newest(interval_ms), market.contract
    if bar is None:
        return None
    row: JsonObject = {
        name: decimal_text(value, 10, contract.price_precision)
        for name, value in (("c", bar.close), ("o", bar.open), ("h", bar.high), ("l", bar.low))
    }
    row |= {"v": decimal_text(bar.volume, 8, contract.quantity_precision), "T": bar.time_ms}
    return data_frame(topic, [row], s=contract.symbol)


def price_frame(topic: str, market: Market, pushed_ms: int) -> str:
    """MarkPrice or lastPrice."""
    contract = market.contract
    if topic.endswith("@markPrice"):
        mark = decimal_text(market.mark_price, 10, contract.price_precision)
        return data_frame(topic, {"e": "markPriceUpdate", "E": pushed_ms, "s": contract.symbol, "p": mark})
    last = decimal_text(market.last_price or market.mark_price, 10, contract.price_precision)
    return data_frame(topic, {"e": "lastPriceUpdate", "E": pushed_ms, "s": contract.symbol, "c": last})
