"""How long to leave the venue alone after it asked for it. Status and code decide; a header or text only sets the time.

Sources: BingX, rate limits (support article 31103871611289) and error pages for 429, 418, 403, 100410, 109429, 109403.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from dita.adapters.bingx.errors import ErrorClass
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

_BAN_NS: Final = 300 * NANOSECONDS_PER_SECOND  # documented automatic release after 403 and 418
_LOCK_NS: Final = 900 * NANOSECONDS_PER_SECOND  # 109429 without a time in its text
_LOCK_NS_MAX: Final = 3600 * NANOSECONDS_PER_SECOND
_RISK_NS: Final = 30 * NANOSECONDS_PER_SECOND
_FIRST_NS: Final = NANOSECONDS_PER_SECOND
_DOUBLINGS_MAX: Final = 5  # 1 s, 2 s, … 32 s
_WINDOW_NS_MAX: Final = 60 * NANOSECONDS_PER_SECOND
# "can retry after time: 1760000300000"; 100410 has been seen to say "will be unblocked after 1760000300000".
_RETRY_AFTER: Final = re.compile(r"after(?: time)?\s*:?\s*([0-9]{13})(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pause:
    """How long, and for whom: one endpoint or ``everything``; ``urgent_too`` holds back cancels and closings, too."""

    wait_ns: int
    everything: bool = False
    urgent_too: bool = True


def pause_after(
    *,
    status: int,
    code: str | None,
    text: str,
    klass: ErrorClass,
    headers: Mapping[str, str],
    strikes: int,
    rng: Random,
    venue_now_ns: int,
) -> Pause | None:
    """The pause that an answer asks for, or None. ``strikes``: pauses of this endpoint since its last success."""
    if status in (403, 418):
        return Pause(_jittered(_BAN_NS, rng), everything=True)
    if code == "109429":
        told_ns = _told_ns(text, venue_now_ns)
        # The lock was earned by bad requests, mostly openings: a closing may still try.
        return Pause(_LOCK_NS if told_ns is None else max(_FIRST_NS, told_ns), urgent_too=False)
    if klass is ErrorClass.RISK_BAN:
        return Pause(_jittered(_RISK_NS, rng), urgent_too=False)
    if klass is ErrorClass.RATE_LIMITED:
        return Pause(max(_window_ns(headers), _told_ns(text, venue_now_ns) or 0, _doubling(strikes, rng)))
    if klass is ErrorClass.EXCHANGE_BUSY:
        return Pause(_doubling(strikes, rng), urgent_too=False)
    return None


def _told_ns(text: str, venue_now_ns: int) -> int | None:
    """How long it is to the time that the text names, bounded; None when it names none."""
    match = _RETRY_AFTER.search(text)
    if match is None:
        return None
    return min(int(match[1]) * NANOSECONDS_PER_MILLISECOND - venue_now_ns, _LOCK_NS_MAX)


def _jittered(wait_ns: int, rng: Random) -> int:
    return wait_ns + rng.randrange(wait_ns // 4)


def _doubling(strikes: int, rng: Random) -> int:
    return _jittered(_FIRST_NS << min(strikes, _DOUBLINGS_MAX), rng)


def _window_ns(headers: Mapping[str, str]) -> int:
    text = headers.get("x-ratelimit-requests-expire", "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 6:  # milliseconds to the end of the window
        return 0
    return min(int(text) * NANOSECONDS_PER_MILLISECOND, _WINDOW_NS_MAX)
