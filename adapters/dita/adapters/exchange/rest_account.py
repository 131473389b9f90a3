"""Balance, positions, settings, income and listen keys (BingX, swap account and user data stream pages)."""

from itertools import chain
from typing import Final

from dita.adapters.exchange.account import MarginType
from dita.adapters.exchange.decimals import decimal_text, parse_decimal
from dita.adapters.exchange.errors import (
    BAD_PARAMETER,
    INSUFFICIENT_MARGIN,
    LEVERAGE_OVER_MAXIMUM,
    MODE_SWITCH_REFUSED,
    NOT_ENOUGH_POSITION,
    VenueError,
    bad_parameter,
)
from dita.adapters.exchange.orders import IncomeRow, PositionSide
from dita.adapters.exchange.rest_routes import SWAP, Bare, Call, Route, Routes
from dita.adapters.exchange.wire import (
    JsonObject,
    balance_row,
    bare_listing,
    empty_balance_row,
    income_row,
    milliseconds,
    money_text,
    number,
    position_row,
)
from dita.spec.scales import NOTIONAL_DIVISOR

_WEEK_MS: Final = 7 * 86_400_000
_TIME_MAX: Final = 10**14
_LISTEN_KEY: Final = "/openApi/user/auth/userDataStream"
_MARGIN_TYPES: Final[dict[str, MarginType]] = {"CROSSED": "CROSSED", "ISOLATED": "ISOLATED"}
_INCOME_TYPES: Final = frozenset(
    (
        "TRANSFER",
        "REALIZED_PNL",
        "FUNDING_FEE",
        "TRADING_FEE",
        "INSURANCE_CLEAR",
        "TRIAL_FUND",
        "ADL",
        "SYSTEM_DEDUCTION",
        "GTD_PRICE",
    )
)


def balance(call: Call) -> object:
    """GET v3 user/balance: one row per asset; assets without funds show empty texts."""
    venue = call.venue
    return [balance_row(call.account, venue.engine.marks, venue.config.wire), empty_balance_row("USDC")]


def balance_old(call: Call) -> object:
    """GET v2 user/balance: one object instead of rows."""
    return {"balance": balance_row(call.account, call.venue.engine.marks, call.venue.config.wire)}


def positions(call: Call) -> object:
    """GET user/positions: open ones only."""
    venue, account = call.venue, call.account
    engine, wire = venue.engine, venue.config.wire
    symbol = call.parameters.get("symbol")
    rows = [
        position_row(
            account,
            position,
            engine.position_value(account, position),
            engine.contracts,
            engine.marks,
            wire,
        )
        for position in account.open_positions(symbol)
    ]
    return bare_listing(rows, wire)


def income(call: Call) -> object:
    """GET user/income: the last seven days unless asked otherwise; ``startTime`` is exclusive, as observed."""
    parameters, wire = call.parameters, call.venue.config.wire
    symbol, kind = parameters.get("symbol"), parameters.get("incomeType")
    if kind and kind not in _INCOME_TYPES:
        raise bad_parameter("incomeType", kind, "is unknown")
    end_ms = parameters.integer("endTime", call.now_ms, 0, _TIME_MAX)
    start_ms = parameters.integer("startTime", max(0, end_ms - _WEEK_MS), 0, _TIME_MAX)
    limit = parameters.integer("limit", 100, 1, 1000)
    found: list[IncomeRow] = []
    for row in chain(reversed(call.account.income), reversed(call.account.older_income)):
        time_ms = milliseconds(row.time_ns)
        if time_ms <= start_ms or len(found) == limit:
            break
        if (
            time_ms <= end_ms
            and row.visible_ns <= call.now_ns
            and (not symbol or row.symbol == symbol)
            and (not kind or row.income_type == kind)
        ):
            found.append(row)
    if not wire.newest_first:
        found.reverse()
    rows = [income_row(row, wire) for row in found]
    return rows or None


def commission_rate(call: Call) -> object:
    """GET user/commissionRate."""
    contract = next(iter(call.venue.engine.contracts.values()))
    symbol = call.parameters.get("symbol")
    if symbol:
        contract = call.venue.engine.market(symbol).contract
    taker, maker = number(contract.taker_rate_ppb, 9), number(contract.maker_rate_ppb, 9)
    return {"commission": {"takerCommissionRate": taker, "makerCommissionRate": maker}}


def position_mode(call: Call) -> object:
    """GET positionSide/dual: the flag is text."""
    return {"dualSidePosition": "true" if call.account.hedge_mode else "false"}


