"""The matching engine: orders against the market's best prices. Deterministic, integers, no I/O, time passed in.

Every method takes the exchange's time and appends what happened to ``events``, which the owner takes with
``take_events``. Orders never meet each other; they meet the ``BookTicker`` and ``MarketTrade`` events that are fed.
A market event first fills resting orders, then triggers conditional ones, then liquidates.
"""

import heapq
from collections.abc import Iterable, Sequence

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.admission import check_admission
from dita.adapters.exchange.conditional import (
    becomes,
    closing_side,
    ends_with_position,
    has_triggered,
    triggers_falling,
)
from dita.adapters.exchange.config import Contract, ExchangeConfig
from dita.adapters.exchange.decimals import divide_half_even
from dita.adapters.exchange.errors import (
    POST_ONLY_WOULD_TAKE,
    SYMBOL_PAUSED,
    SYMBOL_UNKNOWN,
    VenueError,
)
from dita.adapters.exchange.events import AccountUpdate, Execution, OrderUpdate, PositionValue, UpdateReason, VenueEvent
from dita.adapters.exchange.identifiers import Snowflakes
from dita.adapters.exchange.margin import positions_to_liquidate
from dita.adapters.exchange.market import Level, Market
from dita.adapters.exchange.orders import (
    NewOrder,
    Order,
    OrderType,
    Position,
    PositionSide,
    ProfitType,
    Side,
    SplitPlan,
    Status,
)
from dita.adapters.exchange.timers import Timers
from dita.spec.market import BookTicker, MarketEvent
from dita.spec.scales import (
    NANOSECONDS_PER_MILLISECOND,
    NANOSECONDS_PER_SECOND,
    NOTIONAL_DIVISOR,
    RATE_SCALE,
)

_FIRST_TRADE_ID = 362_700_000


