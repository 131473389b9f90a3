"""One call to the venue and the judgement on its answer: envelope, error class, limits, clock, and which host to ask.

Reads raise a ``VenueError`` when they fail; calls that may leave an order behind use ``call`` and get a value.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from dita.adapters.bingx.clock import ClockOffset, ClockSample, estimate_offset
from dita.adapters.bingx.endpoints import SERVER_TIME, Endpoint, Hosts
from dita.adapters.bingx.errors import (
    BadReply,
    Call,
    ErrorClass,
    Meaning,
    NoReply,
    VenueRefused,
    classify,
)
from dita.adapters.bingx.json_text import JsonTextError, as_object, parse_json
from dita.adapters.bingx.limiter import Rank
from dita.adapters.bingx.messages import Envelope, MessageError, ServerTimeMessage, nanoseconds, read_message
from dita.adapters.bingx.notices import Notices
from dita.adapters.bingx.pauses import pause_after
from dita.adapters.bingx.transport import Failure, FailureKind, Reply, Transport
from dita.spec.scales import NANOSECONDS_PER_SECOND

_CLOCK_SAMPLES: Final = 5
_CLOCK_RETRY_NS: Final = 5 * NANOSECONDS_PER_SECOND  # nobody waits again for what has just failed
_CLOCK_AGE_NS_MAX: Final = 300 * NANOSECONDS_PER_SECOND
# A reply like these from the front of the venue says nothing about the back: a read may ask the other host.
_GATEWAY_STATUSES: Final = frozenset({502, 503, 504})
_TRY_OTHER_HOST: Final = frozenset({FailureKind.NOT_CONNECTED, FailureKind.TIMED_OUT, FailureKind.CONNECTION_LOST})

# A venue that quotes a request at us quotes what must not be logged: signatures and listen keys are long tokens.
_TOKEN: Final = re.compile(r"[0-9A-Za-z]{32,}")

_NOTHING_SAID: Final = Envelope()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply whose envelope has been read. ``meaning`` is None exactly when the venue said yes (200 and code 0)."""

    reply: Reply
    code: str | None
    text: str
    data: object = field(repr=False)
    root: Mapping[str, object] | None = field(repr=False)  # the whole object, for the few calls that have no envelope
    meaning: Meaning | None

    @property
    def is_yes(self) -> bool:
        """Status 200 and code 0."""
        return self.meaning is None


@dataclass(slots=True)
class Counts:
    """What has happened to requests so far."""

    requests: int = 0
    failures: Counter[FailureKind] = field(default_factory=Counter[FailureKind])
    pauses: int = 0
    clock_refusals: int = 0


