"""An order of which nothing has been heard for too long is asked about: SILENT, an input like any other."""

import asyncio
from typing import final

from dita.runtime.engine import Engine
from dita.runtime.flights import Flight, Flights
from dita.runtime.venue_port import Venue
from dita.spec import inputs


@final
class SilenceWatch:
    """Looks at every order in flight a few times per bound."""

    def __init__(self, engine: Engine, venue: Venue, flights: Flights, bound_ns: int) -> None:
        self._engine = engine
        self._venue = venue
        self._flights = flights
        self._bound_ns = bound_ns

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._bound_ns / 4e9)
            now_ns = self._venue.clock.monotonic_ns()
            for flight in self._flights:
                if self._is_silent(flight, now_ns):
                    flight.heard_ns = now_ns
                    await self._engine.apply(
                        inputs.silent(
                            slot=flight.key.slot,
                            instrument=flight.instrument,
                            trade=flight.key.trade,
                            attempt=flight.key.attempt,
                        )
                    )

    def _is_silent(self, flight: Flight, now_ns: int) -> bool:
        busy = not flight.answered or flight.resolving is not None
        return not busy and now_ns - flight.heard_ns > self._bound_ns
