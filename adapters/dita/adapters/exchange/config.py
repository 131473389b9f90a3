"""What one exchange is made of: contracts, accounts, matching rules, and the variants of the wire it shows.

Everything is data with units in the names: prices in 1e-10 USDT, quantities in 1e-8 coins, money in 1e-8 USDT, fee
rates in 1e-9, times in milliseconds unless a name says otherwise. ``config_from_json`` reads the same shape from text.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter

from dita.adapters.exchange.faults import FaultPlan, check_symbols
from dita.spec.scales import MONEY_SCALE, RATIO_SCALE

_PRICE_DIGITS: Final = 10
_QUANTITY_DIGITS: Final = 8
_NOTIONAL_DIGITS_MAX: Final = 8
_STRICT: Final = ConfigDict(extra="forbid", strict=False)


@dataclass(frozen=True, slots=True)
class Contract:
    """One perpetual contract. Step and tick follow from the two precisions (BingX, contracts page)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    symbol: str
    price_precision: int
    quantity_precision: int
    min_quantity: int  # 1e-8 coins
    min_notional: int = 2 * MONEY_SCALE
    taker_rate_ppb: int = 500_000
    maker_rate_ppb: int = 200_000
    charged_ppm: int = RATIO_SCALE  # of these rates that is really charged, whatever the exchange says of itself
    max_leverage: int = 125
    maintenance_ppm: int = 4_000  # of the value at the mark price; below it a position is liquidated
    status: int = 1  # 1 trading, 25 suspended
    funding_rate_ppb: int = 0  # charged to longs, paid to shorts, at every funding instant; 0 = no funding

    def __post_init__(self) -> None:
        asset, hyphen, quote = self.symbol.partition("-")
        if not (asset and hyphen and quote) or self.symbol != self.symbol.upper():
            raise ValueError(f"symbol: `{self.symbol}` is not of the form BTC-USDT")
        if not (0 <= self.price_precision <= _PRICE_DIGITS and 0 <= self.quantity_precision <= _QUANTITY_DIGITS):
            raise ValueError(f"precision: `{self.symbol}` needs 0 to 10 price and 0 to 8 quantity decimals")
        if self.price_precision + self.quantity_precision > _NOTIONAL_DIGITS_MAX:
            raise ValueError(
                f"precision: `{self.symbol}` has more than 8 price and quantity decimals together, "
                "choose fewer so that every notional is exact in 1e-8"
            )
        if self.min_quantity <= 0 or self.min_quantity % self.lot:
            raise ValueError(f"min_quantity: `{self.min_quantity}` is not a positive multiple of the lot {self.lot}")
        if not 0 <= self.maintenance_ppm < RATIO_SCALE:
            raise ValueError(f"maintenance_ppm: `{self.maintenance_ppm}` is outside 0 to {RATIO_SCALE - 1}")

    @property
    def asset(self) -> str:
        """The coin, `BTC` of `BTC-USDT`."""
        return self.symbol.partition("-")[0]

    @property
    def tick(self) -> int:
        """Smallest price step, in 1e-10 USDT."""
        return int(10 ** (_PRICE_DIGITS - self.price_precision))

    @property
    def lot(self) -> int:
        """Smallest quantity step, in 1e-8 coins."""
        return int(10 ** (_QUANTITY_DIGITS - self.quantity_precision))


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One account and its key. The secret is kept out of every representation."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    api_key: str
    secret: str = field(repr=False)
    wallet: int = 100_000 * MONEY_SCALE
    hedge_mode: bool = True
    leverage: int = 20
    can_trade: bool = True  # False: orders are refused with 100004
    can_withdraw: bool = False  # what the key's permissions say; nothing here withdraws
    address_bound: bool = True  # the same, of its list of addresses; every call here comes from this machine


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """How orders meet the market.

    ``liquidity``: ``best`` fills what the best level holds and lets the rest wait for the next ticker; ``ladder`` adds
    deeper levels, each of the best level's size and ``ladder_step_ticks`` further away.
    ``stops_end_with_position``: whether protective orders are cancelled when their position goes flat; otherwise they
    stay and meet the next one, which is what a client has to be ready for.
    ``minimum_applies_to_closing``: whether tradeMinUSDT also refuses orders that close.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    liquidity: Literal["best", "ladder"] = "best"
    ladder_levels: int = 20
    ladder_step_ticks: int = 1
    over_precision: Literal["truncate", "refuse"] = "truncate"
    post_only_crossing: Literal["refuse", "cancel"] = "refuse"
    minimum_applies_to_closing: bool = True
    stops_end_with_position: bool = False
    max_open_orders: int = 200  # per symbol and account
    cancel_repeat_ms: int = 1000  # 109201: the same order number cancelled twice within this time
    funding_interval_s: int = 28_800


@dataclass(frozen=True, slots=True)
class WireVariants:
    """Shapes on which documents and captures of the venue disagree; each default is the captured one."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    settlement_asset: str = "USDT"
    balance_spelling: Literal["live", "vst"] = "live"
    fill_rows: Literal["captured", "documented"] = "captured"
    balance_decimals: int = 8  # live captures show 4; 8 lets a client compare to the unit
    commission_decimals: int = 8  # fillHistory; live captures show 6
    omit_last_fill: bool = False  # leave `l` and `L` out of order events, as older captures do
    order_id_as_text: bool = False  # o.i as text instead of a number
    order_event_name: Literal["ORDER_TRADE_UPDATE", "TRADE_UPDATE"] = "ORDER_TRADE_UPDATE"
    account_update_first: bool = False
    cumulative_commission: bool = False  # o.n cumulative instead of per fill
    empty_list: Literal["[]", "null", "missing"] = "[]"
    resting_status: Literal["NEW", "PENDING", "WORKING"] = "NEW"
    unknown_order: Literal["80016", "109414", "109421", "109400", "empty"] = "80016"
    done_order_on_cancel: Literal["80018", "109414", "109421", "109422", "80001", "109400"] = "80018"
    duplicate_id: Literal["101400", "101481", "109201"] = "101400"
    rate_limit: Literal["100410", "http429"] = "100410"
    clock_code: Literal["109400", "100421"] = "109400"
    ack: Literal["observed", "documented"] = "observed"
    frames: Literal["gzip", "text"] = "gzip"
    market_order_reply: Literal["filled", "new"] = "filled"
    one_way_rows: Literal["BOTH", "LONG_SHORT"] = "BOTH"
    one_listen_key: bool = True  # a second POST returns the live key; False: a new key each time
    newest_first: bool = True  # order of allOrders, fills and income


