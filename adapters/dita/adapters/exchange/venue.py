"""The exchange without its sockets: clock, timers, engine, faults and streams, tied together in one place.

Every entry point calls ``enter`` first (what is due happens before what arrives) and ``settle`` last (what happened is
told). Both are synchronous, so a request, a tick and a timer never interleave.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from dita.adapters.exchange.client_socket import Frame
from dita.adapters.exchange.config import ExchangeConfig
from dita.adapters.exchange.events import AccountUpdate, OrderUpdate, VenueEvent
from dita.adapters.exchange.fault_book import FaultBook
from dita.adapters.exchange.faults import (
    CERTAIN,
    CutHow,
    CutStreamsAt,
    DeleverageAt,
    ExpireKeysAt,
    Fault,
    StepClockAt,
    TimedFault,
    check_symbols,
)
from dita.adapters.exchange.frame_faults import FrameFaults, Sending
from dita.adapters.exchange.frames import account_frame, order_frame
from dita.adapters.exchange.limits import RequestBudget
from dita.adapters.exchange.listen_keys import ListenKeys
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.streams import Streams
from dita.adapters.exchange.timers import Timer, Timers
from dita.spec.market import MarketEvent
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND


class Venue:
    """State and behaviour of one exchange; ``clock`` gives UTC nanoseconds."""

    def __init__(self, config: ExchangeConfig, clock: Callable[[], int]) -> None:
        self.config = config
        self._clock = clock
        self._skew_ns = config.requests.clock_skew_ms * NANOSECONDS_PER_MILLISECOND
        self._stepped_ns = 0
        self.timers = Timers()
        self.engine = Engine(config, self.timers)
        self.faults = FaultBook(config.faults, config.seed)
        self._frames = FrameFaults(self.faults, self.timers)
        self.keys = ListenKeys(config.streams.listen_key_life_ms, config.seed)
        self.budget = RequestBudget(config.requests)
        self.streams = Streams(config, self.engine, self.keys, self.now_ns)
        self.requests_served = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due_ns = 0
        self._key_timer: Timer | None = None
        self._sleepers: set[asyncio.Future[None]] = set()
        self.stopped = False
        self._started = False

    def now_ns(self) -> int:
        """The exchange's clock, skew included."""
        return self._clock() + self._skew_ns

    def told_ns(self) -> int:
        """The time that the exchange tells its clients and judges their timestamps by; a fault can step it."""
        return self.now_ns() + self._stepped_ns

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
        self.streams.push_market(event, self._deliver_market)

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
        """Add faults to the running exchange. Raises ValueError for a symbol that is not listed."""
        check_symbols(faults, self.engine.contracts)
        self.faults.arm(faults)
        self._schedule(faults)
        self._set_alarm()

    def _schedule(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if isinstance(fault, TimedFault):
                self.timers.at(fault.at_ms * NANOSECONDS_PER_MILLISECOND, partial(self._happen, type(fault)))

    def _happen(self, kind: type[TimedFault], due_ns: int) -> None:
        """A fault whose time has come, unless the plan has been disarmed or the rest of its trigger prevents it."""
        fault = self.faults.fire(kind, "time", due_ns // NANOSECONDS_PER_MILLISECOND)
        if isinstance(fault, CutStreamsAt):
            if fault.streams in ("account", "all"):
                for account in self.engine.accounts:
                    self.streams.cut_account(account, fault.how)
            if fault.streams in ("market", "all"):
                self.streams.cut_market(fault.how)
        elif isinstance(fault, ExpireKeysAt):
            for account in self.engine.accounts:
                self.end_keys(account, announced=fault.announced)
        elif isinstance(fault, StepClockAt):
            self._stepped_ns += fault.by_ms * NANOSECONDS_PER_MILLISECOND
        elif isinstance(fault, DeleverageAt):
            self._deleverage(fault, due_ns)

    def _deleverage(self, fault: DeleverageAt, now_ns: int) -> None:
        lot = self.engine.contracts[fault.symbol].lot
        for account in self.engine.accounts.values():
            for position in list(account.open_positions(fault.symbol)):
                quantity = position.size * fault.share_ppm // CERTAIN
                if quantity >= lot:
                    self.engine.deleverage(account, position, quantity - quantity % lot, now_ns)

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
        if self._key_timer is not None:
            self._key_timer.cancel()
            self._key_timer = None
        due_ns = self.keys.next_expiry_ns()
        if due_ns is not None:
            self._key_timer = self.timers.at(max(due_ns, now_ns), self._expire_keys)

    def end_keys(self, account: str, *, announced: bool) -> None:
        """End all listen keys of an account, however young they are."""
        for key in self.keys.forget(account):
            self.streams.expire_key(key, announced=announced)

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
        sending = Sending("frame", account, name, client_id, symbol, self.streams.encode(text))
        self._frames.send(sending, _AccountOutlet(self, account), now_ns)

    def _deliver_market(self, topic: str, symbol: str, text: str) -> None:
        channel = topic.partition("@")[2]
        sending = Sending("market", topic, channel, "", symbol, self.streams.encode(text))
        self._frames.send(sending, _TopicOutlet(self.streams, topic), self.now_ns())

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


class _AccountOutlet:
    """The sockets of one account."""

    __slots__ = ("_account", "_venue")

    def __init__(self, venue: Venue, account: str) -> None:
        self._venue = venue
        self._account = account

    def push(self, frame: Frame) -> None:
        self._venue.streams.push_account(self._account, frame)

    def cut(self, how: CutHow) -> None:
        self._venue.streams.cut_account(self._account, how)

    def expire(self, *, announced: bool) -> None:
        self._venue.end_keys(self._account, announced=announced)


class _TopicOutlet:
    """The sockets that listen to one market topic."""

    __slots__ = ("_streams", "_topic")

    def __init__(self, streams: Streams, topic: str) -> None:
        self._streams = streams
        self._topic = topic

    def push(self, frame: Frame) -> None:
        self._streams.push_topic(self._topic, frame)

    def cut(self, how: CutHow) -> None:
        self._streams.cut_topic(self._topic, how)

    def expire(self, *, announced: bool) -> None:
        """A topic has no key."""


def _account_first(events: list[VenueEvent]) -> list[VenueEvent]:
    """Each account update before the fill it belongs to."""
    ordered: list[VenueEvent] = []
    for event in events:
        if isinstance(event, AccountUpdate) and ordered and isinstance(ordered[-1], OrderUpdate):
            ordered.insert(len(ordered) - 1, event)
        else:
            ordered.append(event)
    return ordered
