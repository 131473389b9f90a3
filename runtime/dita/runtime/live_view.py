"""What a running process publishes of itself: the engine as its journal says, and its own health.

Read-only, and bounded: of what may be many the newest are told, and text from elsewhere is cut.
"""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, final

from dita.adapters.bingx.clock import Clock
from dita.runtime.alerts import Alerts
from dita.runtime.decisions import Decisions, Hold
from dita.runtime.engine import Engine
from dita.runtime.entries import EntryMaker
from dita.runtime.projection.engine_view import engine_snapshot
from dita.runtime.projection.memory import Memory
from dita.runtime.projection.names import Names
from dita.runtime.strategist import Strategist
from dita.spec.published.snapshot import AlertView, GateView, Health, LiveSnapshot, QuoteView, StreamView
from dita.spec.vocabulary import Phase

ALERTS_MAX: Final = 32
GATES_MAX: Final = 32
_CHARACTERS_MAX: Final = 300


class Stream(Protocol):
    """What is told of a stream (``ResilientStream``)."""

    name: str
    gaps: int
    restored: int
    dropped: int
    dark_ns: int

    @property
    def is_live(self) -> bool:
        """Whether events arrive."""
        ...

    @property
    def silent_ns(self) -> int | None:
        """Since the newest frame."""
        ...


class Identity(NamedTuple):
    """What does not change while the process runs."""

    profile: str
    venue: str
    account: str
    certificate: str  # its tier
    image_sha256: str
    is_signed: bool


@final
class LiveView:
    """Makes ``LiveSnapshot``s of one runtime. ``is_ready`` is set by whoever starts it."""

    def __init__(
        self,
        identity: Identity,
        engine: Engine,
        clock: Clock,
        alerts: Alerts,
        entries: EntryMaker,
        decisions: Decisions,
        strategist: Strategist,
        streams: Sequence[Stream],
    ) -> None:
        self.is_ready = False
        self._identity = identity
        self._engine = engine
        self._clock = clock
        self._alerts = alerts
        self._entries = entries
        self._decisions = decisions
        self._strategist = strategist
        self._streams = streams
        self._names = Names(engine.journal.meta.tag, engine.journal.symbols)
        self._began_ns = clock.wall_ns()
        self._sequence = 0

    def snapshot(self) -> LiveSnapshot:
        """As things are now."""
        self._sequence += 1
        engine = self._engine
        view = engine_snapshot(
            engine.state,
            self._memory(),
            self._names,
            position=engine.journal.position,
            wall_ns=engine.history.newest_ns,
        )
        return LiveSnapshot(view, self._health())

    def _memory(self) -> Memory:
        """What the history knows of live trades, as projections take it."""
        history, memory = self._engine.history, Memory()
        for number, slot in enumerate(self._engine.state.slots):
            if slot.phase == Phase.IDLE:
                continue
            mine = memory.of(number)
            mine.began_ns = history.starts
            mine.phase_since_ns = history.moved_ns.get(number, 0)
            mine.commanded_ns, mine.limit_price = history.commanded.get(number, (0, 0))
            mine.send_by_ns = history.submits[number][1] if number in history.submits else 0
        return memory

    def _health(self) -> Health:
        engine, identity, now_ns = self._engine, self._identity, self._clock.wall_ns()
        return Health(
            made_ns=now_ns,
            began_ns=self._began_ns,
            sequence=self._sequence,
            profile=identity.profile,
            venue=identity.venue,
            account=identity.account,
            is_ready=self.is_ready,
            is_opening=self._entries.is_open and not self._entries.kept_back and engine.may_add_risk,
            kept_back=", ".join(self._entries.kept_back),
            is_journal_sound=engine.journal_error is None,
            is_fenced=engine.is_fenced,
            is_in_lockstep=engine.lockstep.divergence is None,
            steps=engine.lockstep.steps,
            certificate=identity.certificate,
            image_sha256=identity.image_sha256,
            is_signed=identity.is_signed,
            entries=self._decisions.entries,
            exits=self._decisions.exits,
            gates=tuple(_gate(*held) for held in self._decisions.newest()[:GATES_MAX]),
            streams=tuple(self._stream(stream, now_ns) for stream in self._streams),
            quotes=self._quotes(now_ns),
            latencies=engine.latencies.views(),
            alerts=tuple(
                AlertView(raised.wall_ns, raised.alert.value, _cut(raised.text))
                for raised in reversed(list(self._alerts.newest)[-ALERTS_MAX:])
            ),
        )

    @staticmethod
    def _stream(stream: Stream, now_ns: int) -> StreamView:
        silent_ns = stream.silent_ns
        newest_ns = 0 if silent_ns is None else now_ns - silent_ns
        return StreamView(
            stream.name, stream.is_live, stream.gaps, stream.restored, stream.dropped, stream.dark_ns, newest_ns
        )

    def _quotes(self, now_ns: int) -> tuple[QuoteView, ...]:
        monotonic_ns = self._clock.monotonic_ns()
        return tuple(
            QuoteView(symbol, bid, ask, 0 if came_ns is None else now_ns - (monotonic_ns - came_ns))
            for symbol, bid, ask, came_ns in self._strategist.quotes()
        )


def _gate(hold: Hold, newest_ns: int, held: int) -> GateView:
    facts = _cut(json.dumps(dict(hold.facts), ensure_ascii=False))
    return GateView(hold.symbol, hold.side.name, hold.check.name, hold.reason.name, held, newest_ns, facts)


def _cut(text: str) -> str:
    """As much as is told, and nothing that cannot be written as UTF-8."""
    return text[:_CHARACTERS_MAX].encode(errors="replace").decode()
