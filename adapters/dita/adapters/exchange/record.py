"""The exchange's own record of what happened, for whoever wants to compare: typed, and as JSON of integers.

All numbers are integers in the scales of ``dita.spec.scales``; ``commission`` is positive when paid. Sums cover the
whole life of the account, the lists only what retention has kept (``orders_made`` and ``fills_made`` tell the rest).
"""

from dataclasses import asdict, dataclass

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.orders import OrderType, PositionSide, Side, Status, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order as the exchange has it."""

    order_id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: int
    price: int
    reduce_only: bool
    status: Status
    executed: int
    notional: int
    commission: int
    realised: int
    created_ns: int
    updated_ns: int
    stop_price: int = 0  # of a conditional order
    parent_id: int = 0  # the conditional order whose place this one has taken


@dataclass(frozen=True, slots=True)
class FillRecord:
    """One match as the exchange has it."""

    trade_id: int
    order_id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    price: int
    quantity: int
    notional: int
    commission: int
    realised: int
    maker: bool
    time_ns: int


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """``quantity`` is signed; ``cost`` is the exact entry notional of what is open."""

    symbol: str
    side: PositionSide
    quantity: int
    cost: int


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One account with its sums and what retention has kept."""

    api_key: str
    hedge_mode: bool
    seed: int
    wallet: int
    realised: int
    commission: int
    funding: int
    transfers: int
    orders_made: int
    fills_made: int
    orders: tuple[OrderRecord, ...]
    fills: tuple[FillRecord, ...]
    positions: tuple[PositionRecord, ...]
    insurance: int = 0  # losses that the venue's fund has taken over

    @property
    def open_orders(self) -> tuple[OrderRecord, ...]:
        """Orders that may still fill."""
        return tuple(order for order in self.orders if order.status in ("NEW", "PARTIALLY_FILLED"))

    @property
    def wallet_difference(self) -> int:
        """Wallet minus what it should be; anything but 0 is a defect of the exchange."""
        booked = self.realised - self.commission + self.funding + self.transfers + self.insurance
        return self.wallet - (self.seed + booked)


@dataclass(frozen=True, slots=True)
class VenueRecord:
    """All accounts at one instant."""

    time_ns: int
    accounts: tuple[AccountRecord, ...]

    def account(self, api_key: str) -> AccountRecord:
        """The record of one account. Raises KeyError for a foreign key."""
        for account in self.accounts:
            if account.api_key == api_key:
                return account
        raise KeyError(f"no account with the api key `{api_key}`")

    def to_json_object(self) -> dict[str, object]:
        """Plain dicts, lists, text and integers."""
        return asdict(self)


def take_record(engine: Engine, now_ns: int) -> VenueRecord:
    """Copy the books of every account."""
    return VenueRecord(now_ns, tuple(_account(account) for account in engine.accounts.values()))


def _account(account: Account) -> AccountRecord:
    orders = tuple(
        OrderRecord(
            order.order_id,
            order.client_id,
            order.symbol,
            order.side,
            order.position_side,
            order.order_type,
            order.time_in_force,
            order.quantity,
            order.price,
            order.reduce_only,
            order.status,
            order.executed,
            order.notional,
            order.commission,
            order.realised,
            order.created_ns,
            order.updated_ns,
            order.stop_price,
            order.parent_id,
        )
        for order in account.orders.values()
    )
    fills = tuple(
        FillRecord(
            fill.trade_id,
            fill.order_id,
            fill.client_id,
            fill.symbol,
            fill.side,
            fill.position_side,
            fill.price,
            fill.quantity,
            fill.notional,
            fill.commission,
            fill.realised,
            fill.maker,
            fill.time_ns,
        )
        for fill in account.fills
    )
    positions = tuple(PositionRecord(p.symbol, p.side, p.quantity, p.cost) for p in account.open_positions())
    return AccountRecord(
        account.key,
        account.hedge_mode,
        account.seed,
        account.wallet,
        account.realised,
        account.commission,
        account.funding,
        account.transfers,
        account.orders_made,
        account.fills_made,
        orders,
        fills,
        positions,
        account.insurance,
    )
