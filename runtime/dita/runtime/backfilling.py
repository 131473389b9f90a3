"""Drives the reading after a gap of the account stream: asks what the machine in the adapters' logic wants to know."""

import asyncio
from collections.abc import Callable
from typing import Final, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.logic import backfill
from dita.adapters.logic.backfill import Gap
from dita.adapters.logic.resolve import AskByClientId, AskFills, Wait
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.background import Background
from dita.runtime.flights import Flights
from dita.runtime.instruments import Instruments
from dita.runtime.order_truth import OrderTruth
from dita.runtime.venue_port import Venue
from dita.spec.scales import NANOSECONDS_PER_SECOND

_AHEAD_NS: Final = 2 * NANOSECONDS_PER_SECOND  # fills are asked for up to this much beyond now


@final
class Backfiller:
    """Reads what a gap may have hidden. ``done`` and ``news`` are for whoever counts."""

    def __init__(
        self,
        venue: Venue,
        instruments: Instruments,
        orders: OrderTruth,
        flights: Flights,
        background: Background,
        alerts: Alerts,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` asks for positions, open orders and wallet, which are read elsewhere."""
        self.done = 0  # gaps that were read completely
        self.news = 0  # orders of which a back-fill told more than the stream had
        self._venue = venue
        self._instruments = instruments
        self._orders = orders
        self._flights = flights
        self._background = background
        self._alerts = alerts
        self._wake = wake
        self._started_ns: int | None = None  # of the gap that is being read
        self._task: asyncio.Task[None] | None = None

    def begin(self, gap_started_ns: int) -> None:
        """Read what happened since. A reading under way is given up, and what it should have read is read, too."""
        if self._task is not None:
            self._task.cancel()
        older_ns = self._started_ns
        self._started_ns = gap_started_ns if older_ns is None else min(older_ns, gap_started_ns)
        self._task = self._background.start(self._read(self._started_ns), "read after a gap")

    async def _read(self, started_ns: int) -> None:
        gap = Gap(started_ns, tuple(self._instruments.symbols), self._waiting(), self._venue.read_lag_ns)
        at = backfill.begin(gap)
        self._wake()
        while not at.is_done:
            asked = backfill.question(at)
            passes = at.passes
            at = backfill.answered(at, await self._ask(asked))
            if at.passes > passes:
                at = backfill.with_orders(at, self._waiting())
                self._wake()
        self.done += 1
        self._started_ns = None

    def _waiting(self) -> tuple[tuple[str, str], ...]:
        """Orders in flight; one whose submit has not come back is not asked for: that it is not there says nothing."""
        return tuple((flight.symbol, flight.client_order_id) for flight in self._flights if flight.answered)

    async def _ask(self, asked: backfill.Reading | Wait) -> bool:
        try:
            match asked:
                case Wait(duration_ns):
                    await asyncio.sleep(duration_ns / NANOSECONDS_PER_SECOND)
                case AskByClientId(symbol, client_order_id):
                    await self._look_at(symbol, client_order_id)
                case AskFills(symbol, start_ns):
                    end_ns = self._venue.venue_now_ns() + _AHEAD_NS
                    rows = await self._venue.reader.fill_history(symbol, start_ns, max(start_ns, end_ns))
                    for client_order_id in self._orders.take_fills(rows):
                        await self._look_at(symbol, client_order_id)
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False
        return True

    async def _look_at(self, symbol: str, client_order_id: str) -> None:
        row = await self._venue.reader.query_by_client_id(symbol, client_order_id)
        key = None if row is None else self._orders.key_of(row)
        instrument = self._instruments.of(symbol)
        if row is None or key is None or instrument is None:
            return
        known = self._orders.forwarded(key)
        await self._orders.tell(key, instrument.number, row)
        self.news += self._orders.forwarded(key) != known