@dataclass(slots=True)
class Api:
    """Calls to one environment of the venue. ``rng`` only jitters back-off."""

    transport: Transport
    hosts: Hosts
    rng: Random
    clock_offset: ClockOffset | None = None
    clock_doubted: bool = False  # the venue refused a timestamp: measure again before the next signed call
    notices: Notices = field(default_factory=lambda: Notices("rest"))
    counts: Counts = field(default_factory=Counts)
    _strikes: dict[str, int] = field(default_factory=dict[str, int])
    _clock_not_before_ns: int = 0
    _clock_lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def call(
        self,
        endpoint: Endpoint,
        parameters: Mapping[str, str],
        kind: Call,
        *,
        rank: Rank = Rank.OPENING,
        send_by_ns: int | None = None,
        may_try_fallback: bool = False,
    ) -> Answer | Failure:
        """One exchange, judged. Never raises, except when the calling task is cancelled.

        ``may_try_fallback`` repeats a call that got no answer on the other host: only ever for what is idempotent.
        """
        if endpoint.signed:
            await self._mind_the_clock(patient=kind is Call.QUERY)
        result = await self._one(self.hosts.rest, endpoint, parameters, kind, rank, send_by_ns)
        if may_try_fallback and self.hosts.rest_fallback is not None and _unanswered(result):
            result = await self._one(self.hosts.rest_fallback, endpoint, parameters, kind, rank, send_by_ns)
        return result

    async def read(
        self, endpoint: Endpoint, parameters: Mapping[str, str], rank: Rank = Rank.READING, *, idempotent: bool = True
    ) -> Answer:
        """One call that must succeed. Raises NoReply, BadReply or VenueRefused."""
        for attempt in (1, 2):
            result = await self.call(endpoint, parameters, Call.QUERY, rank=rank, may_try_fallback=idempotent)
            if isinstance(result, Failure):
                raise NoReply(endpoint.name, f"{result.kind.value}: {result.detail}")
            if result.meaning is None:
                return result
            if result.meaning.klass is ErrorClass.CLOCK and attempt == 1:
                continue  # the clock is measured before the second attempt
            raise VenueRefused(endpoint.name, result.reply.status, result.code, result.text, result.meaning)
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def server_time(self) -> ClockSample:
        """The venue's clock, fresh, with ours around it. Raises VenueError."""
        answer = await self.read(SERVER_TIME, {})
        try:
            message = read_message(ServerTimeMessage, answer.data, "server time")
        except MessageError as error:
            raise BadReply(SERVER_TIME.name, str(error)) from None
        return ClockSample(answer.reply.sent_ns, answer.reply.received_ns, nanoseconds(message.server_time))

    async def sync_clock(self, samples: int = _CLOCK_SAMPLES) -> ClockOffset:
        """Measure the venue's clock against ours and use it from now on. Raises VenueError."""
        taken = [await self.server_time() for _ in range(samples)]
        try:
            offset = estimate_offset(taken)
        except ValueError as error:
            raise BadReply(SERVER_TIME.name, str(error)) from None
        self.clock_offset = offset
        self.clock_doubted = False
        self.transport.clock_offset_ns = offset.offset_ns
        return offset

    async def _mind_the_clock(self, *, patient: bool) -> None:
        """Measure the clock if it must be; a mere refresh is left to reads, an order does not wait for it."""
        if not self._clock_is_due(patient=patient):
            return
        async with self._clock_lock:  # callers that come together share one measurement
            if not self._clock_is_due(patient=patient):
                return
            try:
                await self.sync_clock()
            except (NoReply, BadReply, VenueRefused) as error:
                # Going on is right: a wrong timestamp is refused by the venue before it can do anything.
                self._clock_not_before_ns = self.transport.clock.monotonic_ns() + _CLOCK_RETRY_NS
                log.warning("clock: could not be measured, going on with what is known: %s", error)

    def _clock_is_due(self, *, patient: bool) -> bool:
        if self.transport.clock.monotonic_ns() < self._clock_not_before_ns:
            return False
        known = self.clock_offset
        if known is None or self.clock_doubted:
            return True
        age_ns = self.transport.clock.wall_ns() - known.measured_ns
        return patient and not 0 <= age_ns <= _CLOCK_AGE_NS_MAX

    async def _one(
        self,
        base_url: str,
        endpoint: Endpoint,
        parameters: Mapping[str, str],
        kind: Call,
        rank: Rank,
        send_by_ns: int | None,
    ) -> Answer | Failure:
        self.counts.requests += 1
        result = await self.transport.exchange(base_url, endpoint, parameters, rank=rank, send_by_ns=send_by_ns)
        if isinstance(result, Failure):
            self.counts.failures[result.kind] += 1
            return result
        try:
            answer = judge(result, kind)
            answer = replace(answer, text=self.transport.redacted(answer.text))
            self._react(endpoint, answer)
        except Exception as error:  # noqa: BLE001 - as in Transport.exchange: our own bug is reported as not knowing
            log.error("%s: our own code raised %s", endpoint.name, type(error).__name__)  # noqa: TRY400 - may quote
            self.counts.failures[FailureKind.BUG] += 1
            return Failure(FailureKind.BUG, type(error).__name__, sent=True)
        return answer

    def _react(self, endpoint: Endpoint, answer: Answer) -> None:
        if answer.meaning is None:
            self._strikes.pop(endpoint.name, None)
            return
        if answer.meaning.klass is ErrorClass.CLOCK:
            self.clock_doubted = True
            self.counts.clock_refusals += 1
        if not answer.meaning.listed:
            # The code tells one trouble from another: it is no value here, and stands without backticks.
            code = "none" if answer.code is None else answer.code[:20]
            self.notices.tell(
                f"{endpoint.name}: status {answer.reply.status} with code {code} is in no table, taken as ambiguous:"
                f" `{answer.text[:200]}`"
            )
        strikes = self._strikes.get(endpoint.name, 0)
        pause = pause_after(
            status=answer.reply.status,
            code=answer.code,
            text=answer.text,
            klass=answer.meaning.klass,
            headers=answer.reply.headers,
            strikes=strikes,
            rng=self.rng,
            venue_now_ns=self.transport.venue_now_ns(),
        )
        if pause is None:
            return
        self._strikes[endpoint.name] = strikes + 1
        self.counts.pauses += 1
        until_ns = self.transport.clock.monotonic_ns() + pause.wait_ns
        if pause.everything:
            self.transport.limiter.pause_all(until_ns)
        else:
            self.transport.limiter.pause(endpoint.name, until_ns, pause.urgent_too)
        log.warning("%s: paused for %d ms (%s)", endpoint.name, pause.wait_ns // 10**6, answer.meaning.klass.value)


def _unanswered(result: Answer | Failure) -> bool:
    if isinstance(result, Failure):
        return result.kind in _TRY_OTHER_HOST
    return result.reply.status in _GATEWAY_STATUSES


def judge(reply: Reply, kind: Call) -> Answer:
    """Read the envelope of a reply and class it. A body that is no JSON object has no code."""
    try:
        root = as_object(parse_json(reply.body)) if reply.body else None
    except JsonTextError:
        root = None
    envelope = _NOTHING_SAID if root is None else read_message(Envelope, root, "envelope")
    code, text = envelope.code, _TOKEN.sub("…", envelope.text[:1000])
    is_yes = reply.status == 200 and code == "0"
    return Answer(reply, code, text, envelope.data, root, None if is_yes else classify(kind, reply.status, code, text))
