"""Writes down why entries were not made: what is new at once, what repeats as counts, never thousands of lines.

Every hold is counted. A note goes to the journal with the next input when the reason of a symbol changes, at most once
in ``CHANGED_NS`` for each symbol and reason, and as long as it stays the same once in ``SAME_NS``. A note says how many
holds it stands for, and what the newest of them was made from. Whatever is not yet written is written at the end.
"""

import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from dita.adapters.journal import Note
from dita.runtime.foreign_text import shortened
from dita.spec.decisions import Check, Reason
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.vocabulary import Side

HELD: Final = "held"  # a note's name; it is of trade 0, for there is none
NO_TRADE: Final = 0
CHANGED_NS: Final = NANOSECONDS_PER_SECOND
SAME_NS: Final = 60 * NANOSECONDS_PER_SECOND
_WAITING_MAX: Final = 64  # notes; while so many wait for an input, holds are only counted


log = logging.getLogger(__name__)


class Hold(NamedTuple):
    """One entry that was not made."""

    symbol: str
    side: Side
    check: Check
    reason: Reason
    facts: Mapping[str, int | str]
    why: str  # what the policy wanted it for


@dataclass(slots=True)
class _Run:
    """Holds of one symbol and reason that no note tells of yet."""

    newest: Hold
    newest_ns: int  # our wall clock
    count: int = 0
    total: int = 0  # told or not
    written_ns: int | None = None  # our monotonic clock


_Key = tuple[str, Check, Reason]


@final
class Decisions:
    """See the module. ``counts``: every hold; ``entries``: entries that the kernel took; ``exits``: that were asked."""

    def __init__(self, now_ns: Callable[[], int], wall_ns: Callable[[], int]) -> None:
        self.counts: Counter[tuple[Check, Reason]] = Counter()
        self.entries = 0
        self.exits = 0
        self._now_ns = now_ns
        self._wall_ns = wall_ns
        self._runs: dict[_Key, _Run] = {}
        self._newest: dict[str, _Key] = {}
        self._waiting: deque[Note] = deque()

    def hold(self, hold: Hold) -> bool:
        """Count it, and write it down if that is due; whether it was."""
        key = (hold.symbol, hold.check, hold.reason)
        self.counts[hold.check, hold.reason] += 1
        before = self._newest.get(hold.symbol)
        self._newest[hold.symbol] = key
        if before is not None and before != key:
            self._write_if_due(self._runs[before], CHANGED_NS)
        run = self._runs.setdefault(key, _Run(hold, 0))
        run.newest, run.newest_ns = hold, self._wall_ns()
        run.count += 1
        run.total += 1
        return self._write_if_due(run, SAME_NS if before == key else CHANGED_NS)

    def went_on(self, symbol: str) -> None:
        """An entry of this symbol was made: the next hold is news again."""
        self.entries += 1
        before = self._newest.pop(symbol, None)
        if before is not None:
            self._write_if_due(self._runs[before], CHANGED_NS)

    def finish(self) -> bool:
        """Have everything written that is not; whether there is anything to write."""
        for run in self._runs.values():
            self._write(run)
        return bool(self._waiting)

    def table(self) -> tuple[tuple[str, str, int], ...]:
        """Who looked at entries, what came of it, and how often; exits last, which nobody looks at."""
        held = [(check.name, reason.name, count) for (check, reason), count in sorted(self.counts.items())]
        return (*held, (Check.KERNEL.name, "entered", self.entries), (Check.NONE.name, "exits asked for", self.exits))

    def newest(self) -> list[tuple[Hold, int, int]]:
        """The newest hold of each symbol and reason, our time of it, and how many there were; the newest first."""
        runs = sorted(self._runs.values(), key=lambda run: -run.newest_ns)
        return [(run.newest, run.newest_ns, run.total) for run in runs]

    def take(self) -> Sequence[Note]:
        """What waits to be written; the caller writes it now."""
        taken = tuple(self._waiting)
        self._waiting.clear()
        return taken

    def _write_if_due(self, run: _Run, interval_ns: int) -> bool:
        due = run.written_ns is None or self._now_ns() - run.written_ns >= interval_ns
        if due and len(self._waiting) < _WAITING_MAX:
            self._write(run)
            return True
        return False

    def _write(self, run: _Run) -> None:
        if run.count == 0:
            return
        hold = run.newest
        body = {
            "symbol": hold.symbol,
            "side": hold.side.name,
            "check": hold.check.name,
            "reason": hold.reason.name,
            "facts": dict(hold.facts),
            "why": shortened(hold.why),
            "count": run.count,
            "wall_ns": run.newest_ns,
        }
        text = json.dumps(body)
        log.info("%s: %s", HELD, text)
        self._waiting.append(Note(NO_TRADE, HELD, text))
        run.count = 0
        run.written_ns = self._now_ns()