def set_position_mode(call: Call) -> object:
    """POST positionSide/dual: refused while any order or position exists on any symbol."""
    account = call.account
    call.parameters.required("dualSidePosition")
    hedge_mode = call.parameters.flag("dualSidePosition")
    if hedge_mode != account.hedge_mode:
        if account.live or next(account.open_positions(), None) is not None:
            raise VenueError(MODE_SWITCH_REFUSED, "position mode cannot change while orders or positions are open")
        account.hedge_mode = hedge_mode
    return {"dualSidePosition": "true" if hedge_mode else "false"}


def leverage(call: Call) -> object:
    """GET trade/leverage."""
    symbol = call.parameters.required("symbol")
    market = call.venue.engine.market(symbol)
    account = call.account
    sides: tuple[PositionSide, PositionSide] = ("LONG", "SHORT") if account.hedge_mode else ("BOTH", "BOTH")
    long, short = account.leverage(symbol, sides[0]), account.leverage(symbol, sides[1])
    return {
        "longLeverage": long,
        "shortLeverage": short,
        "maxLongLeverage": market.contract.max_leverage,
        "maxShortLeverage": market.contract.max_leverage,
        **_room(call, symbol, long, "Long"),
        **_room(call, symbol, short, "Short"),
    }


def _room(call: Call, symbol: str, times: int, name: str) -> JsonObject:
    """What could still be opened on one side, as quantity and as value."""
    value = max(0, call.account.available_margin(call.venue.engine.marks)) * times
    mark = call.venue.engine.marks[symbol]
    contract = call.venue.engine.contracts[symbol]
    volume = decimal_text(value * NOTIONAL_DIVISOR // mark if mark else 0, 8, contract.quantity_precision)
    return {f"available{name}Vol": volume, f"available{name}Val": money_text(value, 4), f"maxPosition{name}Val": "0"}


def set_leverage(call: Call) -> object:
    """POST trade/leverage: LONG or SHORT in hedge mode, BOTH in one-way mode, whole numbers only."""
    symbol = call.parameters.required("symbol")
    contract = call.venue.engine.market(symbol).contract
    account = call.account
    side = call.parameters.required("side")
    allowed: dict[str, PositionSide] = {"LONG": "LONG", "SHORT": "SHORT"} if account.hedge_mode else {"BOTH": "BOTH"}
    if side not in allowed:
        raise bad_parameter("side", side, f"is not one of {', '.join(allowed)} in this position mode")
    times = call.parameters.integer("leverage", 0, 1, 10**6)
    if not times:
        raise bad_parameter("leverage", "", "is missing, send a whole number")
    if times > contract.max_leverage:
        raise VenueError(LEVERAGE_OVER_MAXIMUM, f"leverage exceeds the maximum of {contract.max_leverage}")
    before = account.leverage(symbol, allowed[side])
    account.set_leverage(symbol, allowed[side], times)
    if times < before and account.available_margin(call.venue.engine.marks) < 0:
        account.set_leverage(symbol, allowed[side], before)
        raise VenueError(BAD_PARAMETER, "margin is not enough for this leverage")
    return {"leverage": times, "symbol": symbol, **_room(call, symbol, times, "Long")}


def margin_type(call: Call) -> object:
    """GET trade/marginType."""
    symbol = call.parameters.required("symbol")
    call.venue.engine.market(symbol)
    return {"marginType": call.account.margin_types.get(symbol, "CROSSED")}


def set_margin_type(call: Call) -> object:
    """POST trade/marginType: refused while the symbol has orders or a position. The reply has no data."""
    symbol = call.parameters.required("symbol")
    call.venue.engine.market(symbol)
    kind = _MARGIN_TYPES.get(call.parameters.required("marginType"))
    if kind is None:
        raise bad_parameter("marginType", call.parameters.get("marginType"), "is neither CROSSED nor ISOLATED")
    account = call.account
    if kind != account.margin_types.get(symbol, "CROSSED"):
        if account.live_orders(symbol) or next(account.open_positions(symbol), None) is not None:
            raise VenueError(BAD_PARAMETER, "margin type cannot change while orders or positions are open")
        account.margin_types[symbol] = kind
    return Bare({"code": 0, "msg": ""})


def change_margin(call: Call) -> object:
    """POST trade/positionMargin: put margin into an isolated position (1) or take it out again (2).

    What was put in by hand can be taken out, and no more; the reply has its fields at the top.
    """
    symbol, account = call.parameters.required("symbol"), call.account
    call.venue.engine.market(symbol)
    side = call.parameters.get("positionSide") or ("LONG" if account.hedge_mode else "BOTH")
    found = [position for position in account.open_positions(symbol) if position.side == side]
    if not found or not account.isolated(symbol):
        raise VenueError(NOT_ENOUGH_POSITION, f"no isolated position of {symbol} {side[:8]}")
    position = found[0]
    kind = call.parameters.integer("type", 0, 1, 2)
    text = call.parameters.required("amount")
    try:
        amount, exact = parse_decimal(text, 8)
    except ValueError:
        raise bad_parameter("amount", text, "is not a plain decimal number") from None
    if not kind or not amount or not exact:
        raise bad_parameter("amount" if kind else "type", text if kind else "", "is missing, zero or too fine")
    if kind == 1 and amount > account.available_margin(call.venue.engine.marks):
        raise VenueError(INSUFFICIENT_MARGIN, "Insufficient margin")
    if kind == 2 and amount > position.added_margin:
        raise bad_parameter("amount", text, f"is more than the {money_text(position.added_margin)} that were added")
    position.added_margin += amount if kind == 1 else -amount
    return Bare({"code": 0, "msg": "", "amount": number(amount, 8), "type": kind})


def maintenance_ratio(call: Call) -> object:
    """GET v1 maintMarginRatio: one tier for every size."""
    contract = call.venue.engine.market(call.parameters.required("symbol")).contract
    ratio = decimal_text(contract.maintenance_ppm, 6, 6)
    tier: JsonObject = {"tier": "tier 1", "symbol": contract.symbol, "minPositionVal": "0", "maxPositionVal": "0"}
    return [{**tier, "maintMarginRatio": ratio, "maintAmount": "0"}]


def key_permissions(call: Call) -> object:
    """GET v1 account/apiPermissions: what the key may do (BingX, account page "Query API Key Permissions")."""
    account = call.account
    return {
        "ipRestrict": account.address_bound,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableSpotAndMarginTrading": False,
        "enableWithdrawals": account.can_withdraw,
        "enableInternalTransfer": False,
        "enableFutures": account.can_trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
    }


def create_listen_key(call: Call) -> object:
    """POST userDataStream: a bare object without an envelope."""
    key = call.venue.keys.create(call.account.key, call.now_ns, reuse=call.venue.config.wire.one_listen_key)
    call.venue.watch_key(call.now_ns)
    return Bare({"listenKey": key})


def extend_listen_key(call: Call) -> object:
    """PUT userDataStream: another 60 minutes."""
    return _with_listen_key(call, delete=False)


def delete_listen_key(call: Call) -> object:
    """DELETE userDataStream: the key ends now."""
    return _with_listen_key(call, delete=True)


def _with_listen_key(call: Call, *, delete: bool) -> object:
    """204 without a key, 404 for an unknown one."""
    key = call.parameters.get("listenKey")
    if not key:
        return Bare(None, status=204, empty=True)
    keys = call.venue.keys
    change = keys.delete if delete else keys.extend
    if not change(key, call.account.key, call.now_ns):
        return Bare(None, status=404, empty=True)
    if delete:
        call.venue.streams.expire_key(key)
    else:
        call.venue.watch_key(call.now_ns)
    return Bare({})


ACCOUNT_ROUTES: Final[Routes] = {
    ("GET", f"{SWAP}/v3/user/balance"): Route(balance, 5),
    ("GET", f"{SWAP}/v2/user/balance"): Route(balance_old, 5),
    ("GET", f"{SWAP}/v2/user/positions"): Route(positions, 10),
    ("GET", f"{SWAP}/v2/user/income"): Route(income, 5),
    ("GET", f"{SWAP}/v2/user/commissionRate"): Route(commission_rate, 5),
    ("GET", f"{SWAP}/v1/positionSide/dual"): Route(position_mode, 2),
    ("POST", f"{SWAP}/v1/positionSide/dual"): Route(set_position_mode, 4),
    ("GET", f"{SWAP}/v2/trade/leverage"): Route(leverage, 5),
    ("POST", f"{SWAP}/v2/trade/leverage"): Route(set_leverage, 5),
    ("GET", f"{SWAP}/v2/trade/marginType"): Route(margin_type, 2),
    ("POST", f"{SWAP}/v2/trade/marginType"): Route(set_margin_type, 2),
    ("POST", f"{SWAP}/v2/trade/positionMargin"): Route(change_margin, 2),
    ("GET", f"{SWAP}/v1/maintMarginRatio"): Route(maintenance_ratio, 5),
    ("GET", "/openApi/v1/account/apiPermissions"): Route(key_permissions, 2),
    ("POST", _LISTEN_KEY): Route(create_listen_key, 2, security="key", occasion="listen_key"),
    ("PUT", _LISTEN_KEY): Route(extend_listen_key, 2, security="key", occasion="listen_key"),
    ("DELETE", _LISTEN_KEY): Route(delete_listen_key, 2, security="key", occasion="listen_key"),
}
