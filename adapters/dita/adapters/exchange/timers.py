"""Things that happen later, as data: a heap of due times that the owner of the clock works off."""

import heapq
from collections.abc import Callable


class Timer:
    """One pending callback; ``cancel`` makes it a no-op."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[int], None]) -> None:
        self.callback: Callable[[int], None] | None = callback

    def cancel(self) -> None:
        """Forget the callback."""
        self.callback = None


class Timers:
    """Callbacks in order of their due time (UTC nanoseconds), ties in order of arrival."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._sequence = 0

    def at(self, due_ns: int, callback: Callable[[int], None]) -> Timer:
        """Call ``callback(due_ns)`` once the clock has reached ``due_ns``."""
        timer = Timer(callback)
        self._sequence += 1
        heapq.heappush(self._heap, (due_ns, self._sequence, timer))
        return timer

    def next_due_ns(self) -> int | None:
        """When the next live callback is due, or None."""
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def advance(self, now_ns: int) -> int:
        """Work off everything due at ``now_ns``, also what those callbacks add; returns how many ran."""
        ran = 0
        heap = self._heap
        while heap and heap[0][0] <= now_ns:
            due_ns, _, timer = heapq.heappop(heap)
            callback = timer.callback
            if callback is not None:
                timer.callback = None
                callback(due_ns)
                ran += 1
        return ran

    def __len__(self) -> int:
        return sum(1 for entry in self._heap if entry[2].callback is not None)
