"""Public market data (BingX, swap market pages)."""

from collections.abc import Callable
from typing import Final

from dita.adapters.exchange.candles import DAY_MS, INTERVALS_MS
from dita.adapters.exchange.decimals import decimal_text
from dita.adapters.exchange.errors import bad_parameter
from dita.adapters.exchange.frames import change_percent, depth_rows
from dita.adapters.exchange.market import Market
from dita.adapters.exchange.rest_routes import SWAP, Call, Route, Routes
from dita.adapters.exchange.wire import (
    JsonObject,
    contract_row,
    milliseconds,
    money_text,
    number,
    price_text,
    quantity_text,
)
from dita.spec.scales import NOTIONAL_DIVISOR

_DEPTHS: Final = (5, 10, 20, 50, 100, 500, 1000)
_PUBLIC_PER_SECOND: Final = 50
_TIME_MAX: Final = 10**14


def server_time(call: Call) -> object:
    """GET server/time."""
    return {"serverTime": milliseconds(call.venue.told_ns())}


def contracts(call: Call) -> object:
    """GET quote/contracts: an array, also for one symbol."""
    symbol = call.parameters.get("symbol")
    if symbol:
        return [contract_row(call.venue.engine.market(symbol).contract)]
    return [contract_row(contract) for contract in call.venue.engine.contracts.values()]


def price(call: Call) -> object:
    """GET ticker/price."""
    return _one_or_all(call, _price)


def _price(market: Market) -> JsonObject:
    contract = market.contract
    return {
        "symbol": contract.symbol,
        "price": price_text(market.last_price or market.mark_price, contract),
        "time": milliseconds(market.time_ns),
    }


def book_ticker(call: Call) -> object:
    """GET quote/bookTicker: numbers, unlike the stream."""
    market = _market(call)
    return {
        "book_ticker": {
            "symbol": market.contract.symbol,
            "bid_price": number(market.bid_price, 10),
            "bid_qty": number(market.bid_quantity, 8),
            "ask_price": number(market.ask_price, 10),
            "ask_qty": number(market.ask_quantity, 8),
            "lastUpdateId": market.updates,
            "time": milliseconds(market.time_ns),
        }
    }


def depth(call: Call) -> object:
    """GET quote/depth: asks far to near, as observed."""
    market = _market(call)
    limit = call.parameters.integer("limit", 20, 1, 1000)
    if limit not in _DEPTHS:
        raise bad_parameter("limit", limit, f"is not one of {_DEPTHS}")
    asks = depth_rows(market.asks(), market.contract, limit)
    asks.reverse()
    bids = depth_rows(market.bids(), market.contract, limit)
    return {"T": call.now_ms, "bids": bids, "asks": asks, "bidsCoin": bids, "asksCoin": asks}