class Engine:
    """All markets and accounts of one exchange. ``timers`` is worked off by the owner before anything else happens."""

    account_class: type[Account] = Account

    def __init__(self, config: ExchangeConfig, timers: Timers) -> None:
        self.rules = config.matching
        self.timers = timers
        self.contracts: dict[str, Contract] = {contract.symbol: contract for contract in config.contracts}
        self.markets: dict[str, Market] = {c.symbol: Market(c, config.matching) for c in config.contracts}
        self.marks: dict[str, int] = dict.fromkeys(self.contracts, 0)
        read_lag_ns = config.requests.read_lag_ms * NANOSECONDS_PER_MILLISECOND
        self.accounts: dict[str, Account] = {
            account.api_key: self.account_class(account, config.retention, read_lag_ns) for account in config.accounts
        }
        self._snowflakes = Snowflakes()
        self._trade_id = _FIRST_TRADE_ID
        self._events: list[VenueEvent] = []

    def take_events(self) -> list[VenueEvent]:
        """What happened since the last call, in order."""
        events = self._events
        if events:
            self._events = []
        return events

    # -- the market

    def feed(self, event: MarketEvent, now_ns: int) -> None:
        """Take one market event and match what it makes possible, in whole lots.

        Raises ValueError on a foreign symbol or number.
        """
        market = self.markets.get(event.symbol)
        if market is None:
            raise ValueError(f"symbol: `{event.symbol}` is not listed, add its contract to the config")
        if isinstance(event, BookTicker):
            if min(event.bid_price, event.bid_quantity, event.ask_price, event.ask_quantity) < 0:
                raise ValueError(f"ticker: `{event}` has a negative number, feed prices and quantities of at least 0")
            market.update(event)
            self.marks[event.symbol] = market.mark_price
            if market.buys:
                self._match_resting(market, "BUY", market.asks(), now_ns)
            if market.sells:
                self._match_resting(market, "SELL", market.bids(), now_ns)
            self._trigger(market, now_ns)
            self._liquidate(event.symbol, now_ns)
            return
        if event.price <= 0 or event.quantity < 0:
            raise ValueError(f"trade: `{event}` has a price of 0 or less or a negative quantity")
        market.last_price = event.price
        market.candles.trade(event)
        # A trade at the very price of a resting order says nothing about its place in the queue; only a trade
        # beyond that price proves that the order would have been reached.
        tick, quantity = market.contract.tick, market.whole_lots(event.quantity)
        if event.buyer_is_maker and market.buys and market.buys[0][2].price:
            self._match_resting(market, "BUY", [Level(event.price + tick, quantity)], now_ns)
        elif not event.buyer_is_maker and market.sells and market.sells[0][2].price:
            self._match_resting(market, "SELL", [Level(max(event.price - tick, 0), quantity)], now_ns)
        self._trigger(market, now_ns)

    def market(self, symbol: str) -> Market:
        """The market of a symbol. Raises 109425 when there is none."""
        market = self.markets.get(symbol)
        if market is None:
            raise VenueError(SYMBOL_UNKNOWN, f"symbol not exist: `{symbol[:32]}`")
        return market

    # -- orders

    def check(self, account: Account, new: NewOrder, *, accept_duplicate: bool = False) -> Market:
        """Everything that refuses an order, without placing it. Raises ``VenueError``."""
        market = self.market(new.symbol)
        if market.contract.status != 1 or not market.best_opposite(new.side):
            raise VenueError(SYMBOL_PAUSED, f"trading of {new.symbol} is paused, no market")
        check_admission(account, market, self.marks, self.rules, new, accept_duplicate=accept_duplicate)
        refuses = new.time_in_force == "PostOnly" and self.rules.post_only_crossing == "refuse"
        if refuses and not new.stop_price and market.crosses(new.price, new.side):
            raise VenueError(POST_ONLY_WOULD_TAKE, "post only order would immediately match")
        return market

    def submit(
        self,
        account: Account,
        new: NewOrder,
        now_ns: int,
        *,
        split: SplitPlan | None = None,
        hidden_ns: int = 0,
        accept_duplicate: bool = False,
    ) -> Order:
        """Admit an order and match it. ``hidden_ns`` delays only what GET shows. Raises ``VenueError``."""
        market = self.check(account, new, accept_duplicate=accept_duplicate)
        return self._place(market, account, new, now_ns, split, hidden_ns)

    def _place(
        self,
        market: Market,
        account: Account,
        new: NewOrder,
        now_ns: int,
        split: SplitPlan | None = None,
        hidden_ns: int = 0,
    ) -> Order:
        order = Order(
            self._snowflakes.take(now_ns // NANOSECONDS_PER_MILLISECOND),
            new.client_id,
            new.symbol,
            new.side,
            new.position_side,
            new.order_type,
            new.time_in_force,
            new.quantity,
            new.price,
            new.reduce_only,
            account.leverage(new.symbol, new.position_side),
            now_ns,
            now_ns,
            now_ns + max(hidden_ns, account.read_lag_ns),
            split=split,
            stop_price=new.stop_price,
            working_type=new.working_type,
            close_position=new.close_position,
            triggers_falling=bool(new.stop_price) and triggers_falling(new, market),
            parent_id=new.parent_id,
        )
        account.add_order(order)
        self._tell_order(account, order, "NEW", now_ns)
        if new.stop_price:
            market.wait(order, account)
        elif (new.time_in_force == "PostOnly" and market.crosses(new.price, new.side)) or (
            new.time_in_force == "FOK" and self._available(market, order) < order.quantity
        ):
            self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
        else:
            self._match_new(market, account, order, now_ns)
        return order

    def cancel(self, account: Account, order: Order, now_ns: int) -> None:
        """Cancel a live order."""
        self._finish(account, order, "CANCELLED", "CANCELED", now_ns)

    def cancel_all(self, account: Account, symbol: str, now_ns: int, only: OrderType | None = None) -> list[Order]:
        """Cancel the live orders of a symbol, or all with an empty one, of one type or of all; returns them."""
        orders = [order for order in account.live_orders(symbol) if only in (None, order.order_type)]
        for order in orders:
            self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
        return orders

    def close_all(self, account: Account, symbol: str, now_ns: int, only: PositionSide | None = None) -> list[Order]:
        """Close positions at the market; closing orders that stand in the way are cancelled first."""
        placed: list[Order] = []
        for position in list(account.open_positions(symbol)):
            if only not in (None, position.side):
                continue
            for order in account.live_orders(position.symbol):
                if order.position_side == position.side and order.claims_position:
                    self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
            side = closing_side(position.quantity)
            reduce_only = position.side == "BOTH"
            new = NewOrder(
                position.symbol, side, position.side, "MARKET", "GTC", position.size, 0, reduce_only, client_id=""
            )
            placed.append(self.submit(account, new, now_ns))
        return placed

    def fill_completely(self, account: Account, order: Order, now_ns: int) -> None:
        """Fill what is left of a live order at its own price (a MARKET order at the best one), as if it had raced."""
        market = self.markets[order.symbol]
        price = order.price or market.best_opposite(order.side) or market.mark_price
        quantity = self._fillable(account, order)
        if quantity:
            self._fill(market, account, order, price, quantity, now_ns)

    def arm_dead_man(self, account: Account, due_ns: int | None) -> None:
        """Cancel every order of the account at ``due_ns`` unless armed anew or, with None, disarmed."""
        account.dead_man_due_ns = due_ns
        if due_ns is None:
            return

        def fire(now_ns: int) -> None:
            if account.dead_man_due_ns == now_ns:
                account.dead_man_due_ns = None
                self.cancel_all(account, "", now_ns)

        self.timers.at(due_ns, fire)

    # -- money from outside

    def transfer(self, account: Account, amount: int, now_ns: int) -> None:
        """Deposit (positive) or withdraw (negative), in 1e-8 USDT."""
        account.book_transfer(amount, now_ns)
        self._tell_account(account, "DEPOSIT" if amount >= 0 else "WITHDRAW", amount, (), now_ns)

    def fund(self, symbol: str, rate_ppb: int, now_ns: int) -> None:
        """Settle funding of one symbol at its mark price: longs pay a positive rate, shorts receive it."""
        mark = self.marks[symbol]
        self.markets[symbol].funding.append((now_ns, rate_ppb))
        for account in self.accounts.values():
            amount = 0
            touched = list(account.open_positions(symbol))
            for position in touched:
                value = position.quantity * mark // NOTIONAL_DIVISOR
                amount -= divide_half_even(value * rate_ppb, RATE_SCALE)
            if touched:
                account.book_funding(symbol, amount, now_ns)
                shown = touched if account.isolated(symbol) else ()
                self._tell_account(account, "FUNDING_FEE", amount, shown, now_ns)

    def schedule_funding(self, now_ns: int) -> None:
        """Settle every contract with a funding rate at each multiple of the funding interval after ``now_ns``."""
        paying = [contract for contract in self.contracts.values() if contract.funding_rate_ppb]
        if not paying:
            return
        interval_ns = self.rules.funding_interval_s * NANOSECONDS_PER_SECOND

        def settle(due_ns: int) -> None:
            for contract in paying:
                self.fund(contract.symbol, contract.funding_rate_ppb, due_ns)
            self.timers.at(due_ns + interval_ns, settle)

        self.timers.at((now_ns // interval_ns + 1) * interval_ns, settle)

    # -- conditional orders

    def _trigger(self, market: Market, now_ns: int) -> None:
        """Let other orders take the place of conditional ones whose price is reached, oldest first."""
        waiting = market.conditional
        if not waiting:
            return
        due = [entry for entry in waiting if entry[0].live and has_triggered(entry[0], market)]
        for order, account in due:
            if not order.live:
                continue  # an earlier one has closed the position, and the rules end this one with it
            new = becomes(order, account)
            try:
                if new is not None and not (new.reduce_only or order.closes_hedge):
                    self.check(account, new)
            except VenueError:
                new = None
            if new is None:
                self._finish(account, order, "EXPIRED", "EXPIRED", now_ns)
                continue
            order.status = "EXPIRED"  # gone without a word: the stream tells of the other one
            account.forget_order(order)
            self._place(market, account, new, now_ns)
        if due:
            waiting[:] = [entry for entry in waiting if entry[0].live]

    # -- force

    def _liquidate(self, symbol: str, now_ns: int) -> None:
        """Close what the mark price of a symbol has left without maintenance margin."""
        for account in self.accounts.values():
            if next(account.open_positions(symbol), None) is None:
                continue
            lost = positions_to_liquidate(account, self.contracts, self.marks)
            for name in {position.symbol: None for position in lost}:
                self.cancel_all(account, name, now_ns)
            # Profits first, so that they pay for the losses before the fund does.
            for position in sorted(lost, key=lambda p: -p.unrealised(self.marks[p.symbol], NOTIONAL_DIVISOR)):
                self._take_over(account, position, now_ns)

    def _take_over(self, account: Account, position: Position, now_ns: int) -> None:
        """Close a whole position at the market; the fund pays, beforehand, what is more than its margin."""
        market = self.markets[position.symbol]
        price = market.best_opposite(closing_side(position.quantity)) or market.mark_price
        price -= price % market.contract.tick
        if account.isolated(position.symbol):
            means = account.position_margin(position)
        else:
            value = position.size * price // NOTIONAL_DIVISOR
            fee = divide_half_even(value * market.contract.taker_rate_ppb, RATE_SCALE)
            means = account.wallet - account.isolated_margin() - fee
        shortfall = -position.unrealised(price, NOTIONAL_DIVISOR) - means
        if shortfall > 0:
            account.book_insurance(position.symbol, shortfall, now_ns)
            self._tell_account(account, "ORDER", shortfall, (), now_ns)
        self._force(account, position, position.size, price, "INSURANCE_CLEAR", now_ns)

    def deleverage(self, account: Account, position: Position, quantity: int, now_ns: int) -> Order:
        """Close a part of a position at the mark price, because somebody else's loss needs its counterparty.

        ``quantity`` in 1e-8 coins, whole lots and at most the position. Raises ValueError.
        """
        lot = self.contracts[position.symbol].lot
        if not 0 < quantity <= position.size or quantity % lot:
            raise ValueError(f"quantity: `{quantity}` is not a part of the position's {position.size} in lots of {lot}")
        mark = self.marks[position.symbol]
        price = mark - mark % self.contracts[position.symbol].tick
        return self._force(account, position, quantity, price, "ADL", now_ns)

    def _force(
        self, account: Account, position: Position, quantity: int, price: int, kind: ProfitType, now_ns: int
    ) -> Order:
        order = Order(
            self._snowflakes.take(now_ns // NANOSECONDS_PER_MILLISECOND),
            "",
            position.symbol,
            closing_side(position.quantity),
            position.side,
            "LIQUIDATION",
            "GTC",
            quantity,
            0,
            position.side == "BOTH",
            account.leverage(position.symbol, position.side),
            now_ns,
            now_ns,
            now_ns + account.read_lag_ns,
            profit_type=kind,
        )
        account.add_order(order)
        self._fill(self.markets[position.symbol], account, order, price, quantity, now_ns)
        return order

    # -- matching

    def _match_new(self, market: Market, account: Account, order: Order, now_ns: int) -> None:
        if order.split is not None and market.crosses(order.price, order.side):
            self._start_split(market, account, order, now_ns)
            return
        for level in market.opposite(order.side):
            if not order.live or not _reaches(order, level.price):
                break
            quantity = min(order.remaining, level.left, self._fillable(account, order))
            if quantity:
                level.left -= quantity
                self._fill(market, account, order, level.price, quantity, now_ns)
        if not order.live:
            return
        if order.time_in_force in ("IOC", "FOK") or not self._fillable(account, order):
            self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
            return
        order.resting = order.order_type == "LIMIT"
        market.rest(order, account)

    def _match_resting(self, market: Market, side: Side, levels: Sequence[Level], now_ns: int) -> None:
        """Fill resting orders of one side, best first, while the given levels reach them and last."""
        heap = market.buys if side == "BUY" else market.sells
        depth = 0
        while heap:
            order, account = heap[0][2], heap[0][3]
            if not order.live or order.scheduled:
                heapq.heappop(heap)
                continue
            while depth < len(levels) and not levels[depth].left:
                depth += 1
            if depth == len(levels) or not _reaches(order, levels[depth].price):
                return
            if order.split is not None:
                self._start_split(market, account, order, now_ns)
                continue
            fillable = self._fillable(account, order)
            if not fillable:
                self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
                continue
            level = levels[depth]
            quantity = min(order.remaining, level.left, fillable)
            level.left -= quantity
            self._fill(market, account, order, order.price if order.resting else level.price, quantity, now_ns)

    def _start_split(self, market: Market, account: Account, order: Order, now_ns: int) -> None:
        """Fill the order piece by piece, whatever the market's size, as long as the price allows it."""
        plan = order.split
        if plan is None:
            return
        order.split = None
        order.scheduled = True
        lots = order.remaining // market.contract.lot
        parts = max(1, min(plan.parts, lots))
        share, extra = divmod(lots, parts)
        pieces = [(share + (1 if part < extra else 0)) * market.contract.lot for part in range(parts)]
        delay_ns = plan.delay_ms * NANOSECONDS_PER_MILLISECOND
        for part, piece in enumerate(pieces):
            last = part == parts - 1
            if part == 0 or delay_ns == 0:
                self._fill_piece(market, account, order, piece, last, now_ns)
            else:
                self._schedule_piece(market, account, order, piece, last, now_ns + part * delay_ns)

    def _schedule_piece(
        self, market: Market, account: Account, order: Order, piece: int, last: bool, due_ns: int
    ) -> None:
        self.timers.at(due_ns, lambda now_ns: self._fill_piece(market, account, order, piece, last, now_ns))

    def _fill_piece(self, market: Market, account: Account, order: Order, piece: int, last: bool, now_ns: int) -> None:
        if not order.live or not order.scheduled:
            return
        quantity = min(order.remaining if last else piece, order.remaining, self._fillable(account, order))
        if not quantity:
            self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
            return
        if not market.crosses(order.price, order.side):
            if order.time_in_force in ("IOC", "FOK"):
                self._finish(account, order, "CANCELLED", "CANCELED", now_ns)
                return
            order.scheduled = False  # the market went away: the rest waits in the book like any other order
            order.resting = order.order_type == "LIMIT"
            market.rest(order, account)
            return
        price = order.price if order.resting else market.best_opposite(order.side)
        self._fill(market, account, order, price, quantity, now_ns)

    def _available(self, market: Market, order: Order) -> int:
        return sum(level.left for level in market.opposite(order.side) if _reaches(order, level.price))

    def _fillable(self, account: Account, order: Order) -> int:
        """How much may still fill: a closing order never more than the position it closes."""
        if order.reduce_only:
            position = account.position(order.symbol, "BOTH")
            opposite = position.quantity < 0 if order.side == "BUY" else position.quantity > 0
            return min(order.remaining, position.size) if opposite else 0
        if order.closes_hedge:
            return min(order.remaining, account.position(order.symbol, order.position_side).size)
        return order.remaining

    def _fill(self, market: Market, account: Account, order: Order, price: int, quantity: int, now_ns: int) -> None:
        self._trade_id += 1
        fill = account.book_fill(order, market.contract, price, quantity, order.resting, self._trade_id, now_ns)
        market.last_price = price
        position = account.position(order.symbol, order.position_side)
        if position.quantity and not position.position_id:
            position.position_id = self._snowflakes.take(now_ns // NANOSECONDS_PER_MILLISECOND)
        if order.remaining:
            order.status = "PARTIALLY_FILLED"
        else:
            order.status = "FILLED"
            account.finish_order(order)
        self._events.append(
            OrderUpdate(
                account.key,
                order,
                "CALCULATED" if order.order_type == "LIQUIDATION" else "TRADE",
                order.status,
                order.executed,
                order.notional,
                order.commission,
                fill,
                now_ns,
            )
        )
        self._tell_account(account, "ORDER", 0, (position,), now_ns)
        if not position.quantity and self.rules.stops_end_with_position:
            for other in account.live_orders(order.symbol):
                if ends_with_position(other, account):
                    self._finish(account, other, "CANCELLED", "CANCELED", now_ns)

    def _finish(self, account: Account, order: Order, status: Status, execution: Execution, now_ns: int) -> None:
        order.status = status
        order.updated_ns = now_ns
        order.scheduled = False
        account.finish_order(order)
        self._tell_order(account, order, execution, now_ns)

    # -- telling

    def _tell_order(self, account: Account, order: Order, execution: Execution, now_ns: int) -> None:
        self._events.append(
            OrderUpdate(
                account.key,
                order,
                execution,
                order.status,
                order.executed,
                order.notional,
                order.commission,
                None,
                now_ns,
            )
        )

    def _tell_account(
        self, account: Account, reason: UpdateReason, change: int, positions: Iterable[Position], now_ns: int
    ) -> None:
        values = tuple(self.position_value(account, position) for position in positions)
        isolated = account.isolated_margin() if account.margin_types else 0
        self._events.append(AccountUpdate(account.key, reason, account.wallet, isolated, change, values, now_ns))

    def position_value(self, account: Account, position: Position) -> PositionValue:
        """A position as the wire shows it: average price rounded to the tick, profit at the mark price."""
        tick = self.contracts[position.symbol].tick
        size = position.size
        average = divide_half_even(position.cost * NOTIONAL_DIVISOR, size * tick) * tick if size else 0
        return PositionValue(
            position.symbol,
            position.side,
            position.quantity,
            average,
            position.unrealised(self.marks[position.symbol], NOTIONAL_DIVISOR) if size else 0,
            position.realised,
            account.position_margin(position) if size else 0,
        )


def _reaches(order: Order, price: int) -> bool:
    """Whether the order may trade at that price."""
    if not order.price:
        return True
    return price <= order.price if order.side == "BUY" else price >= order.price
