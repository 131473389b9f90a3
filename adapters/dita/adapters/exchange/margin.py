"""When an account or an isolated position is liquidated, and at which price. Pure; money in 1e-8 USDT.

One maintenance rate a contract stands for the venue's tiers.
"""

from collections.abc import Mapping
from typing import Final

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.config import Contract
from dita.adapters.exchange.decimals import divide_up
from dita.adapters.exchange.orders import Position
from dita.spec.scales import NOTIONAL_DIVISOR, RATIO_SCALE

Contracts = Mapping[str, Contract]
Marks = Mapping[str, int]
_NO_PRICE: Final = 0  # the venue's way to say that no price liquidates


def maintenance_margin(position: Position, contracts: Contracts, marks: Marks) -> int:
    """What must be left for a position at its mark price."""
    value = position.size * marks[position.symbol] // NOTIONAL_DIVISOR
    return divide_up(value * contracts[position.symbol].maintenance_ppm, RATIO_SCALE)


def cross_equity(account: Account, marks: Marks) -> int:
    """What stands behind all cross positions together."""
    return account.wallet - account.isolated_margin() + account.cross_unrealised(marks)


def cross_maintenance(account: Account, contracts: Contracts, marks: Marks) -> int:
    """What must be left for all cross positions together."""
    return sum(
        maintenance_margin(position, contracts, marks)
        for position in account.open_positions()
        if not account.isolated(position.symbol)
    )


def isolated_equity(account: Account, position: Position, marks: Marks) -> int:
    """What stands behind one isolated position."""
    return account.position_margin(position) + position.unrealised(marks[position.symbol], NOTIONAL_DIVISOR)


def positions_to_liquidate(account: Account, contracts: Contracts, marks: Marks) -> list[Position]:
    """Isolated positions below their own maintenance margin, and all cross ones once the account is below theirs."""
    found: list[Position] = []
    cross: list[Position] = []
    for position in account.open_positions():
        if not account.isolated(position.symbol):
            cross.append(position)
        elif isolated_equity(account, position, marks) <= maintenance_margin(position, contracts, marks):
            found.append(position)
    if cross and cross_equity(account, marks) <= cross_maintenance(account, contracts, marks):
        found += cross
    return found


def risk_ppm(account: Account, position: Position, contracts: Contracts, marks: Marks) -> int:
    """The maintenance margin as a share (1e-6) of what stands behind it; at 1000000 the position is liquidated."""
    if account.isolated(position.symbol):
        needed, behind = maintenance_margin(position, contracts, marks), isolated_equity(account, position, marks)
    else:
        needed, behind = cross_maintenance(account, contracts, marks), cross_equity(account, marks)
    return min(needed * RATIO_SCALE // behind, RATIO_SCALE) if behind > 0 else RATIO_SCALE


def liquidation_price(account: Account, position: Position, contracts: Contracts, marks: Marks) -> int:
    """The mark price (1e-10 USDT, on the tick) that liquidates, everything else staying as it is; 0 if none does."""
    contract = contracts[position.symbol]
    if account.isolated(position.symbol):
        behind = account.position_margin(position)
    else:
        own = position.unrealised(marks[position.symbol], NOTIONAL_DIVISOR)
        needed = cross_maintenance(account, contracts, marks) - maintenance_margin(position, contracts, marks)
        behind = cross_equity(account, marks) - own - needed
    if position.quantity > 0:
        value, share = position.cost - behind, RATIO_SCALE - contract.maintenance_ppm
    else:
        value, share = position.cost + behind, RATIO_SCALE + contract.maintenance_ppm
    if value <= 0:
        return _NO_PRICE
    price = value * NOTIONAL_DIVISOR * RATIO_SCALE // (position.size * share)
    return price - price % contract.tick
