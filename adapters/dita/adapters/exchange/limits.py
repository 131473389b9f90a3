"""Request budgets: so many calls a second per account and endpoint, and a pause for those who send nonsense."""

from collections import deque
from typing import Final

from dita.adapters.exchange.config import RequestRules
from dita.adapters.exchange.errors import RATE_LIMITED, VenueError
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

_ERRORS_WINDOW_NS: Final = 10 * NANOSECONDS_PER_SECOND
TOO_MANY_ERRORS: Final = 109429


class RequestBudget:
    """Fixed one-second windows per (account, endpoint), as the venue's headers suggest."""

    def __init__(self, rules: RequestRules) -> None:
        self._rules = rules
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}
        self._errors: dict[str, deque[int]] = {}
        self._paused_until_ns: dict[str, int] = {}

    def spend(self, account: str, endpoint: str, per_second: int, now_ns: int) -> tuple[int, int]:
        """Use one call; returns what remains and the milliseconds to the end of the window. Raises 100410 or 109429."""
        paused_until = self._paused_until_ns.get(account, 0)
        if now_ns < paused_until:
            raise too_many_errors(paused_until // NANOSECONDS_PER_MILLISECOND)
        if not self._rules.rate_limits:
            return per_second, 0
        window = now_ns // NANOSECONDS_PER_SECOND
        last_window, used = self._windows.get((account, endpoint), (window, 0))
        used = used + 1 if last_window == window else 1
        self._windows[account, endpoint] = (window, used)
        if used > per_second:
            raise VenueError(RATE_LIMITED, "rate limited: too many requests, reduce the frequency")
        return per_second - used, ((window + 1) * NANOSECONDS_PER_SECOND - now_ns) // NANOSECONDS_PER_MILLISECOND

    def count_error(self, account: str, now_ns: int) -> None:
        """Remember a refused request; too many in ten seconds pause the account."""
        if not self._rules.error_limit:
            return
        errors = self._errors.setdefault(account, deque(maxlen=self._rules.error_limit))
        errors.append(now_ns)
        if len(errors) == self._rules.error_limit and now_ns - errors[0] < _ERRORS_WINDOW_NS:
            self._paused_until_ns[account] = now_ns + self._rules.error_pause_ms * NANOSECONDS_PER_MILLISECOND
            errors.clear()


def too_many_errors(retry_ms: int) -> VenueError:
    """109429, with the time at which the next request is welcome (UTC milliseconds) inside the text."""
    return VenueError(TOO_MANY_ERRORS, f"too many error requests, can retry after time: {retry_ms}")
