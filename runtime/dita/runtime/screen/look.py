"""What there is to see at one moment, and how it stands with whoever published it."""

from enum import StrEnum
from typing import NamedTuple

from dita.spec.published.snapshot import EngineSnapshot, GateView, Health


class Standing(StrEnum):
    """Whether the numbers are those of now. Everything but LIVE and REPLAY is shown loudly."""

    LIVE = "LIVE"
    STALLED = "STALLED"  # its process is there, and has published nothing for a while
    ENDED = "ENDED"  # in order
    DIED = "DIED"  # without a word
    MISSING = "NO RUNTIME"  # nobody publishes
    UNREADABLE = "UNREADABLE"  # somebody does, and it cannot be understood
    REPLAY = "REPLAY"  # a journal: what was, at one of its rows


OLD = frozenset({Standing.STALLED, Standing.ENDED, Standing.DIED, Standing.UNREADABLE})
"""What is shown is what was, and nobody knows what is."""


class Look(NamedTuple):
    """One moment. ``now_ns`` is our own clock, or in a replay the row's: ages are counted from it."""

    standing: Standing
    now_ns: int
    engine: EngineSnapshot | None = None
    health: Health | None = None  # None in a replay: no journal tells it
    old_ns: int = 0  # since the writer's last word
    about: str = ""  # what is watched, or why nothing is seen
    damaged: int = 0  # packets that were skipped so far
    gates: tuple[GateView, ...] = ()  # what a journal tells of entries that were held, the newest first
    lines: tuple[str, ...] = ()  # its newest rows, the newest first
