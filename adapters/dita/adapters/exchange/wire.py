"""How orders, fills and accounts look in REST replies: as captured, unless a variant says otherwise."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.config import Contract, WireVariants
from dita.adapters.exchange.decimals import decimal_text, divide_half_even, plain_text
from dita.adapters.exchange.events import PositionValue
from dita.adapters.exchange.json_text import Numeral
from dita.adapters.exchange.margin import liquidation_price, risk_ppm
from dita.adapters.exchange.orders import Fill, IncomeRow, NewOrder, Order, Position
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NOTIONAL_DIVISOR

JsonObject = dict[str, object]

_BEIJING: Final = timezone(timedelta(hours=8))  # the venue writes fill times in UTC+8
_MONEY_DIGITS: Final = 8
_QUANTITY_DIGITS: Final = 8
_PRICE_DIGITS: Final = 10
_RATE_DIGITS: Final = 9


def number(value: int, digits: int) -> Numeral:
    """A JSON number that is exactly ``value`` in units of 10^-``digits``."""
    return Numeral(plain_text(value, digits))


def price_text(value: int, contract: Contract) -> str:
    """A price with the contract's decimals."""
    return decimal_text(value, _PRICE_DIGITS, contract.price_precision)


def quantity_text(value: int, contract: Contract) -> str:
    """A quantity with the contract's decimals."""
    return decimal_text(value, _QUANTITY_DIGITS, contract.quantity_precision)


def money_text(value: int, shown: int = _MONEY_DIGITS) -> str:
    """Money with up to eight decimals, cut off."""
    return decimal_text(value, _MONEY_DIGITS, shown)


def average_price(notional: int, quantity: int, contract: Contract) -> int:
    """Notional over quantity, rounded to the tick as the venue shows it; 0 without a quantity."""
    if not quantity:
        return 0
    return divide_half_even(notional * NOTIONAL_DIVISOR, quantity * contract.tick) * contract.tick


def milliseconds(time_ns: int) -> int:
    """UTC nanoseconds as milliseconds."""
    return time_ns // NANOSECONDS_PER_MILLISECOND


def listing(name: str, rows: Sequence[JsonObject], wire: WireVariants) -> JsonObject:
    """``{name: rows}``, with the empty list in the shape the variant asks for."""
    if rows or wire.empty_list == "[]":
        return {name: list(rows)}
    return {name: None} if wire.empty_list == "null" else {}


def bare_listing(rows: Sequence[JsonObject], wire: WireVariants) -> list[JsonObject] | None:
    """Rows without a name, with the empty list in the shape the variant asks for."""
    return list(rows) if rows or wire.empty_list == "[]" else None


def contract_row(contract: Contract) -> JsonObject:
    """A row of the contract list; step and tick follow from the precisions."""
    return {
        "contractId": "100",
        "symbol": contract.symbol,
        "displayName": contract.symbol,
        "size": decimal_text(contract.lot, _QUANTITY_DIGITS, contract.quantity_precision),
        "quantityPrecision": contract.quantity_precision,
        "pricePrecision": contract.price_precision,
        "feeRate": number(contract.taker_rate_ppb, _RATE_DIGITS),
        "makerFeeRate": number(contract.maker_rate_ppb, _RATE_DIGITS),
        "takerFeeRate": number(contract.taker_rate_ppb, _RATE_DIGITS),
        "tradeMinLimit": 0,
        "tradeMinQuantity": number(contract.min_quantity, _QUANTITY_DIGITS),
        "tradeMinUSDT": number(contract.min_notional, _MONEY_DIGITS),
        "currency": contract.symbol.partition("-")[2],
        "asset": contract.asset,
        "status": contract.status,
        "apiStateOpen": "true" if contract.status == 1 else "false",
        "apiStateClose": "true",
        "ensureTrigger": True,
        "triggerFeeRate": "0.0005",
        "brokerState": True,
        "launchTime": 1_586_275_200_000,
        "maintainTime": 0,
        "offTime": 0,
    }


def rest_status(order: Order, wire: WireVariants) -> str:
    """A resting order without fills is NEW, PENDING or WORKING, depending on the endpoint's age."""
    return wire.resting_status if order.status == "NEW" else order.status


def order_echo(order: Order, contract: Contract, wire: WireVariants, client_id_name: str) -> JsonObject:
    """The reply to a submit: numbers where the query shows text; the client id under the spelling that was sent."""
    told = order.executed if order.order_type == "MARKET" and wire.market_order_reply == "filled" else 0
    notional = order.notional if told else 0
    return {
        **_echo_of_request(order, client_id_name),
        "orderId": order.order_id,
        "orderID": str(order.order_id),
        "status": rest_status(order, wire) if told else "NEW",
        "avgPrice": price_text(average_price(notional, told, contract), contract),
        "executedQty": quantity_text(told, contract),
    }


