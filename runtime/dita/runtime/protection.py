"""Stop orders that protect live trades: known by the venue's id, removed when their trade has finished.

A stop is no order of the kernel: it would outlive its trade and hit the next one. While its trade lives it is not
foreign; afterwards it is, and is cancelled as such whatever is remembered here.
"""

from typing import final

from dita.runtime.venue_port import Venue


@final
class Protection:
    """Venue ids of stops, by trade."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._order_ids: dict[int, str] = {}

    def placed(self, trade: int, order_id: str) -> None:
        """A stop protects this trade."""
        self._order_ids[trade] = order_id

    @property
    def order_ids(self) -> frozenset[str]:
        """Of all live trades."""
        return frozenset(self._order_ids.values())

    async def remove(self, trade: int, symbol: str) -> None:
        """The trade has finished. Harmless when nothing protected it, or when it is gone."""
        order_id = self._order_ids.pop(trade, None)
        if order_id is not None:
            await self._venue.cancel_foreign(symbol, order_id)
