"""Every REST call the adapter makes, as data: path, signature, published limit, and how much body is believed.

Limits are requests a second for one account (BingX API reference, "rate limit" of each page); those that several calls
share are for one address (BingX support, article 31103871611289). Hosts: BingX, base URLs.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dita.adapters.bingx.limiter import Quota

ACCOUNT_QUOTA: Final = "account calls of this address"
MARKET_QUOTA: Final = "market calls of this address"
SHARED_QUOTAS: Final = MappingProxyType(
    {ACCOUNT_QUOTA: Quota(2000, seconds=10, reserved=200), MARKET_QUOTA: Quota(500, seconds=10)}
)

_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call. ``body_bytes_max`` bounds the reply, before and after decompression."""

    name: str
    method: str
    path: str
    per_second: int
    signed: bool = True
    with_key: bool = True
    reserved: int = 0  # of these, kept for closings
    body_bytes_max: int = 256 * _KIB

    @property
    def shares(self) -> str:
        """The quota it shares with others."""
        return ACCOUNT_QUOTA if self.signed else MARKET_QUOTA


@dataclass(frozen=True, slots=True)
class Hosts:
    """Base URLs of one environment. ``rest_fallback`` is used for reads and cancels only, never for a submit."""

    rest: str
    rest_fallback: str | None
    market_stream: str
    account_stream: str
    settlement_asset: str


LIVE: Final = Hosts(
    rest="https://open-api.bingx.com",
    rest_fallback="https://open-api.bingx.pro",
    market_stream="wss://open-api-swap.bingx.com/swap-market",
    account_stream="wss://open-api-swap.bingx.com/swap-market",
    settlement_asset="USDT",
)
DEMO: Final = Hosts(
    rest="https://open-api-vst.bingx.com",
    rest_fallback="https://open-api-vst.bingx.pro",
    market_stream="wss://vst-open-api-ws.bingx.com/swap-market",
    account_stream="wss://vst-open-api-ws.bingx.com/swap-market",
    settlement_asset="VST",
)

_SWAP: Final = "/openApi/swap"
_LISTEN_KEY: Final = "/openApi/user/auth/userDataStream"

SERVER_TIME: Final = Endpoint("server time", "GET", f"{_SWAP}/v2/server/time", 10, signed=False, with_key=False)
CONTRACTS: Final = Endpoint(
    "contracts", "GET", f"{_SWAP}/v2/quote/contracts", 1, signed=False, with_key=False, body_bytes_max=8192 * _KIB
)
PREMIUM_INDEX: Final = Endpoint(
    "premium index", "GET", f"{_SWAP}/v2/quote/premiumIndex", 1, signed=False, with_key=False,
    body_bytes_max=4096 * _KIB,
)  # fmt: skip
BALANCE: Final = Endpoint("balance", "GET", f"{_SWAP}/v3/user/balance", 5)
POSITIONS: Final = Endpoint("positions", "GET", f"{_SWAP}/v2/user/positions", 10, body_bytes_max=2048 * _KIB)
POSITION_MODE: Final = Endpoint("position mode", "GET", f"{_SWAP}/v1/positionSide/dual", 2)
SET_POSITION_MODE: Final = Endpoint("set position mode", "POST", f"{_SWAP}/v1/positionSide/dual", 2)
MARGIN_MODE: Final = Endpoint("margin mode", "GET", f"{_SWAP}/v2/trade/marginType", 2)
SET_MARGIN_MODE: Final = Endpoint("set margin mode", "POST", f"{_SWAP}/v2/trade/marginType", 2)
LEVERAGE: Final = Endpoint("leverage", "GET", f"{_SWAP}/v2/trade/leverage", 5)
SET_LEVERAGE: Final = Endpoint("set leverage", "POST", f"{_SWAP}/v2/trade/leverage", 5)
COMMISSION_RATE: Final = Endpoint("commission rate", "GET", f"{_SWAP}/v2/user/commissionRate", 5)
KEY_PERMISSIONS: Final = Endpoint("key permissions", "GET", "/openApi/v1/account/apiPermissions", 2)
SUBMIT: Final = Endpoint("submit", "POST", f"{_SWAP}/v2/trade/order", 10, reserved=4)
TEST_SUBMIT: Final = Endpoint("test submit", "POST", f"{_SWAP}/v2/trade/order/test", 5)
CANCEL: Final = Endpoint("cancel", "DELETE", f"{_SWAP}/v2/trade/order", 10)
CANCEL_ALL: Final = Endpoint("cancel all", "DELETE", f"{_SWAP}/v2/trade/allOpenOrders", 5, body_bytes_max=2048 * _KIB)
CANCEL_ALL_AFTER: Final = Endpoint("cancel all after", "POST", f"{_SWAP}/v2/trade/cancelAllAfter", 1)
CLOSE_POSITION: Final = Endpoint("close position", "POST", f"{_SWAP}/v1/trade/closePosition", 5)
QUERY_ORDER: Final = Endpoint("query order", "GET", f"{_SWAP}/v2/trade/order", 30)
OPEN_ORDERS: Final = Endpoint("open orders", "GET", f"{_SWAP}/v2/trade/openOrders", 5, body_bytes_max=4096 * _KIB)
ALL_ORDERS: Final = Endpoint("all orders", "GET", f"{_SWAP}/v2/trade/allOrders", 5, body_bytes_max=4096 * _KIB)
FULL_ORDER: Final = Endpoint("full order", "GET", f"{_SWAP}/v1/trade/fullOrder", 5, body_bytes_max=4096 * _KIB)
FILL_HISTORY: Final = Endpoint("fill history", "GET", f"{_SWAP}/v2/trade/fillHistory", 5, body_bytes_max=4096 * _KIB)
INCOME: Final = Endpoint("income", "GET", f"{_SWAP}/v2/user/income", 5, body_bytes_max=4096 * _KIB)
CREATE_LISTEN_KEY: Final = Endpoint("create listen key", "POST", _LISTEN_KEY, 2)
EXTEND_LISTEN_KEY: Final = Endpoint("extend listen key", "PUT", _LISTEN_KEY, 2)
DELETE_LISTEN_KEY: Final = Endpoint("delete listen key", "DELETE", _LISTEN_KEY, 2)

ENDPOINTS: Final = (
    SERVER_TIME, CONTRACTS, PREMIUM_INDEX, BALANCE, POSITIONS, POSITION_MODE, SET_POSITION_MODE, MARGIN_MODE,
    SET_MARGIN_MODE, LEVERAGE, SET_LEVERAGE, COMMISSION_RATE, KEY_PERMISSIONS, SUBMIT, TEST_SUBMIT, CANCEL, CANCEL_ALL,
    CANCEL_ALL_AFTER, CLOSE_POSITION, QUERY_ORDER, OPEN_ORDERS, ALL_ORDERS, FULL_ORDER, FILL_HISTORY, INCOME,
    CREATE_LISTEN_KEY, EXTEND_LISTEN_KEY, DELETE_LISTEN_KEY,
)  # fmt: skip
