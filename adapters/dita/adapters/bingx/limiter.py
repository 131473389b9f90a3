"""Local rate limiter: stays below the venue's published limits, and lets closings overtake everything that waits.

A quota holds as many tokens as requests are allowed in a period; a token taken comes back one period later, never
sooner, so that *no* window of one period ever sees more requests than allowed (a plain refill would allow twice that).
A request needs one token of its endpoint (counted by account) and, where the endpoint names one, one of a quota that
several endpoints share (counted by address).

Whoever has to wait stands in a queue: closings before reads before openings, and within a rank in the order of arrival.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from dita.spec.scales import NANOSECONDS_PER_SECOND

# The venue counts arrivals, and the network can squeeze departures together: a period is taken a tenth longer.
_SLACK_TENTHS: Final = 11


class Rank(IntEnum):
    """Who overtakes whom, first the first."""

    CLOSING = 0  # cancels and whatever makes a position smaller
    READING = 1
    OPENING = 2  # whatever may add exposure, and settings


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests in so many seconds; ``reserved`` of them are kept for closings."""

    requests: int
    seconds: int = 1
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request that waits. ``serial`` counts arrivals."""

    name: str
    rank: Rank
    serial: int

    @property
    def order(self) -> tuple[int, int]:
        """The smallest goes first."""
        return self.rank, self.serial


@dataclass(slots=True)
class _Bucket:
    quota: Quota
    taken: deque[int] = field(default_factory=deque[int])
    waiting: list[Ticket] = field(default_factory=list[Ticket])

    @property
    def period_ns(self) -> int:
        return self.quota.seconds * NANOSECONDS_PER_SECOND * _SLACK_TENTHS // 10

    def ready_ns(self, ticket: Ticket, now_ns: int) -> int:
        """When there is a token for this ticket, after those for everybody who goes before it."""
        period_ns = self.period_ns
        while self.taken and self.taken[0] + period_ns <= now_ns:
            self.taken.popleft()
        allowed = self.quota.requests - (0 if ticket.rank is Rank.CLOSING else self.quota.reserved)
        ahead = sum(other.order < ticket.order for other in self.waiting)
        excess = len(self.taken) + ahead - allowed
        if excess < 0:
            return now_ns
        # Tokens come back in the order in which they were taken; those ahead take theirs first, in whole periods.
        rounds, place = divmod(excess, self.quota.requests)
        came = self.taken[place] if place < len(self.taken) else now_ns
        return came + (rounds + 1) * period_ns


@dataclass(slots=True)
class _Pause:
    until_ns: int = 0
    urgent_until_ns: int = 0


class Limiter:
    """Says when the next request to an endpoint may go. Time is the caller's: monotonic nanoseconds.

    ``join`` the queue, ``take`` when ``wait_ns`` is over, or ``leave``. ``shared`` names the quota that an endpoint
    needs besides its own.
    """

    def __init__(self, quotas: Mapping[str, Quota], shared: Mapping[str, str] | None = None) -> None:
        for name, quota in quotas.items():
            if quota.requests < 1 or quota.seconds < 1 or not 0 <= quota.reserved < quota.requests:
                raise ValueError(f"{name}: a quota of `{quota}` allows nothing")
        strange = sorted({*(shared or {}), *(shared or {}).values()} - quotas.keys())
        if strange:
            raise ValueError(f"shared quotas: `{', '.join(strange)}` is not among the quotas")
        self._buckets = {name: _Bucket(quota) for name, quota in quotas.items()}
        self._shared = dict(shared or {})
        self._pauses = {name: _Pause() for name in quotas}
        self._all_paused_until_ns = 0
        self._serial = 0

    def join(self, name: str, rank: Rank) -> Ticket:
        """Stand in the queue. Raises KeyError for an endpoint without a quota."""
        self._serial += 1
        ticket = Ticket(name, rank, self._serial)
        for bucket in self._needed(name):
            bucket.waiting.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up the place in the queue. Harmless for who has left already."""
        for bucket in self._needed(ticket.name):
            if ticket in bucket.waiting:
                bucket.waiting.remove(ticket)

    def wait_ns(self, ticket: Ticket, now_ns: int) -> int:
        """Nanoseconds until the ticket's turn; 0 means now. Takes nothing."""
        ready_ns = max(now_ns, self.paused_until_ns(ticket.name, ticket.rank))
        for bucket in self._needed(ticket.name):
            ready_ns = max(ready_ns, bucket.ready_ns(ticket, now_ns))
        return ready_ns - now_ns

    def take(self, ticket: Ticket, now_ns: int) -> bool:
        """Take the tokens and leave the queue, if it is the ticket's turn."""
        if self.wait_ns(ticket, now_ns) > 0:
            return False
        for bucket in self._needed(ticket.name):
            bucket.taken.append(now_ns)
        self.leave(ticket)
        return True

    def pause(self, name: str, until_ns: int, urgent_too: bool = True) -> None:
        """The venue asked to slow down on one endpoint. A later pause never shortens an earlier one.

        With ``urgent_too`` false, only openings wait: a lock that bad openings have earned must keep nobody in a
        position and nobody in the dark.
        """
        pause = self._pauses[name]
        pause.until_ns = max(pause.until_ns, until_ns)
        if urgent_too:
            pause.urgent_until_ns = max(pause.urgent_until_ns, until_ns)

    def pause_all(self, until_ns: int) -> None:
        """The venue has banned our address: going on would lengthen the ban."""
        self._all_paused_until_ns = max(self._all_paused_until_ns, until_ns)

    def paused_until_ns(self, name: str, rank: Rank) -> int:
        """When the longest pause that touches such a request ends; 0 when there has been none."""
        pause = self._pauses[name]
        own_ns = pause.until_ns if rank is Rank.OPENING else pause.urgent_until_ns
        return max(self._all_paused_until_ns, own_ns)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len({ticket.serial for bucket in self._buckets.values() for ticket in bucket.waiting})

    def _needed(self, name: str) -> tuple[_Bucket, ...]:
        own = self._buckets[name]
        shared = self._shared.get(name)
        return (own,) if shared is None else (own, self._buckets[shared])
