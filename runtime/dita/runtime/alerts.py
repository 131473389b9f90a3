"""What an operator should know: the newest alerts, counted by code, bounded in memory."""

import logging
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple, final

_KEPT: Final = 200

log = logging.getLogger(__name__)


class Alert(StrEnum):
    """Every alert has a name; the text beside it says the rest."""

    DIVERGENCE = "divergence"
    JOURNAL_FAILED = "journal failed"
    JOURNAL_MENDED = "journal mended"
    FENCED = "fenced"
    UNJOURNALED = "unjournaled"
    SWITCH = "switch"
    STALLED = "stalled"
    DEAD_MAN = "dead-man timer"
    STOP_OVERRUN = "stop overrun"
    EXIT_REJECTED = "exit rejected"
    ENTRY_REJECTED = "entry rejected"
    UNKNOWN_SUBMIT = "unknown submit"
    UNRESOLVED = "unresolved"
    FOREIGN_ORDER = "foreign order"
    TWIN_ORDER = "twin order"
    ADOPTED = "adopted"
    EXTERNAL_CLOSE = "external close"
    POSITION_MISMATCH = "position mismatch"
    CAPITAL_FROZEN = "capital frozen"
    CAPITAL_FREE = "capital free"
    SEED_GUESSED = "seed guessed"
    FEE_MODEL = "fee model"
    LEVERAGE = "leverage"
    AGED_RECONCILE = "aged reconcile"
    UNSETTLED = "unsettled"
    UNKNOWN_INCOME = "unknown income"
    READ_FAILED = "read failed"
    OWN_BUG = "own bug"
    SIZING = "sizing"
    POLICY = "policy"
    STREAM_GAP = "stream gap"
    REFUSED = "refused"
    PLANE = "plane"


class Raised(NamedTuple):
    """One alert."""

    wall_ns: int
    alert: Alert
    text: str


@final
class Alerts:
    """Raises alerts, and remembers how many of each and the last few."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self.counts: Counter[Alert] = Counter()
        self.newest: deque[Raised] = deque(maxlen=_KEPT)
        self.listeners: list[Callable[[Raised], None]] = []

    def raise_(self, alert: Alert, text: str) -> None:
        """Note it and log it, with halves of characters (a foreign text may have them) as escapes."""
        text = text.encode("utf-8", "backslashreplace").decode()
        self.counts[alert] += 1
        raised = Raised(self._wall_ns(), alert, text)
        self.newest.append(raised)
        for listener in self.listeners:
            listener(raised)
        log.warning("%s: %s", alert.value, text)