def trades(call: Call) -> object:
    """GET quote/trades: the last public trades, newest first, without ids."""
    market = _market(call)
    limit = call.parameters.integer("limit", 500, 1, 1000)
    contract = market.contract
    return [
        {
            "time": milliseconds(trade.time_ns),
            "isBuyerMaker": trade.buyer_is_maker,
            "price": price_text(trade.price, contract),
            "qty": quantity_text(trade.quantity, contract),
            "quoteQty": money_text(trade.price * trade.quantity // NOTIONAL_DIVISOR, 2),
        }
        for trade in list(market.candles.trades)[: -limit - 1 : -1]
    ]


def klines(call: Call) -> object:
    """GET v3 quote/klines: objects, newest first; only the last 24 hours are kept."""
    market, parameters = _market(call), call.parameters
    interval_ms = INTERVALS_MS.get(parameters.required("interval"))
    if interval_ms is None:
        raise bad_parameter("interval", parameters.get("interval"), f"is not one of {', '.join(INTERVALS_MS)}")
    start_ms = parameters.integer("startTime", 0, 0, _TIME_MAX)
    end_ms = parameters.integer("endTime", call.now_ms, 0, _TIME_MAX)
    limit = parameters.integer("limit", 500, 1, 1440)
    bars = market.candles.bars(interval_ms, start_ms, end_ms)
    contract = market.contract
    return [
        {
            "open": price_text(bar.open, contract),
            "close": price_text(bar.close, contract),
            "high": price_text(bar.high, contract),
            "low": price_text(bar.low, contract),
            "volume": quantity_text(bar.volume, contract),
            "time": bar.time_ms,
        }
        for bar in bars[: -limit - 1 : -1]
    ]


def funding_rates(call: Call) -> object:
    """GET quote/fundingRate: what was settled, newest first; null when nothing was."""
    market, parameters = _market(call), call.parameters
    start_ms = parameters.integer("startTime", 0, 0, _TIME_MAX)
    end_ms = parameters.integer("endTime", call.now_ms, 0, _TIME_MAX)
    limit = parameters.integer("limit", 100, 1, 1000)
    rows = [
        {
            "symbol": market.contract.symbol,
            "fundingRate": decimal_text(rate_ppb, 9, 8),
            "fundingTime": milliseconds(time_ns),
        }
        for time_ns, rate_ppb in reversed(market.funding)
        if start_ms <= milliseconds(time_ns) <= end_ms
    ]
    return rows[:limit] or None


def open_interest(call: Call) -> object:
    """GET quote/openInterest: the longs of all accounts at the mark price."""
    market = _market(call)
    symbol = market.contract.symbol
    longs = sum(
        position.quantity
        for account in call.venue.engine.accounts.values()
        for position in account.open_positions(symbol)
        if position.quantity > 0
    )
    value = money_text(longs * market.mark_price // NOTIONAL_DIVISOR, 2)
    return {"openInterest": value, "symbol": symbol, "time": call.now_ms}


def ticker(call: Call) -> object:
    """GET quote/ticker: the last 24 hours."""
    return _one_or_all(call, _ticker)


def _ticker(market: Market) -> JsonObject:
    contract, now_ms, day = market.contract, milliseconds(market.time_ns), market.day()
    return {
        "symbol": contract.symbol,
        "priceChange": price_text(day.close - day.open, contract),
        "priceChangePercent": f"{change_percent(day)}%",
        "lastPrice": price_text(day.close, contract),
        "lastQty": quantity_text(market.last_quantity, contract),
        "highPrice": price_text(day.high, contract),
        "lowPrice": price_text(day.low, contract),
        "volume": quantity_text(day.volume, contract),
        "quoteVolume": money_text(day.notional, 2),
        "openPrice": price_text(day.open, contract),
        "openTime": max(0, now_ms - DAY_MS),
        "closeTime": now_ms,
        "bidPrice": number(market.bid_price, 10),
        "bidQty": number(market.bid_quantity, 8),
        "askPrice": number(market.ask_price, 10),
        "askQty": number(market.ask_quantity, 8),
    }


def premium_index(call: Call) -> object:
    """GET quote/premiumIndex: mark price and the next funding instant (absolute milliseconds, as observed)."""
    interval_ms = call.venue.config.matching.funding_interval_s * 1000
    next_funding = (call.now_ms // interval_ms + 1) * interval_ms

    def row(market: Market) -> JsonObject:
        contract = market.contract
        mark = price_text(market.mark_price, contract)
        return {
            "symbol": contract.symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "lastFundingRate": number(contract.funding_rate_ppb, 9).text,
            "nextFundingTime": next_funding,
            "fundingIntervalHours": interval_ms // 3_600_000,
        }

    symbol = call.parameters.get("symbol")
    if symbol:
        return row(call.venue.engine.market(symbol))
    return [row(market) for market in call.venue.engine.markets.values()]


def trading_rules(call: Call) -> object:
    """GET tradingRules."""
    contract = _market(call).contract
    return {
        "minSizeCoin": number(contract.min_quantity, 8).text,
        "minSizeUsd": number(contract.min_notional, 8).text,
        "maxNumOrder": str(call.venue.config.matching.max_open_orders),
        "protectionThreshold": "0.05",
        "buyMaxPrice": "1.1",
        "buyMinPrice": "0.2",
        "sellMaxPrice": "5",
        "sellMinPrice": "0.9",
        "marketRatio": "0.08",
    }


def nothing(_: Call) -> object:
    """Lists of the venue's other houses, which some clients ask for before they trade here."""
    return []


def no_symbols(_: Call) -> object:
    """The spot house lists its symbols under a name."""
    return {"symbols": []}


def _market(call: Call) -> Market:
    return call.venue.engine.market(call.parameters.required("symbol"))


def _one_or_all(call: Call, row: Callable[[Market], JsonObject]) -> object:
    symbol = call.parameters.get("symbol")
    if symbol:
        return row(call.venue.engine.market(symbol))
    return [row(market) for market in call.venue.engine.markets.values()]


MARKET_ROUTES: Final[Routes] = {
    ("GET", f"{SWAP}/{path}"): Route(handler, _PUBLIC_PER_SECOND, security="public")
    for path, handler in (
        ("v2/server/time", server_time),
        ("v2/quote/contracts", contracts),
        ("v2/quote/price", price),
        ("v1/ticker/price", price),
        ("v2/quote/bookTicker", book_ticker),
        ("v2/quote/depth", depth),
        ("v2/quote/trades", trades),
        ("v3/quote/klines", klines),
        ("v2/quote/fundingRate", funding_rates),
        ("v2/quote/openInterest", open_interest),
        ("v2/quote/ticker", ticker),
        ("v2/quote/premiumIndex", premium_index),
        ("v1/tradingRules", trading_rules),
    )
} | {
    ("GET", "/openApi/spot/v1/server/time"): Route(server_time, _PUBLIC_PER_SECOND, security="public"),
    ("GET", "/openApi/spot/v1/common/symbols"): Route(no_symbols, _PUBLIC_PER_SECOND, security="public"),
    ("GET", "/openApi/cswap/v1/market/contracts"): Route(nothing, _PUBLIC_PER_SECOND, security="public"),
    ("GET", "/openApi/wallets/v1/capital/config/getall"): Route(nothing, 5),
}
