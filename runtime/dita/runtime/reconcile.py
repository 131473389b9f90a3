"""Positions and wallet, read from the venue without exception: every few seconds, after a gap, and whenever asked.

Every reading carries ``as_of``: the venue's own clock before the read, minus the lag of its reads. Only here does that
lag live.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.logic.flights import in_flight_key
from dita.adapters.logic.positions import PositionReading, position_input, position_reading
from dita.adapters.logic.rows import OrderRow, PositionRow
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.mismatch import Mismatches
from dita.runtime.order_truth import OrderTruth
from dita.runtime.protection import Protection
from dita.runtime.venue_port import Venue
from dita.spec.vocabulary import Code

_SOON_SECONDS: Final = 0.05  # gathers requests that come together


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between readings."""

    position: float
    again: float  # after a reading that was too old or did not match


@final
class PositionReader:
    """The POSITION input of every instrument, and what follows from a mismatch."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        instruments: Instruments,
        orders: OrderTruth,
        protection: Protection,
        alerts: Alerts,
        mismatches: Mismatches,
        intervals: Intervals,
    ) -> None:
        self._engine = engine
        self._venue = venue
        self._instruments = instruments
        self._orders = orders
        self._protection = protection
        self._alerts = alerts
        self._mismatches = mismatches
        self._intervals = intervals
        self._wanted = asyncio.Event()
        self.passes = 0  # complete ones
        self.orphans = 0  # in the newest complete pass: positions and orders that nothing of ours explains

    def request(self) -> None:
        """Read soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Read for ever."""
        while True:
            try:
                async with asyncio.timeout(self._intervals.position):
                    await self._wanted.wait()
                await asyncio.sleep(_SOON_SECONDS)
            except TimeoutError:
                pass
            self._wanted.clear()
            if not await self.read():
                await asyncio.sleep(self._intervals.again)
                self._wanted.set()

    async def read(self) -> bool:
        """One pass over all instruments; whether everything is explained (False also when a read failed)."""
        try:
            return await self._read()
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False

    async def _read(self) -> bool:
        reader = self._venue.reader
        server_ns = (await reader.server_time()).server_ns
        resting = {one.number: await reader.open_orders(one.symbol) for one in self._instruments}
        positions = await reader.positions()
        explained = True
        orphans = 0
        for instrument in self._instruments:
            reading = self._reading(instrument, positions, resting[instrument.number], server_ns)
            for row in reading.strays:
                key = self._orders.key_of(row)
                if key is not None:
                    await self._orders.tell_stray(key, instrument.number, row)
            slot = max(0, self._engine.state.instruments[instrument.number].holder - 1)
            outcome = await self._engine.apply(position_input(slot, instrument.number, reading))
            if outcome.code == Code.POSITION_MISMATCH:
                orphans += 1
            settled = await self._mismatches.consider(instrument, reading, positions, Code(outcome.code))
            required = self._engine.state.instruments[instrument.number].reconcile_required
            explained = explained and settled and not required
        self.passes += 1
        self.orphans = orphans
        return explained

    def _reading(
        self, instrument: Instrument, positions: tuple[PositionRow, ...], resting: tuple[OrderRow, ...], server_ns: int
    ) -> PositionReading:
        open_orders = [row for row in resting if not self._orders.is_over(row)]
        holder = self._engine.state.instruments[instrument.number].holder
        own = None if holder == 0 else in_flight_key(holder - 1, self._engine.state.slots[holder - 1])
        return position_reading(
            symbol=instrument.symbol,
            positions=positions,
            open_orders=open_orders,
            tag=self._orders.names.tag,
            expected=frozenset() if own is None else frozenset({own}),
            protective=self._protection.order_ids,
            server_before_ns=server_ns,
            read_lag_ns=self._venue.read_lag_ns,
        )
