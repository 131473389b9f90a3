"""The exchange without its sockets: clock, timers, engine, faults and streams, tied together in one place.

Every entry point calls ``enter`` first (what is due happens before what arrives) and ``settle`` last (what happened is
told). Both are synchronous, so a request, a tick and a timer never interleave.
"""

import asyncio
from collections.abc import Callable, Sequence

from dita.adapters.exchange.config import ExchangeConfig
from dita.adapters.exchange.events import AccountUpdate, OrderUpdate, VenueEvent
from dita.adapters.exchange.faults import (
    CutStream,
    CutStreamsAt,
    DelayFrame,
    DropFrame,
    DuplicateFrame,
    Fault,
    FaultBook,
)
from dita.adapters.exchange.frames import account_frame, order_frame
from dita.adapters.exchange.limits import RequestBudget
from dita.adapters.exchange.listen_keys import ListenKeys
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.streams import Streams
from dita.adapters.exchange.timers import Timers
from dita.spec.market import MarketEvent
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND


class Venue:
    """State and behaviour of one exchange; ``clock`` gives UTC nanoseconds."""

    def __init__(self, config: ExchangeConfig, clock: Callable[[], int]) -> None:
        self.config = config
        self._clock = clock
        self._skew_ns = config.requests.clock_skew_ms * NANOSECONDS_PER_MILLISECOND
        self.timers = Timers()
        self.engine = Engine(config, self.timers)
        self.faults = FaultBook(config.faults, config.seed)
        self.keys = ListenKeys(config.streams.listen_key_life_ms, config.seed)
        self.budget = RequestBudget(config.requests)
        self.streams = Streams(config, self.engine, self.keys, self.now_ns)
        self.requests_served = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due_ns = 0
        self._sleepers: set[asyncio.Future[None]] = set()
        self.stopped = False
        self._started = False

    def now_ns(self) -> int:
        """The exchange's clock, skew included."""
        return self._clock() + self._skew_ns

    def enter(self) -> int:
        """Let everything happen that is due, and return the time."""
        now_ns = self.now_ns()
        self.timers.advance(now_ns)
        return now_ns

    def settle(self) -> None:
        """Tell what happened and set the alarm for what is due next."""
        events = self.engine.take_events()
        if events:
            self._tell(events)
        self._set_alarm()

    def feed(self, event: MarketEvent) -> None:
        """One market event: resting orders match, subscribers are told."""
        now_ns = self.enter()
        self.engine.feed(event, now_ns)
        self.settle()
        self.streams.push_market(event)

    def start(self) -> None:
        """Start what repeats: funding and the snapshot noise. After a stop, go on with what was planned."""
        self.stopped = False
        if self._started:
            self._set_alarm()
            return
        self._started = True
        now_ns = self.now_ns()
        self.engine.schedule_funding(now_ns)
        self._schedule(self.config.faults.faults)
        interval_ns = self.config.streams.snapshot_interval_ms * NANOSECONDS_PER_MILLISECOND
        if interval_ns:

            def noise(due_ns: int) -> None:
                self.streams.push_snapshots()
                self.timers.at(due_ns + interval_ns, noise)

            self.timers.at(now_ns + interval_ns, noise)
        self._set_alarm()

    def arm(self, faults: Sequence[Fault]) -> None:
        """Add faults to the running exchange."""
        self.faults.arm(faults)
        self._schedule(faults)
        self._set_alarm()

    def _schedule(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if isinstance(fault, CutStreamsAt):
                self.timers.at(fault.at_ms * NANOSECONDS_PER_MILLISECOND, self._cut_streams)

    def _cut_streams(self, due_ns: int) -> None:
        fault = self.faults.fire(CutStreamsAt, "time", due_ns // NANOSECONDS_PER_MILLISECOND)
        if fault is None:
            return
        if fault.streams in ("account", "all"):
            for account in self.engine.accounts:
                self.streams.cut_account(account)
        if fault.streams in ("market", "all"):
            self.streams.cut_market()

    def stop(self) -> None:
        """Wake every sleeper and drop the alarm; nothing happens on its own any more."""
        self.stopped = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for sleeper in tuple(self._sleepers):
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep_ms(self, delay_ms: int) -> None:
        """Until the exchange's clock has moved on by ``delay_ms``, or the exchange stops."""
        if self.stopped:
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_: int) -> None:
            if not sleeper.done():
                sleeper.set_result(None)

        self._sleepers.add(sleeper)
        timer = self.timers.at(self.now_ns() + delay_ms * NANOSECONDS_PER_MILLISECOND, wake)
        self._set_alarm()
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)

    def watch_key(self, now_ns: int) -> None:
        """Expire listen keys when their time has come."""
        due_ns = self.keys.next_expiry_ns()
        if due_ns is not None:
            self.timers.at(max(due_ns, now_ns), self._expire_keys)

    def _expire_keys(self, now_ns: int) -> None:
        expired = self.keys.expire(now_ns)
        for key in expired:
            self.streams.expire_key(key)
        if expired:
            self.watch_key(now_ns)

    # -- telling

    def _tell(self, events: list[VenueEvent]) -> None:
        if self.config.wire.account_update_first:
            events = _account_first(events)
        now_ns = self.now_ns()
        pushed_ms = now_ns // NANOSECONDS_PER_MILLISECOND
        connected = self.streams.accounts_connected()
        wire = self.config.wire
        for event in events:
            if event.account not in connected:
                continue
            if isinstance(event, OrderUpdate):
                order = event.order
                text = order_frame(event, self.engine.contracts[order.symbol], wire, pushed_ms)
                self._push(event.account, wire.order_event_name, order.client_id, order.symbol, text, now_ns)
            else:
                text = account_frame(event, self.engine.accounts[event.account], wire, pushed_ms)
                symbol = event.positions[0].symbol if event.positions else ""
                self._push(event.account, "ACCOUNT_UPDATE", "", symbol, text, now_ns)

    def _push(self, account: str, name: str, client_id: str, symbol: str, text: str, now_ns: int) -> None:
        """Send one frame, unless the fault plan has other ideas."""
        now_ms = now_ns // NANOSECONDS_PER_MILLISECOND
        fire = self.faults.fire
        if fire(CutStream, "frame", now_ms, client_id, symbol, name) is not None:
            self.streams.cut_account(account)
            return
        if fire(DropFrame, "frame", now_ms, client_id, symbol, name) is not None:
            return
        delay = fire(DelayFrame, "frame", now_ms, client_id, symbol, name)
        if delay is not None:
            due_ns = now_ns + delay.delay_ms * NANOSECONDS_PER_MILLISECOND
            self.timers.at(due_ns, lambda _: self.streams.push_account(account, text))
            return
        self.streams.push_account(account, text)
        if fire(DuplicateFrame, "frame", now_ms, client_id, symbol, name) is not None:
            self.streams.push_account(account, text)

    # -- the alarm

    def _set_alarm(self) -> None:
        due_ns = self.timers.next_due_ns()
        if self._alarm is not None:
            if due_ns == self._alarm_due_ns:
                return
            self._alarm.cancel()
            self._alarm = None
        if due_ns is None or self.stopped:
            return
        self._alarm_due_ns = due_ns
        wait_s = max(0, due_ns - self.now_ns()) / NANOSECONDS_PER_SECOND
        self._alarm = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.enter()
        self.settle()


def _account_first(events: list[VenueEvent]) -> list[VenueEvent]:
    """Each account update before the fill it belongs to."""
    ordered: list[VenueEvent] = []
    for event in events:
        if isinstance(event, AccountUpdate) and ordered and isinstance(ordered[-1], OrderUpdate):
            ordered.insert(len(ordered) - 1, event)
        else:
            ordered.append(event)
    return ordered
