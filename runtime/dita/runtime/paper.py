"""The exchange of a paper session: the simulator inside this process, fed by a market, with faults in its plan."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple, final

from pydantic import SecretStr

from dita.adapters.bingx.credentials import Credentials
from dita.adapters.exchange import (
    AccountConfig,
    AccountRecord,
    Contract,
    CutStream,
    ExchangeConfig,
    ExchangeServer,
    Fault,
    LoseReply,
    MatchingRules,
    RefuseRequest,
    RequestRules,
    Retention,
    SplitFills,
    StreamRules,
    When,
)
from dita.adapters.journal import GROUP_MAX
from dita.reference.arithmetic import cost_share
from dita.reference.ledger import frozen
from dita.runtime.feeds import snap_to_tick
from dita.runtime.ground import MACHINE, Ground
from dita.runtime.story import decimal_text
from dita.runtime.strategist import Strategist
from dita.spec.market import BookTicker, MarketEvent
from dita.spec.state import Slot, State, exit_quantity, remaining
from dita.spec.vocabulary import Phase

API_KEY: Final = "paper"
_MARGIN_IS_SHORT: Final = 101204
_BUSY_SECONDS: Final = 0.02
_STEP_SECONDS: Final = 0.001
_CATCH_UP_SECONDS: Final = 0.05
_AHEAD_MAX: Final = 4  # market events that the runtime may not have seen yet
_ROUNDED_UNITS: Final = 100  # 1e-8 USDT: what rounding of cost shares may come to
_WAIT_SECONDS: Final = 5.0  # at most, for what never comes
_KEPT: Final = 500  # orders the simulator remembers, about half a minute of them: settlement asks within seconds


def planned_faults(orders: int) -> tuple[Fault, ...]:
    """At least one partial fill, definite rejection, accepted submit without reply and cut stream in so many orders.

    In long sessions each comes back now and then.
    """
    rare = max(40, orders // 12)
    return (
        SplitFills(parts=3, delay_ms=10, when=When(nth=4)),
        SplitFills(parts=2, delay_ms=10, when=When(every=rare // 2, times=0)),
        RefuseRequest(code=_MARGIN_IS_SHORT, text="Insufficient margin", when=When(nth=9)),
        RefuseRequest(code=_MARGIN_IS_SHORT, text="Insufficient margin", when=When(every=rare, times=12)),
        LoseReply(how="reset", when=When(nth=14)),
        LoseReply(how="hang", when=When(every=rare + 7, times=6)),
        CutStream(event="ORDER_TRADE_UPDATE", when=When(nth=40)),
        CutStream(event="ORDER_TRADE_UPDATE", when=When(every=12 * rare, times=3)),
    )


class Holdings(NamedTuple):
    """Of all symbols and both sides together: 1e-8 coins, what was paid for them and what was earned, 1e-8 USDT."""

    quantity: int
    cost: int
    realised: int
    open_orders: int


@final
class PaperExchange:
    """Start it, feed it, ask it for its own record."""

    def __init__(
        self,
        symbols: tuple[str, ...],
        *,
        seed: int,
        faults: tuple[Fault, ...],
        secret: str,
        ground: Ground = MACHINE,
    ) -> None:
        """``secret`` is made up for this session. Raises ValueError for a symbol the simulator has no contract for."""
        self.credentials = Credentials(SecretStr(API_KEY), SecretStr(secret))
        self.faults = faults
        known = {contract.symbol: contract for contract in ExchangeConfig((AccountConfig(API_KEY, secret),)).contracts}
        missing = [symbol for symbol in symbols if symbol not in known]
        if missing:
            raise ValueError(f"symbols: the simulator lists {', '.join(known)}, not `{', '.join(missing)}`")
        self.contracts: dict[str, Contract] = {symbol: known[symbol] for symbol in symbols}
        self.server = ExchangeServer(
            ExchangeConfig(
                accounts=(AccountConfig(API_KEY, secret),),
                contracts=tuple(self.contracts.values()),
                matching=MatchingRules(liquidity="ladder"),
                retention=Retention(terminal_orders=_KEPT, fills=2 * _KEPT, income=4 * _KEPT, client_ids=4 * _KEPT),
                streams=StreamRules(snapshot_interval_ms=0),
                requests=RequestRules(rate_limits=False),
                seed=seed,
                port=ground.port,
            ),
            ground.clock.wall_ns,
            ground.listen,
        )

    async def start(self) -> None:
        """Bind and serve. Raises OSError."""
        await self.server.start()

    def arm(self) -> None:
        """From now on the planned faults happen."""
        self.server.arm(self.faults)

    def disarm(self) -> None:
        """From now on nothing goes wrong."""
        self.server.disarm()

    def record(self) -> AccountRecord:
        """The exchange's own books of the account."""
        return self.server.venue_record().account(API_KEY)

    def holdings(self) -> Holdings:
        """Of these books only what is held and earned now: the whole record grows with the session."""
        self.server.advance()
        account = self.server.venue.engine.accounts[API_KEY]
        positions = tuple(account.open_positions())
        quantity, cost = sum(one.size for one in positions), sum(one.cost for one in positions)
        return Holdings(quantity, cost, account.realised, len(account.live))

    async def stop(self) -> None:
        """Cut everything."""
        await self.server.stop()

    def on_its_grid(self, event: MarketEvent) -> MarketEvent:
        """The event with prices on the contract's ticks; the exchange itself trades whole lots only."""
        return snap_to_tick(event, self.contracts[event.symbol].tick)


