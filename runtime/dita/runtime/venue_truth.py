"""The exchange's own record of an account at the end of a session: what the session's checks ask, not our state."""

from dataclasses import dataclass

from dita.adapters.exchange import AccountRecord
from dita.runtime.venue_port import Reader


@dataclass(frozen=True, slots=True)
class VenueTruth:
    """Position (1e-8 coins, both sides of all symbols added up), resting orders, wallet (1e-8 USDT)."""

    position: int
    open_orders: int
    wallet: int
    fills: int | None  # None: the exchange does not say


def truth_of_paper(record: AccountRecord) -> VenueTruth:
    """From the simulator's books."""
    return VenueTruth(
        position=sum(abs(position.quantity) for position in record.positions),
        open_orders=len(record.open_orders),
        wallet=record.wallet,
        fills=record.fills_made,
    )


async def truth_of_venue(reader: Reader, symbols: tuple[str, ...], asset: str) -> VenueTruth:
    """From fresh reads of everything. Raises VenueError."""
    positions = await reader.positions()
    resting = [row for symbol in symbols for row in await reader.open_orders(symbol)]
    balance = await reader.balance(asset)
    return VenueTruth(
        position=sum(row.quantity for row in positions if row.symbol in symbols),
        open_orders=len(resting),
        wallet=balance.balance,
        fills=None,
    )