def test_echo(new: NewOrder, client_id_name: str) -> JsonObject:
    """The reply to a test submit; its order id means nothing."""
    return {**_echo_of_request(new, client_id_name), "orderId": 0, "orderID": ""}


def _echo_of_request(new: NewOrder | Order, client_id_name: str) -> JsonObject:
    return {
        "symbol": new.symbol,
        "positionSide": new.position_side,
        "side": new.side,
        "type": new.order_type,
        "price": number(new.price, _PRICE_DIGITS),
        "quantity": number(new.quantity, _QUANTITY_DIGITS),
        "quoteOrderQty": 0,
        "stopPrice": number(new.stop_price, _PRICE_DIGITS),
        "workingType": new.working_type,
        "clientOrderID": new.client_id if client_id_name == "clientOrderID" else "",
        "clientOrderId": new.client_id if client_id_name == "clientOrderId" else "",
        "timeInForce": new.time_in_force,
        "priceRate": 0,
        "stopLoss": "",
        "takeProfit": "",
        "reduceOnly": new.reduce_only,
        "activationPrice": 0,
        "closePosition": "true" if new.close_position else "",
        "stopGuaranteed": "",
    }


def order_row(order: Order, contract: Contract, wire: WireVariants) -> JsonObject:
    """An order as queries show it; ``commission`` negative = paid, ``cumQuote`` cut off to whole USDT."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "side": order.side,
        "positionSide": order.position_side,
        "type": order.order_type,
        "origQty": quantity_text(order.quantity, contract),
        "price": price_text(order.price, contract),
        "executedQty": quantity_text(order.executed, contract),
        "avgPrice": price_text(average_price(order.notional, order.executed, contract), contract),
        "cumQuote": money_text(order.notional, 0),
        "stopPrice": price_text(order.stop_price, contract) if order.stop_price else "",
        "profit": money_text(order.realised, 4),
        "commission": money_text(-order.commission, 6),
        "status": rest_status(order, wire),
        "time": milliseconds(order.created_ns),
        "updateTime": milliseconds(order.updated_ns),
        "clientOrderId": order.client_id,
        "leverage": f"{order.leverage}X",
        "takeProfit": _no_trigger(),
        "stopLoss": _no_trigger(),
        "advanceAttr": 0,
        "positionID": 0,
        "takeProfitEntrustPrice": 0,
        "stopLossEntrustPrice": 0,
        "orderType": "",
        "workingType": order.working_type,
        "onlyOnePosition": order.position_side == "BOTH",
        "reduceOnly": order.reduce_only,
        "stopGuaranteed": "",
        "triggerOrderId": order.parent_id,
        "closePosition": "true" if order.close_position else "",
    }


def _no_trigger() -> JsonObject:
    return {"type": "", "quantity": 0, "stopPrice": 0, "price": 0, "workingType": ""}


def fill_row(fill: Fill, contract: Contract, wire: WireVariants) -> JsonObject:
    """A row of fillHistory, as captured or as the document shows it."""
    row: JsonObject = {
        "symbol": fill.symbol,
        "price": price_text(fill.price, contract),
        "commission": money_text(-fill.commission, wire.commission_decimals),
        "commissionAsset": wire.settlement_asset,
        "orderId": str(fill.order_id),
        "tradeId": str(fill.trade_id),
        "role": "maker" if fill.maker else "taker",
        "positionSide": fill.position_side,
        "realisedPNL": money_text(fill.realised),
    }
    quantity, notional = quantity_text(fill.quantity, contract), plain_text(fill.notional, _MONEY_DIGITS)
    if wire.fill_rows == "captured":
        row["qty"] = quantity
        row["quoteQty"] = notional
        row["side"] = fill.side
        row["filledTime"] = _beijing(fill.time_ns, "+08:00")
    else:
        row["volume"] = quantity
        row["qty"] = notional
        row["side"] = fill.side.lower()
        row["filledTime"] = _beijing(fill.time_ns, "+0800")
    return row


def old_fill_row(fill: Fill, contract: Contract, wire: WireVariants) -> JsonObject:
    """A row of allFillOrders: no trade id, four decimals of commission, and ``filledTm`` eight hours ahead."""
    return {
        "filledTm": _beijing(fill.time_ns, "Z", milliseconds_shown=False),
        "filledTime": _beijing(fill.time_ns, "+0800"),
        "volume": quantity_text(fill.quantity, contract),
        "price": price_text(fill.price, contract),
        "amount": plain_text(fill.notional, _MONEY_DIGITS),
        "commission": money_text(-fill.commission, 4),
        "currency": wire.settlement_asset,
        "orderId": str(fill.order_id),
        "liquidatedPrice": "",
        "liquidatedMarginRatio": "",
        "clientOrderID": "",
        "symbol": fill.symbol,
        "side": fill.side,
        "positionSide": fill.position_side,
        "type": fill.order_type,
    }


def _beijing(time_ns: int, ending: str, *, milliseconds_shown: bool = True) -> str:
    whole = datetime.fromtimestamp(time_ns // 1_000_000_000, _BEIJING).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}{'.000' if milliseconds_shown else ''}{ending}"


def balance_row(account: Account, marks: Mapping[str, int], wire: WireVariants) -> JsonObject:
    """The settlement asset; margin that is missing shows as 0."""
    unrealised = account.unrealised(marks)
    frozen = account.frozen_margin(marks)
    used = account.used_margin()
    shown = wire.balance_decimals
    vst = wire.balance_spelling == "vst"
    return {
        "userId": "1001***01",
        "asset": wire.settlement_asset,
        "balance": money_text(account.wallet, shown),
        "equity": money_text(account.wallet + unrealised, shown),
        "unrealizedProfit": money_text(unrealised, shown),
        "realizedProfit" if vst else "realisedProfit": money_text(account.realised, shown),
        "availableMargin": money_text(max(0, account.available_margin(marks)), shown),
        "usedMargin": money_text(used, shown),
        "frozenMargin" if vst else "freezedMargin": money_text(frozen, shown),
        "shortUid": "1001",
    }


def empty_balance_row(asset: str) -> JsonObject:
    """The row of an asset the account does not hold: every number is an empty text."""
    names = ("balance", "equity", "unrealizedProfit", "realisedProfit", "availableMargin", "usedMargin")
    return {"userId": "1001***01", "asset": asset, **dict.fromkeys((*names, "freezedMargin"), ""), "shortUid": "1001"}


def position_row(
    account: Account,
    position: Position,
    value: PositionValue,
    contracts: Mapping[str, Contract],
    marks: Mapping[str, int],
    wire: WireVariants,
) -> JsonObject:
    """A position as queries show it: unsigned for LONG and SHORT, signed for BOTH."""
    contract, mark = contracts[position.symbol], marks[position.symbol]
    one_way = position.side == "BOTH"
    signed = one_way and wire.one_way_rows == "BOTH"
    side = position.side if signed or not one_way else ("LONG" if position.quantity > 0 else "SHORT")
    amount = position.quantity if signed else position.size
    notional = position.size * mark // NOTIONAL_DIVISOR
    margin = value.margin
    return {
        "positionId": str(position.position_id),
        "symbol": position.symbol,
        "currency": wire.settlement_asset,
        "positionAmt": quantity_text(amount, contract),
        "availableAmt": quantity_text(account.closable(position.symbol, position.side), contract),
        "positionSide": side,
        "isolated": account.isolated(position.symbol),
        "avgPrice": price_text(value.average_price, contract),
        "initialMargin": money_text(account.initial_margin(position)),
        "margin": money_text(margin + value.unrealised),
        "leverage": account.leverage(position.symbol, position.side),
        "unrealizedProfit": money_text(value.unrealised),
        "realisedProfit": money_text(value.realised),
        "liquidationPrice": number(liquidation_price(account, position, contracts, marks), _PRICE_DIGITS),
        "pnlRatio": decimal_text(value.unrealised * 10_000 // margin if margin else 0, 4, 4),
        "maxMarginReduction": "0",
        "riskRate": decimal_text(risk_ppm(account, position, contracts, marks), 6, 4),
        "markPrice": price_text(mark, contract),
        "positionValue": money_text(notional),
        "onlyOnePosition": one_way,
        "updateTime": milliseconds(position.updated_ns),
    }


def income_row(row: IncomeRow, wire: WireVariants) -> JsonObject:
    """One change of the wallet; positive = received."""
    return {
        "symbol": row.symbol,
        "incomeType": row.income_type,
        "income": money_text(row.income),
        "asset": wire.settlement_asset,
        "info": row.info,
        "time": milliseconds(row.time_ns),
        "tranId": str(row.transaction_id),
        "tradeId": str(row.trade_id) if row.trade_id else "",
    }