@final
class Feeder:
    """Feeds the exchange as fast as the runtime follows, and slowly while it has orders under way."""

    def __init__(
        self,
        exchange: PaperExchange,
        events: Iterator[MarketEvent],
        seen: Callable[[], int],
        is_busy: Callable[[], bool],
        *,
        trades: bool,
    ) -> None:
        """``seen``: how many events have reached the runtime. ``is_busy``: whether it waits for orders.

        ``trades``: whether it sees public trades, too.
        """
        self._trades = trades
        self._exchange = exchange
        self._events = events
        self._seen = seen
        self._is_busy = is_busy
        self.fed = 0

    async def run(self) -> None:
        """Until the market data ends. Raises FeedError."""
        behind = 0  # events that never arrived: dropped while a stream was down
        for event in self._events:
            self._exchange.server.feed(self._exchange.on_its_grid(event))
            if not self._trades and not isinstance(event, BookTicker):
                continue
            self.fed += 1
            if self._is_busy():
                await asyncio.sleep(_BUSY_SECONDS)
                continue
            waited = 0.0
            while self.fed - behind - self._seen() > _AHEAD_MAX:
                await asyncio.sleep(_STEP_SECONDS)
                waited += _STEP_SECONDS
                if waited > _CATCH_UP_SECONDS:
                    behind = self.fed - self._seen()


@final
class SteadyFeeder:
    """Feeds the exchange one event at a time, and the next one when nothing is under way any more.

    So what is decided and at which quotes orders fill does not depend on how long anything takes: a session on sockets
    and one on virtual time come to the same. An order that rests in the book is not waited for: the quote that fills it
    and the news of its fill come by two streams, and on sockets it is chance which the policy sees first.
    """

    def __init__(
        self,
        exchange: PaperExchange,
        events: Iterator[MarketEvent],
        strategist: Strategist,
        state: Callable[[], State],
    ) -> None:
        self._exchange = exchange
        self._events = events
        self._strategist = strategist
        self._state = state
        self._rested: State | None = None  # the newest state in which nothing was under way

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Until the market data ends, or is asked no more. Raises FeedError."""
        strategist = self._strategist
        try:
            for event in self._events:
                await self._wait_while(self._is_under_way)
                if is_over():
                    return
                strategist.is_expecting = strategist.wants_trades or isinstance(event, BookTicker)
                seen = strategist.events
                self._exchange.server.feed(self._exchange.on_its_grid(event))
                await asyncio.sleep(0)
                if strategist.is_expecting:
                    await self._wait_while(partial(self._is_unseen, seen))
                    strategist.is_expecting = False
            await self._wait_while(self._is_under_way)
        finally:
            strategist.is_expecting = False

    def _is_under_way(self) -> bool:
        """Whether time alone would change something: a reading, an intent, an order, a difference to be explained.

        Nothing is, when books and exchange agree on what is held, on what was paid for it, on what was earned and on
        the orders that rest.
        """
        strategist, state = self._strategist, self._state()
        if strategist.is_quiet or strategist.is_deciding:
            return True
        if state is self._rested:
            return False
        account = state.account
        if account.unreconciled or frozen(account.ledger, account.tolerance):
            return True
        in_flight = [slot for slot in state.slots if slot.phase not in (Phase.IDLE, Phase.POSITION_OPEN)]
        if any(slot.phase not in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING) for slot in in_flight):
            return True
        there = self._exchange.holdings()
        held = sum(remaining(slot) for slot in state.slots)
        cost = sum(_cost(slot) for slot in state.slots)
        if (there.quantity, there.open_orders) != (held, len(in_flight)):
            return True
        if max(abs(there.realised - account.ledger.realised), abs(there.cost - cost)) > _ROUNDED_UNITS:
            return True
        self._rested = state
        return False

    def _is_unseen(self, seen: int) -> bool:
        return self._strategist.events == seen

    @staticmethod
    async def _wait_while(holds: Callable[[], bool]) -> None:
        waited = 0.0
        while holds() and waited < _WAIT_SECONDS:
            await asyncio.sleep(_STEP_SECONDS)
            waited += _STEP_SECONDS


def _cost(slot: Slot) -> int:
    """What was paid for all that a slot holds, 1e-8 USDT."""
    return slot.entry.quote - cost_share(slot.entry.quote, slot.entry.quantity, exit_quantity(slot))


def assumptions(exchange: PaperExchange, ground: Ground, *, market_waits: bool) -> tuple[tuple[str, str], ...]:
    """What a session on this exchange is granted that a real venue would not grant; for people."""
    rules = exchange.server.config.matching
    depth = "of the best level alone"
    if rules.liquidity == "ladder":
        depth = (
            f"of {rules.ladder_levels} levels, each as large as the best one and {rules.ladder_step_ticks} tick further"
        )
    rows = "in the file before its commands are carried out"
    if ground.is_direct:
        rows = f"in the file with up to {GROUP_MAX - 1} others: a backtest that is killed loses these"
    moves = f"the market moves on while an order is under way, one event in {_BUSY_SECONDS * 1000:g} ms"
    if market_waits:
        moves = "the market waits for every order, so latency costs nothing, and time between quotes is not played back"
    contracts = exchange.contracts.values()
    rates = sorted({(contract.taker_rate_ppb, contract.maker_rate_ppb) for contract in contracts})
    fees = [f"taker {decimal_text(taker, 1000)} ppm, maker {decimal_text(maker, 1000)} ppm" for taker, maker in rates]
    funding = sorted({contract.funding_rate_ppb for contract in contracts})
    return (
        ("latency", f"{ground.wire}; {moves}"),
        ("slippage", f"a market order walks a made-up book {depth}, and leaves no trace in later quotes"),
        ("fees", "; ".join(fees)),
        ("funding", ", ".join(f"{decimal_text(rate, 1000)} ppm" for rate in funding)),
        ("faults", f"{len(exchange.faults)} planned"),
        ("each input", f"reference and kernel take it side by side, here as everywhere; its row is {rows}"),
    )
