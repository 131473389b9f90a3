"""The analytics store in ClickHouse's dialect: the embedded engine (a folder) or a server (an address), by one client.

Everything in it is derived from a journal and may be wiped and made again. ``dita.spec.published`` declares its tables.
"""

from dita.adapters.clickhouse.connection import Answer, Connection, open_connection
from dita.adapters.clickhouse.errors import (
    AnalyticsBusy,
    AnalyticsError,
    AnalyticsMissing,
    AnalyticsRefused,
    AnalyticsUnreachable,
)
from dita.adapters.clickhouse.store import AnalyticsStore, Progress

__all__ = [
    "AnalyticsBusy", "AnalyticsError", "AnalyticsMissing", "AnalyticsRefused", "AnalyticsStore", "AnalyticsUnreachable",
    "Answer", "Connection", "Progress", "open_connection",
]  # fmt: skip