@dataclass(frozen=True, slots=True)
class Retention:
    """How much history is kept per account; the oldest goes first.

    ``income``: rows of all types, and as many older ones of funding and transfers, which are few; the venue keeps all
    of three months.
    ``client_ids``: how many used ids are refused a second time. The venue does not say for how long it does that, so a
    client must never use one twice; here the number is far beyond every live order.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    terminal_orders: int = 20_000
    fills: int = 50_000
    income: int = 100_000
    client_ids: int = 1_000_000


@dataclass(frozen=True, slots=True)
class StreamRules:
    """Heartbeats, bounds and noise of the websocket.

    A full market queue drops its oldest frame; a full account queue cuts the connection, because the loss of an
    account frame could never be noticed.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    ping_interval_ms: int = 5000
    unanswered_pings_max: int = 6
    snapshot_interval_ms: int = 5000  # SNAPSHOT noise, one frame per contract; 0 = silent
    market_queue_frames: int = 1000
    account_queue_frames: int = 10_000
    topics_max: int = 200
    sockets_max: int = 60  # of one address; more are turned away at the handshake
    listen_key_life_ms: int = 3_600_000
    book_ticker_interval_ms: int = 0  # 0 = every event; the venue's nominal pace is 200
    tells_current: bool = True  # what a topic shows right now follows its subscription; the venue promises neither


@dataclass(frozen=True, slots=True)
class RequestRules:
    """Clock window, limits and size bounds of REST requests.

    ``public_limit``: market data calls of one address in ten seconds. ``error_limit``: after that many refused signed
    requests within ten seconds 109429 follows for ``error_pause_ms``. ``ban_after``: after that many refusals for
    frequency in ten seconds every call of the address is HTTP 418 for ``ban_pause_ms``. 0 = never.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    receive_window_default_ms: int = 5000
    receive_window_max_ms: int = 5000  # larger requests are capped, not refused
    future_tolerance_ms: int = 1000
    clock_skew_ms: int = 0  # added to the exchange's clock
    rate_limits: bool = True
    public_limit: int = 500
    ban_after: int = 0
    ban_pause_ms: int = 300_000
    error_limit: int = 0
    error_pause_ms: int = 900_000
    signature_last: bool = True
    body_bytes_max: int = 65_536
    query_bytes_max: int = 16_384
    read_lag_ms: int = 0  # orders and fills become visible to GET this much later


def _btc() -> Contract:
    return Contract("BTC-USDT", price_precision=1, quantity_precision=4, min_quantity=10_000)


def _eth() -> Contract:
    return Contract("ETH-USDT", price_precision=2, quantity_precision=2, min_quantity=1_000_000)


def _contracts() -> tuple[Contract, ...]:
    return (_btc(), _eth())


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """The whole exchange. Only loopback addresses are bound; port 0 asks for a free one."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    accounts: tuple[AccountConfig, ...]
    contracts: tuple[Contract, ...] = field(default_factory=_contracts)
    matching: MatchingRules = MatchingRules()
    wire: WireVariants = WireVariants()
    retention: Retention = Retention()
    streams: StreamRules = StreamRules()
    requests: RequestRules = RequestRules()
    faults: FaultPlan = field(default_factory=FaultPlan)
    seed: int = 1
    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    port: int = 0
    debug_record: bool = False  # GET /debug/record

    def __post_init__(self) -> None:
        if not self.accounts or not self.contracts:
            raise ValueError("accounts, contracts: at least one of each is needed")
        for name, values in (
            ("accounts", [account.api_key for account in self.accounts]),
            ("contracts", [contract.symbol for contract in self.contracts]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: the same key or symbol appears twice, give each its own")
        check_symbols(self.faults.faults, [contract.symbol for contract in self.contracts])


_ADAPTER: Final = TypeAdapter(ExchangeConfig)
_PLAN: Final = TypeAdapter(FaultPlan)


def faults_from_json(text: str | bytes) -> FaultPlan:
    """The plan behind JSON text such as ``{"faults":[{"kind":"lose_reply","when":{"nth":3}}]}``.

    Raises pydantic's ValidationError, which names every wrong field.
    """
    return _PLAN.validate_json(text)


def config_from_json(text: str | bytes) -> ExchangeConfig:
    """The config behind JSON text; raises ValueError that names every wrong field."""
    return _ADAPTER.validate_json(text)
