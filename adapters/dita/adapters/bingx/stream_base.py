"""What both streams share: the life of a connection that must be there always, and a bounded queue to the caller.

Every session ends sooner or later. A session that was live becomes a ``StreamGap`` at the time of its last frame; after
a jittered back-off the next one begins; when that one is live, ``StreamRestored`` tells the caller to read what it may
have missed. A stream begins in a gap. When the caller falls behind, everything queued is dropped and told as one gap.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from random import Random
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.notices import Notices
from dita.adapters.bingx.stream_events import StreamGap, StreamRestored
from dita.adapters.bingx.websocket import Cause, StreamEnded
from dita.spec.scales import NANOSECONDS_PER_SECOND

E = TypeVar("E")

_BACKOFF_SECONDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_STABLE_NS: Final = 60 * NANOSECONDS_PER_SECOND  # a session that lived this long clears the back-off

log = logging.getLogger(__name__)


class StreamClosed(Exception):
    """The stream was closed while somebody waited for an event."""


class ResilientStream(ABC, Generic[E]):
    """A stream of ``E``, gaps and restorations. Use as ``async with`` and iterate, or call ``next_event``.

    ``now_ns`` is the clock of all its times (the venue's, where known); ``rng`` jitters the back-off.
    """

    def __init__(self, name: str, now_ns: Callable[[], int], rng: Random, queue_max: int) -> None:
        if queue_max < 3:
            raise ValueError(f"queue_max: `{queue_max}` is too small; a gap and its restoration alone take two")
        self.name = name
        self._now_ns = now_ns
        self._rng = rng
        self._queue_max = queue_max
        self._queue: deque[tuple[int, E | StreamGap | StreamRestored]] = deque()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._live = False
        self._gap_started_ns = 0
        self._last_frame_ns = 0
        self._live_since_ns = 0
        self.notices = Notices(name)
        self.sessions = 0  # connections attempted since the start
        self.gaps = 0  # times that a live session ended, or the caller fell behind
        self.restored = 0  # times that the stream became live
        self.dark_ns = 0  # in gaps that are over, from the last frame on
        self.dropped = 0  # events dropped because the caller fell behind
        self.ignored: int = 0  # frames and rows that were left out
        self.endings: Counter[Cause] = Counter()  # why sessions ended

    # ---- the caller's side

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def start(self) -> None:
        """Begin connecting. Raises RuntimeError when already started."""
        if self._task is not None or self._closed:
            raise RuntimeError(f"{self.name}: already started; make a new stream instead")
        self._task = asyncio.create_task(self._run(), name=self.name)

    @property
    def is_live(self) -> bool:
        """Whether events arrive now, as far as we know."""
        return self._live

    @property
    def silent_ns(self) -> int | None:
        """How long ago the newest frame came; None before the first."""
        return self._now_ns() - self._last_frame_ns if self._last_frame_ns else None

    def figures(self) -> dict[str, int]:
        """The counters by name, for whoever shows them; times in nanoseconds."""
        ended = {f"ended: {cause.value}": count for cause, count in self.endings.items()}
        return {
            "sessions": self.sessions, "gaps": self.gaps, "restored": self.restored, "dark_ns": self.dark_ns,
            "dropped": self.dropped, "ignored": self.ignored, "notices": self.notices.total, **ended,
        }  # fmt: skip

    @property
    def queued(self) -> int:
        """Events that wait for the caller."""
        return len(self._queue)

    async def next_event(self) -> E | StreamGap | StreamRestored:
        """The next event. Raises StreamClosed after ``aclose``. One caller at a time."""
        while (event := self.poll()) is None:
            if self._closed:
                raise StreamClosed(f"{self.name}: closed")
            self._filled.clear()
            await self._filled.wait()
        return event

    def poll(self) -> E | StreamGap | StreamRestored | None:
        """The next event if there is one now."""
        return self._queue.popleft()[1] if self._queue else None

    async def __aiter__(self) -> AsyncIterator[E | StreamGap | StreamRestored]:
        while True:
            try:
                event = await self.next_event()
            except StreamClosed:
                return
            yield event

    async def aclose(self) -> None:
        """Stop, and release the connection and the task. Calling it again is harmless."""
        if self._closed:
            return
        self._closed = True
        self._filled.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._release()

    # ---- the session's side

    @abstractmethod
    async def _session(self) -> None:
        """Connect and push events until something ends it: always by StreamEnded or VenueError."""

    async def _release(self) -> None:
        """Give back what a session leaves behind at the venue. Must not raise."""

    def _saw_frame(self, time_ns: int) -> None:
        self._last_frame_ns = time_ns

    def _became_live(self) -> None:
        if not self._live:
            self._live = True
            self._live_since_ns = self._now_ns()
            self.restored += 1
            self.dark_ns += max(0, self._live_since_ns - self._gap_started_ns)
            self._push(StreamRestored(self._gap_started_ns, self._live_since_ns))

    def _push(self, event: E | StreamGap | StreamRestored) -> None:
        now_ns = self._now_ns()
        if len(self._queue) >= self._queue_max:
            self._drop(now_ns)
        self._queue.append((now_ns, event))
        self._filled.set()

    def _drop(self, now_ns: int) -> None:
        dropped = len(self._queue)
        started_ns = min(_earliest_ns(queued_ns, event) for queued_ns, event in self._queue)
        self._queue.clear()
        self.dropped += dropped
        self.gaps += self._live
        log.warning("%s: the caller fell behind, %d events dropped", self.name, dropped)
        self._queue.append((now_ns, StreamGap(started_ns, f"the caller fell behind: {dropped} events dropped")))
        if self._live:
            self._queue.append((now_ns, StreamRestored(started_ns, now_ns)))
        else:
            self._gap_started_ns = min(self._gap_started_ns, started_ns)

    # ---- the life

    async def _run(self) -> None:
        self._gap_started_ns = self._now_ns()
        self._push(StreamGap(self._gap_started_ns, "not connected yet"))
        failures = 0
        while True:
            self.sessions += 1
            since_ns: int | None = None
            try:
                await self._session()
                cause, reason = Cause.BUG, "the session ended without a reason"
            except StreamEnded as error:
                cause, reason, since_ns = error.cause, str(error), error.since_ns
            except VenueError as error:  # no listen key was to be had
                cause, reason = Cause.KEY, str(error)
            except Exception as error:  # noqa: BLE001 - our own bug must not leave a dead stream that nobody notices
                cause, reason = Cause.BUG, f"our own code raised {type(error).__name__}"
            self.endings[cause] += 1
            failures += 1
            if self._live:
                if self._now_ns() - self._live_since_ns >= _STABLE_NS:
                    failures = 0
                self._live = False
                self.gaps += 1
                self._gap_started_ns = min(self._last_frame_ns, self._now_ns() if since_ns is None else since_ns)
                self._push(StreamGap(self._gap_started_ns, reason))
            delay = backoff_seconds(failures, self._rng)
            log.warning("%s: %s; trying again in %.2f s", self.name, reason, delay)
            await asyncio.sleep(delay)


def backoff_seconds(failures: int, rng: Random) -> float:
    """How long to wait after so many sessions in a row that did not last: doubling, capped, jittered downwards."""
    step = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
    return step * (0.5 + rng.random() / 2)


def _earliest_ns(queued_ns: int, event: object) -> int:
    if isinstance(event, StreamGap):
        return min(queued_ns, event.started_ns)
    if isinstance(event, StreamRestored):
        return min(queued_ns, event.gap_started_ns)
    return queued_ns
