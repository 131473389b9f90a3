"""Which gates the settings ask for."""

from typing import Any

from dita.runtime.gates.boost import Boost
from dita.runtime.gates.direction import Direction
from dita.runtime.gates.limits import SessionLimits
from dita.runtime.gates.order_book import OrderBook
from dita.runtime.gates.rule import Gate
from dita.runtime.gates.stale import StaleData
from dita.runtime.settings import Settings
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND


def gates_of(settings: Settings) -> list[Gate[Any]]:
    """The gates of a session. Session limits and boost are always asked; where nothing is set they hold nothing."""
    gates: list[Gate[Any]] = [
        SessionLimits(
            settings.daily_loss_max, settings.daily_trades_max, settings.loss_pause_ms * NANOSECONDS_PER_MILLISECOND
        ),
        Boost(settings.boost_max_ppm),
    ]
    if settings.quote_age_ms:
        age_ns, lag_ns = (
            milliseconds * NANOSECONDS_PER_MILLISECOND
            for milliseconds in (settings.quote_age_ms, settings.quote_lag_ms)
        )
        gates.append(StaleData(age_ns, lag_ns))
    if settings.direction_ticks:
        gates.append(Direction(settings.direction_ticks, settings.direction_against_ppm))
    if settings.book_levels:
        window_ns, age_ns = (
            milliseconds * NANOSECONDS_PER_MILLISECOND
            for milliseconds in (settings.book_window_ms, settings.book_age_ms)
        )
        gates.append(OrderBook(settings.book_levels, window_ns, age_ns, settings.book_share_min_ppm))
    return gates
