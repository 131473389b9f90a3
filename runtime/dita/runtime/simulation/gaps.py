"""Gaps of the account stream as the exchange sees them, and whether somebody came and read what had been missed.

From the exchange's access log alone: while no socket of the account is open nothing can be told; once there is one
again, the fills of every contract since the last one ended have to be asked for. Nobody answers for a gap of a process
that is dead: the next one recovers from its journal.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

from dita.adapters.exchange import Visit
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

_STREAM: Final = "/swap-market"
_FILLS: Final = "/trade/fillHistory"


@final
class Gaps:
    """See the module. ``process`` numbers the process that runs now."""

    def __init__(self, symbols: Sequence[str], process: Callable[[], int]) -> None:
        self._symbols = symbols
        self._process = process
        self._sockets = 0
        self._dark_since_ns = 0
        self._dark_process = 0  # whose socket the last one was
        self._owed: dict[str, int] = {}  # symbol: since when its fills have to be read
        self._owing = 0  # the process that has to

    def log(self, visit: Visit) -> None:
        """The exchange's access log."""
        if visit.path.endswith(_FILLS):
            symbol, start_ms = visit.parameters["symbol"], int(visit.parameters["startTs"])
            if symbol in self._owed and start_ms * NANOSECONDS_PER_MILLISECOND <= self._owed[symbol]:
                del self._owed[symbol]
        elif visit.path == _STREAM and "listenKey" in visit.parameters:
            self._socket(visit)

    def _socket(self, visit: Visit) -> None:
        if visit.is_over:
            self._sockets -= 1
            if not self._sockets:
                self._dark_since_ns, self._dark_process = visit.time_ns, self._process()
            return
        self._sockets += 1
        if self._sockets == 1 and self._dark_process == self._process():
            if self._owing != self._dark_process:
                self._owed.clear()
            self._owing = self._dark_process
            for symbol in self._symbols:
                self._owed[symbol] = min(self._dark_since_ns, self._owed.get(symbol, self._dark_since_ns))

    @property
    def unread(self) -> tuple[str, ...]:
        """Symbols whose fills of a gap were not asked for yet."""
        return tuple(self._owed) if self._owing == self._process() else ()
