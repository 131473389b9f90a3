"""What can be wrong with the analytics store, each by its own name and with the next step."""

from typing import Self


class AnalyticsError(Exception):
    """The store cannot be used. ``where`` names it, without a password; the message says why and what to do."""

    def __init__(self, where: str, reason: str, next_step: str) -> None:
        super().__init__(f"analytics store `{where}`: {reason}; {next_step}")
        self.where = where
        self.reason = reason
        self.next_step = next_step

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.where, self.reason, self.next_step)


class AnalyticsMissing(AnalyticsError):
    """The client, or the embedded engine, is not installed."""


class AnalyticsBusy(AnalyticsError):
    """Another process has the folder: the embedded engine belongs to one at a time."""


class AnalyticsUnreachable(AnalyticsError):
    """The server does not answer, or the connection broke. Trying again helps."""


class AnalyticsRefused(AnalyticsError):
    """It answered, and would not; or its tables are not as declared. Trying again does not help."""
