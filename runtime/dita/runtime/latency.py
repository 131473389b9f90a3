"""How long things take: for each kind the newest few hundred, so that a figure is of now and memory is bounded."""

from collections import deque
from typing import Final, final

from dita.spec.published.snapshot import LatencyView

_WINDOW: Final = 256


@final
class Latencies:
    """Spans of time, nanoseconds, by what was measured."""

    def __init__(self) -> None:
        self._spans: dict[str, deque[int]] = {}

    def add(self, what: str, span_ns: int) -> None:
        """One more."""
        window = self._spans.get(what)
        if window is None:
            window = self._spans[what] = deque(maxlen=_WINDOW)
        window.append(span_ns)

    def views(self) -> tuple[LatencyView, ...]:
        """As they are published, in the order in which they were first measured."""
        return tuple(_view(what, sorted(window)) for what, window in self._spans.items())


def _view(what: str, spans: list[int]) -> LatencyView:
    count = len(spans)
    return LatencyView(what, count, spans[(count - 1) // 2], spans[(count * 99 - 1) // 100], spans[-1])
