"""Request budgets: so many calls a second per account and endpoint and, for market data, per address.

Who sends nonsense is paused, who goes on after being told to slow down is banned.
"""

from collections import deque
from typing import Final, TypeVar

from dita.adapters.exchange.config import RequestRules
from dita.adapters.exchange.errors import RATE_LIMITED, VenueError
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

Key = TypeVar("Key", str, tuple[str, str])
_WINDOW_S: Final = 10  # of market data, of errors, of refusals before a ban
_ERRORS_WINDOW_NS: Final = _WINDOW_S * NANOSECONDS_PER_SECOND
_SLOW_DOWN: Final = "rate limited: too many requests, reduce the frequency"
_ADDRESSES_MAX: Final = 1000
TOO_MANY_ERRORS: Final = 109429


class RequestBudget:
    """Fixed one-second windows per (account, endpoint), as the venue's headers suggest."""

    def __init__(self, rules: RequestRules) -> None:
        self._rules = rules
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}
        self._errors: dict[str, deque[int]] = {}
        self._paused_until_ns: dict[str, int] = {}
        self._public: dict[str, tuple[int, int]] = {}
        self._refusals: dict[str, deque[int]] = {}
        self._banned_until_ns: dict[str, int] = {}

    def check_ban(self, address: str, now_ns: int) -> None:
        """Raise 100410 with HTTP 418 while the address is banned."""
        if now_ns < self._banned_until_ns.get(address, 0):
            raise VenueError(RATE_LIMITED, "this address is banned for going on after being limited", 418)

    def count_refusal(self, address: str, now_ns: int) -> None:
        """Remember that an address was told to slow down; too often in ten seconds bans it."""
        if not self._rules.ban_after:
            return
        if _is_late(self._refusals, address, self._rules.ban_after, now_ns):
            self._banned_until_ns[address] = now_ns + self._rules.ban_pause_ms * NANOSECONDS_PER_MILLISECOND

    def spend_public(self, address: str, now_ns: int) -> tuple[int, int]:
        """Use one market data call; returns what remains and the milliseconds to the end of the window.

        Raises 100410.
        """
        limit = self._rules.public_limit
        if not self._rules.rate_limits or not limit:
            return limit, 0
        return self._spend(self._public, address, limit, _WINDOW_S * NANOSECONDS_PER_SECOND, now_ns)

    def spend(self, account: str, endpoint: str, per_second: int, now_ns: int) -> tuple[int, int]:
        """Use one call; returns what remains and the milliseconds to the end of the window. Raises 100410 or 109429."""
        paused_until = self._paused_until_ns.get(account, 0)
        if now_ns < paused_until:
            raise too_many_errors(paused_until // NANOSECONDS_PER_MILLISECOND)
        if not self._rules.rate_limits:
            return per_second, 0
        return self._spend(self._windows, (account, endpoint), per_second, NANOSECONDS_PER_SECOND, now_ns)

    def _spend(
        self, windows: dict[Key, tuple[int, int]], key: Key, limit: int, length_ns: int, now_ns: int
    ) -> tuple[int, int]:
        window = now_ns // length_ns
        last_window, used = windows.pop(key, (window, 0))
        used = used + 1 if last_window == window else 1
        if len(windows) >= _ADDRESSES_MAX:
            del windows[next(iter(windows))]  # the one that was used longest ago
        windows[key] = (window, used)
        if used > limit:
            raise VenueError(RATE_LIMITED, _SLOW_DOWN)
        return limit - used, ((window + 1) * length_ns - now_ns) // NANOSECONDS_PER_MILLISECOND

    def count_error(self, account: str, now_ns: int) -> None:
        """Remember a refused request; too many in ten seconds pause the account."""
        if not self._rules.error_limit:
            return
        if _is_late(self._errors, account, self._rules.error_limit, now_ns):
            self._paused_until_ns[account] = now_ns + self._rules.error_pause_ms * NANOSECONDS_PER_MILLISECOND


def _is_late(seen: dict[str, deque[int]], name: str, limit: int, now_ns: int) -> bool:
    """Count an event under a name: whether ``limit`` of them have happened within ten seconds. Then counts anew."""
    times = seen.setdefault(name, deque(maxlen=limit))
    times.append(now_ns)
    if len(times) < limit or now_ns - times[0] >= _ERRORS_WINDOW_NS:
        return False
    times.clear()
    return True


def too_many_errors(retry_ms: int) -> VenueError:
    """109429, with the time at which the next request is welcome (UTC milliseconds) inside the text."""
    return VenueError(TOO_MANY_ERRORS, f"too many error requests, can retry after time: {retry_ms}")
