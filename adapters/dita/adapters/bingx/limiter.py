"""Local rate limiter: one bucket an endpoint, so that we stay below the venue's published limits (BingX, rate limits).

A bucket holds as many tokens as requests are allowed in a period; a token taken comes back one period later, never
sooner, so that *no* window of one period ever sees more requests than allowed (a plain refill would allow twice that).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# The venue counts arrivals, and the network can squeeze two departures together.
_PERIOD_NS: Final = 1_100_000_000


@dataclass(slots=True)
class _Bucket:
    capacity: int
    reserved: int
    taken: deque[int] = field(default_factory=deque[int])
    paused_until_ns: int = 0
    urgent_paused_until_ns: int = 0


class Limiter:
    """Says how long to wait before the next request to an endpoint. Time is the caller's: monotonic nanoseconds.

    ``reserved`` tokens of a bucket are kept for urgent requests (cancels and closings), so that a burst of openings
    never makes an exit wait.
    """

    def __init__(self, per_second: Mapping[str, int], reserved: Mapping[str, int] | None = None) -> None:
        kept = reserved or {}
        for name, limit in per_second.items():
            if limit < 1 or not 0 <= kept.get(name, 0) < limit:
                raise ValueError(f"{name}: a limit of `{limit}` with `{kept.get(name, 0)}` reserved allows nothing")
        self._buckets = {name: _Bucket(limit, kept.get(name, 0)) for name, limit in per_second.items()}
        self._all_paused_until_ns = 0

    def wait_ns(self, name: str, now_ns: int, urgent: bool = False) -> int:
        """Nanoseconds until a token can be taken; 0 means now. Does not take it. Raises KeyError for no such bucket."""
        bucket = self._buckets[name]
        while bucket.taken and bucket.taken[0] + _PERIOD_NS <= now_ns:
            bucket.taken.popleft()
        ready_ns = max(now_ns, self.paused_until_ns(name, urgent))
        allowed = bucket.capacity if urgent else bucket.capacity - bucket.reserved
        excess = len(bucket.taken) - allowed
        if excess >= 0:
            ready_ns = max(ready_ns, bucket.taken[excess] + _PERIOD_NS)
        return ready_ns - now_ns

    def take(self, name: str, now_ns: int, urgent: bool = False) -> bool:
        """Take a token if one is there now."""
        if self.wait_ns(name, now_ns, urgent) > 0:
            return False
        self._buckets[name].taken.append(now_ns)
        return True

    def pause(self, name: str, until_ns: int, urgent_too: bool = True) -> None:
        """The venue asked to slow down on one endpoint. A later pause never shortens an earlier one.

        With ``urgent_too`` false, cancels and closings may still try: a lock that bad openings have earned must not
        keep anybody in a position.
        """
        bucket = self._buckets[name]
        bucket.paused_until_ns = max(bucket.paused_until_ns, until_ns)
        if urgent_too:
            bucket.urgent_paused_until_ns = max(bucket.urgent_paused_until_ns, until_ns)

    def pause_all(self, until_ns: int) -> None:
        """The venue has banned our address: going on would lengthen the ban."""
        self._all_paused_until_ns = max(self._all_paused_until_ns, until_ns)

    def paused_until_ns(self, name: str, urgent: bool = False) -> int:
        """When the longest pause that touches such a request ends; 0 when there has been none."""
        bucket = self._buckets[name]
        own_ns = bucket.urgent_paused_until_ns if urgent else bucket.paused_until_ns
        return max(self._all_paused_until_ns, own_ns)
