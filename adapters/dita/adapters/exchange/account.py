"""One account's books: orders, fills, positions, income and the wallet, exact to 1e-8 USDT.

The wallet is only ever changed together with one of five running totals, so that at every instant
``wallet = seed + realised - commission + funding + transfers + insurance``. No I/O, no clock: time is an argument.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from dita.adapters.exchange.config import AccountConfig, Contract, Retention
from dita.adapters.exchange.decimals import divide_half_even, divide_up
from dita.adapters.exchange.orders import Fill, IncomeRow, IncomeType, Order, Position, PositionSide
from dita.spec.scales import NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE

MarginType = Literal["CROSSED", "ISOLATED"]

_BESIDE_TRADES: Final = frozenset({"FUNDING_FEE", "TRANSFER"})


class Account:
    """The exchange's own view of one account."""

    def __init__(self, config: AccountConfig, retention: Retention, read_lag_ns: int = 0) -> None:
        self.key = config.api_key
        self.seed = config.wallet
        self.wallet = config.wallet
        self.realised = 0
        self.commission = 0
        self.funding = 0
        self.transfers = 0
        self.insurance = 0  # losses beyond the margin, which the venue's fund has taken over
        self.hedge_mode = config.hedge_mode
        self.can_trade = config.can_trade
        self.can_withdraw = config.can_withdraw
        self.address_bound = config.address_bound
        self.read_lag_ns = read_lag_ns
        self.orders: dict[int, Order] = {}  # kept orders, oldest first
        self.live: dict[int, Order] = {}
        self.by_client_id: dict[str, Order] = {}
        self.used_client_ids: OrderedDict[str, None] = OrderedDict()  # a set whose oldest member goes first
        self.fills: deque[Fill] = deque(maxlen=retention.fills)
        self.income: deque[IncomeRow] = deque(maxlen=retention.income)
        self.older_income: deque[IncomeRow] = deque(maxlen=retention.income)  # beside trades, and beyond the newest
        self.fills_made = 0
        self.orders_made = 0
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self.margin_types: dict[str, MarginType] = {}
        self.dead_man_due_ns: int | None = None
        self._stale: list[Order] = []
        self._leverage: dict[tuple[str, PositionSide], int] = {}
        self._leverage_default = config.leverage
        self._terminal: deque[Order] = deque()
        self._terminal_max = retention.terminal_orders
        self._client_ids_max = retention.client_ids
        self._transactions = 0

    # -- settings

    def leverage(self, symbol: str, side: PositionSide) -> int:
        """The leverage of one side of a symbol."""
        return self._leverage.get((symbol, side), self._leverage_default)

    def set_leverage(self, symbol: str, side: PositionSide, leverage: int) -> None:
        """Set it; new orders and margins use it at once."""
        self._leverage[symbol, side] = leverage

    # -- orders

    def add_order(self, order: Order) -> None:
        """Keep a new live order and its client id, the id also when the order is long forgotten."""
        self.orders[order.order_id] = order
        self.live[order.order_id] = order
        self.orders_made += 1
        if order.client_id:
            self.by_client_id[order.client_id] = order
            self.used_client_ids[order.client_id] = None
            if len(self.used_client_ids) > self._client_ids_max:
                self.used_client_ids.popitem(last=False)

    def finish_order(self, order: Order) -> None:
        """Move a terminal order to history and drop the oldest history beyond the bound."""
        del self.live[order.order_id]
        self._terminal.append(order)
        while len(self._terminal) > self._terminal_max:
            oldest = self._terminal.popleft()
            del self.orders[oldest.order_id]
            if self.by_client_id.get(oldest.client_id) is oldest:
                del self.by_client_id[oldest.client_id]

    def forget_order(self, order: Order) -> None:
        """A conditional order that has triggered: the venue shows it nowhere any more."""
        del self.live[order.order_id]
        del self.orders[order.order_id]

    def live_orders(self, symbol: str = "") -> list[Order]:
        """Orders that may still fill, of one symbol or of all."""
        return [order for order in self.live.values() if not symbol or order.symbol == symbol]

    def keep_stale(self, order: Order, now_ns: int) -> None:
        """Remember a cancelled order that lists still show as open."""
        self._stale = [*self.stale_orders(now_ns), order]

    def stale_orders(self, now_ns: int) -> list[Order]:
        """Cancelled orders that lists still show as open."""
        return [order for order in self._stale if now_ns < order.stale_until_ns]

    # -- positions

    def position(self, symbol: str, side: PositionSide) -> Position:
        """The position of that side, made on first use."""
        position = self.positions.get((symbol, side))
        if position is None:
            position = self.positions[symbol, side] = Position(symbol, side)
        return position

    def open_positions(self, symbol: str = "") -> Iterator[Position]:
        """Positions that are not flat, of one symbol or of all."""
        for position in self.positions.values():
            if position.quantity and (not symbol or position.symbol == symbol):
                yield position

    def reserved(self, symbol: str, side: PositionSide) -> int:
        """How much of a position live closing orders already lay claim to."""
        total = 0
        for order in self.live.values():
            if order.symbol == symbol and order.position_side == side and order.claims_position:
                total += order.remaining
        return total

    def closable(self, symbol: str, side: PositionSide) -> int:
        """Position size that no live closing order claims."""
        position = self.positions.get((symbol, side))
        return max(0, position.size - self.reserved(symbol, side)) if position else 0

    # -- margin

    def isolated(self, symbol: str) -> bool:
        """Whether positions of the symbol stand on a margin of their own."""
        return self.margin_types.get(symbol) == "ISOLATED"

    def unrealised(self, marks: Mapping[str, int]) -> int:
        """Profit of all open positions at the given mark prices, in 1e-8 USDT."""
        return sum(p.unrealised(marks.get(p.symbol, 0), NOTIONAL_DIVISOR) for p in self.open_positions())

    def cross_unrealised(self, marks: Mapping[str, int]) -> int:
        """The same without isolated positions: their profit secures nothing else."""
        positions = (p for p in self.open_positions() if not self.isolated(p.symbol))
        return sum(p.unrealised(marks.get(p.symbol, 0), NOTIONAL_DIVISOR) for p in positions)

    def used_margin(self) -> int:
        """Margin of all open positions, in 1e-8 USDT."""
        return sum(self.position_margin(p) for p in self.open_positions())

    def isolated_margin(self) -> int:
        """Margin that only isolated positions may use, in 1e-8 USDT."""
        return sum(self.position_margin(p) for p in self.open_positions() if self.isolated(p.symbol))

    def initial_margin(self, position: Position) -> int:
        """Initial margin of one position: its exact entry cost over the leverage, rounded up."""
        return divide_up(position.cost, self.leverage(position.symbol, position.side))

    def position_margin(self, position: Position) -> int:
        """The initial margin and what was added to it by hand."""
        return self.initial_margin(position) + position.added_margin

    def frozen_margin(self, marks: Mapping[str, int]) -> int:
        """Initial margin that live opening orders would need; MARKET remainders count at the mark price."""
        total = 0
        for order in self.live.values():
            if order.stop_price or order.claims_position:
                continue
            price = order.price or marks.get(order.symbol, 0)
            total += divide_up(order.remaining * price, NOTIONAL_DIVISOR * order.leverage)
        return total

    def available_margin(self, marks: Mapping[str, int]) -> int:
        """What new orders may use, in 1e-8 USDT; negative when the account is under water."""
        return self.wallet + self.cross_unrealised(marks) - self.used_margin() - self.frozen_margin(marks)

    # -- money

    def book_fill(
        self, order: Order, contract: Contract, price: int, quantity: int, maker: bool, trade_id: int, now_ns: int
    ) -> Fill:
        """Book one match into the order, the position and the wallet. Price 1e-10 USDT, quantity 1e-8 coins.

        A deleveraging costs no commission.
        """
        notional = price * quantity // NOTIONAL_DIVISOR  # exact: the contract has at most 8 decimals together
        rate = contract.maker_rate_ppb if maker else contract.taker_rate_ppb
        if order.profit_type == "ADL":
            rate = 0
        commission = divide_half_even(notional * rate * contract.charged_ppm, RATE_SCALE * RATIO_SCALE)
        realised = self._book_position(order, price, quantity, notional, now_ns)
        fill = Fill(
            trade_id,
            order.order_id,
            order.client_id,
            order.symbol,
            order.side,
            order.position_side,
            order.order_type,
            price,
            quantity,
            notional,
            commission,
            realised,
            maker,
            now_ns,
            max(now_ns + self.read_lag_ns, order.visible_ns),
        )
        order.executed += quantity
        order.notional += notional
        order.commission += commission
        order.realised += realised
        order.updated_ns = now_ns
        self.fills.append(fill)
        self.fills_made += 1
        self.charge_commission(fill)
        if realised:
            self.realised += realised
            self._book(order.profit_type, fill.symbol, realised, "", now_ns, trade_id, fill.visible_ns)
        return fill

    def charge_commission(self, fill: Fill) -> None:
        """Take a fill's commission out of the wallet."""
        self.commission += fill.commission
        self._book(
            "TRADING_FEE", fill.symbol, -fill.commission, "Position fee", fill.time_ns, fill.trade_id, fill.visible_ns
        )

    def book_funding(self, symbol: str, amount: int, now_ns: int) -> None:
        """Receive (positive) or pay (negative) funding, in 1e-8 USDT."""
        self.funding += amount
        self._book("FUNDING_FEE", symbol, amount, "Funding fee", now_ns, 0, now_ns + self.read_lag_ns)

    def book_insurance(self, symbol: str, amount: int, now_ns: int) -> None:
        """The venue's fund pays for a loss beyond the margin, in 1e-8 USDT."""
        self.insurance += amount
        self._book("INSURANCE_CLEAR", symbol, amount, "Insurance fund", now_ns, 0, now_ns + self.read_lag_ns)

    def book_transfer(self, amount: int, now_ns: int) -> None:
        """Deposit (positive) or withdraw (negative), in 1e-8 USDT."""
        self.transfers += amount
        self._book("TRANSFER", "", amount, "Transfer", now_ns, 0, now_ns + self.read_lag_ns)

    def _book(
        self, kind: IncomeType, symbol: str, amount: int, info: str, now_ns: int, trade_id: int, visible_ns: int
    ) -> None:
        self.wallet += amount
        self._transactions += 1
        if len(self.income) == self.income.maxlen and self.income[0].income_type in _BESIDE_TRADES:
            self.older_income.append(self.income[0])
        self.income.append(IncomeRow(kind, symbol, amount, info, now_ns, self._transactions, trade_id, visible_ns))

    def _book_position(self, order: Order, price: int, quantity: int, notional: int, now_ns: int) -> int:
        """Apply the match to the position; in one-way mode one match may close a side and open the other."""
        position = self.position(order.symbol, order.position_side)
        signed = quantity if order.side == "BUY" else -quantity
        realised = 0
        if position.quantity and (position.quantity > 0) != (signed > 0):
            closing = min(quantity, position.size)
            closing_notional = price * closing // NOTIONAL_DIVISOR
            realised = position.close(closing, closing_notional)
            quantity -= closing
            notional -= closing_notional
            signed = quantity if signed > 0 else -quantity
        if quantity:
            if not position.quantity:
                position.opened_ns = now_ns
                position.position_id = 0  # a new position; the engine numbers it
                position.realised = 0
            position.open(signed, notional)
        if not position.quantity:
            position.added_margin = 0
        position.updated_ns = now_ns
        return realised
