"""The order in flight of each slot, as far as the kernel does not keep it: its name at the venue, deadlines, news."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from dita.adapters.logic.flights import in_flight_key
from dita.spec.order_ids import OrderKey
from dita.spec.state import Slot
from dita.spec.vocabulary import SLOTS, OrderSide


@dataclass(slots=True, eq=False)
class Flight:
    """One order whose end the kernel waits for."""

    key: OrderKey
    instrument: int
    symbol: str
    client_order_id: str
    side: OrderSide
    quantity: int  # ordered, 1e-8 coins
    reduce_only: bool
    send_by_ns: int  # venue time; nothing was or will be written after it. 0: not known
    heard_ns: int  # our monotonic clock at the last news
    order_id: str = ""  # the venue's own, once told
    answered: bool = False  # the submit has come back, whatever it said
    resolving: "asyncio.Task[None] | None" = field(default=None, repr=False)
    cancelling: "asyncio.Task[None] | None" = field(default=None, repr=False)

    def drop(self) -> None:
        """Its end is known: stop asking."""
        for task in (self.resolving, self.cancelling):
            if task is not None:
                task.cancel()


@final
class Flights:
    """At most one a slot."""

    def __init__(self) -> None:
        self._by_slot: list[Flight | None] = [None] * SLOTS

    def __iter__(self) -> Iterator[Flight]:
        return iter([flight for flight in self._by_slot if flight is not None])

    def of(self, key: OrderKey) -> Flight | None:
        """The flight of this very order."""
        flight = self._by_slot[key.slot]
        return flight if flight is not None and flight.key == key else None

    def put(self, flight: Flight) -> None:
        """A new order takes off; whatever was in its slot has ended."""
        self.end(flight.key.slot)
        self._by_slot[flight.key.slot] = flight

    def follow(self, number: int, slot: Slot) -> None:
        """Forget the flight of a slot that no longer waits for it."""
        flight = self._by_slot[number]
        if flight is not None and in_flight_key(number, slot) != flight.key:
            self.end(number)

    def end(self, number: int) -> None:
        """Forget it."""
        flight = self._by_slot[number]
        if flight is not None:
            self._by_slot[number] = None
            flight.drop()
