"""A long day on the exchange: nothing piles up, and equal seeds make equal days, down to every frame."""

import asyncio
import random
import tracemalloc
from collections.abc import Callable
from typing import Any, TypeVar

from dita.adapters.exchange import (
    AccountConfig,
    CutStreamsAt,
    DelayFrame,
    DropFrame,
    DuplicateFrame,
    ExchangeConfig,
    FaultPlan,
    ReorderFrames,
    RequestRules,
    SpoilFrame,
    StreamRules,
    When,
)
from dita.adapters.exchange.client_socket import Frame
from dita.adapters.exchange.config import Retention, WireVariants
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.orders import ConditionalType, NewOrder, Side
from dita.adapters.exchange.record import take_record
from dita.adapters.exchange.streams import Streams
from dita.adapters.exchange.venue import Venue
from dita.spec.market import MarketTrade
from exchange_client import KEY, MS, PRICE, SECRET, START_NS, HandClock, scaled, ticker

HOUR_MS = 3_600_000
T = TypeVar("T")
FAULTS = (
    DropFrame(when=When(chance_ppm=20_000, times=0)),
    DuplicateFrame(when=When(chance_ppm=20_000, times=0)),
    DelayFrame(delay_ms=700, when=When(chance_ppm=20_000, times=0)),
    ReorderFrames(count=3, when=When(chance_ppm=20_000, times=0)),
    SpoilFrame("unknown_values", when=When(chance_ppm=5_000, times=0)),
)
KINDS: list[ConditionalType] = ["STOP_MARKET", "TAKE_PROFIT_MARKET", "TRIGGER_LIMIT"]


def config(seed: int) -> ExchangeConfig:
    """Small retention, so that what piles up shows soon; one account, noise, funding, faults."""
    return ExchangeConfig(
        accounts=(AccountConfig(KEY, SECRET),),
        retention=Retention(terminal_orders=50, fills=50, income=50, client_ids=200),
        requests=RequestRules(rate_limits=False),
        wire=WireVariants(one_listen_key=False),
        streams=StreamRules(listen_key_life_ms=600_000),
        faults=FaultPlan(FAULTS),
        seed=seed,
    )


class Ear(Streams):
    """Streams whose one account listener is a list; no sockets."""

    heard: list[Frame]

    def accounts_connected(self) -> list[str]:
        """Everybody listens."""
        return [KEY]

    def push_account(self, account: str, frame: Frame) -> None:
        """Keep the newest frames."""
        assert account == KEY
        self.heard.append(frame)
        del self.heard[:-1000]


class Day:
    """One venue under a clock that the test moves, and a trader that a seed makes repeatable."""

    def __init__(self, seed: int) -> None:
        self.clock = HandClock()
        self.venue = Venue(config(seed), self.clock)
        ear = Ear(self.venue.config, self.venue.engine, self.venue.keys, self.venue.now_ns)
        ear.heard = []
        self.ear = self.venue.streams = ear
        self.chance = random.Random(f"trader {seed}")
        self.count = 0

    def step(self) -> None:
        """Six seconds: a tick, a trade, an order or two, a cancel now and then, a listen key, an odd deleveraging."""
        venue, chance, account = self.venue, self.chance, self.venue.engine.accounts[KEY]
        self.clock.move_ms(6000)
        price = 60_000 + chance.randint(-300, 300)
        venue.feed(ticker(f"{price}.0", f"{price}.1", size="50", time_ns=self.clock()))
        venue.feed(MarketTrade("BTC-USDT", price * PRICE, 10**6, chance.random() < 0.5, self.clock()))
        now_ns = venue.enter()
        for _ in range(2):
            self._order(now_ns)
        live = account.live_orders()
        while len(live) > 20:
            venue.engine.cancel(account, live.pop(0), now_ns)
        venue.keys.create(KEY, now_ns, reuse=False)
        venue.watch_key(now_ns)
        if chance.random() < 0.02:
            venue.engine.arm_dead_man(account, now_ns + 10_000 * MS)
        venue.settle()

    def _order(self, now_ns: int) -> None:
        self.count += 1
        chance, venue = self.chance, self.venue
        side: Side = chance.choice(("BUY", "SELL"))
        new = NewOrder(
            "BTC-USDT", side, "LONG", "MARKET", "GTC", 10**6, 0, reduce_only=False, client_id=f"order-{self.count:08}"
        )
        kind = chance.random()
        if kind < 0.3:
            new = new._replace(order_type="LIMIT", price=scaled("60000.0", 10) + chance.randint(-300, 300) * PRICE)
        elif kind < 0.6:
            stop = venue.engine.marks["BTC-USDT"] // PRICE * PRICE + chance.randint(-200, 200) * PRICE
            new = new._replace(order_type=chance.choice(KINDS), stop_price=stop, client_id="", side="SELL")
            new = new._replace(price=stop) if new.order_type == "TRIGGER_LIMIT" else new
        try:
            venue.engine.submit(venue.engine.accounts[KEY], new, now_ns)
        except VenueError:
            return


def inside_a_loop(work: Callable[[], T]) -> T:
    """Run plain code where the venue finds a running loop to set its alarm on."""

    async def run() -> T:
        return work()

    return asyncio.run(run())


def sizes(day: Day) -> dict[str, int]:
    """How much is kept of everything that grows."""
    venue: Any = day.venue
    account, market = venue.engine.accounts[KEY], venue.engine.markets["BTC-USDT"]
    return {
        "orders": len(account.orders),
        "live": len(account.live),
        "client ids": len(account.used_client_ids),
        "fills": len(account.fills),
        "income": len(account.income),
        "timers": len(venue.timers._heap),
        "keys": len(venue.keys._keys),
        "lines": len(market.buys) + len(market.sells) + len(market.conditional),
        "held": len(venue._frames._held),
        "positions": len(account.positions),
    }


def test_a_day_leaves_no_more_behind_than_an_hour() -> None:
    """What is kept, and the memory it takes, is the same after the second hour and after the last of six."""

    def work() -> tuple[dict[str, int], dict[str, int], int, int]:
        day = Day(1)
        day.venue.start()
        for _ in range(2 * HOUR_MS // 6000):
            day.step()
        early = sizes(day)
        tracemalloc.start()
        try:
            for _ in range(200):
                day.step()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(200):
                day.step()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for _ in range(4 * HOUR_MS // 6000 - 400):
            day.step()
        late = sizes(day)
        assert take_record(day.venue.engine, day.clock()).account(KEY).wallet_difference == 0
        assert day.venue.engine.accounts[KEY].fills_made > 1500
        assert min(day.venue.faults.fired.values()) > 20
        day.venue.stop()
        return early, late, before, after

    early, late, before, after = inside_a_loop(work)

    assert {name: late[name] for name in late if late[name] > 1.5 * early[name] + 150} == {}
    assert after - before < 200_000


def test_equal_seeds_make_equal_days() -> None:
    """Two venues with one seed tell the same frames in the same order, faults included; another seed tells others."""

    def told(seed: int) -> tuple[list[Frame], dict[str, int], list[str]]:
        def work() -> tuple[list[Frame], dict[str, int], list[str]]:
            day = Day(seed)
            day.venue.start()
            day.venue.arm([CutStreamsAt(START_NS // MS + 1)])
            for _ in range(150):
                day.step()
            day.venue.stop()
            return list(day.ear.heard), day.venue.faults.fired, sorted(day.venue.keys.forget(KEY))

        return inside_a_loop(work)

    first, again, other = told(1), told(1), told(2)

    assert first == again
    assert len(first[0]) > 300
    assert first[0] != other[0]
    assert first[2] != other[2]
