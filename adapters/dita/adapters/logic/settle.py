"""Settlement of one half of a trade from the venue's own fill rows (clauses F1 to F4).

Settled means: distinct rows of exactly the orders of that half, each with its commission, whose quantities sum exactly
to what is to be settled, and every one of these orders terminal with exactly its rows. Nothing else is settled: neither
the average price nor any cumulative figure nor the fee on a stream frame. The notional is one rounding of the exact sum
of price times quantity; the fee is the exact sum of what was paid, rounded once only if the venue gave more digits than
the books have.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dita.adapters.logic.arithmetic import money_of_e18
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import OrderSide, Part


class Settlement(NamedTuple):
    """The venue's figures: quantity 1e-8 coins, quote and fee 1e-8 USDT (a negative fee is a rebate)."""

    quantity: int
    quote: int
    fee: int
    time_ns: int  # of the newest row


class NotSettled(NamedTuple):
    """Why it cannot be settled yet (``wait`` True: rows are missing, ask again) or at all by itself."""

    why: str
    wait: bool


def settlement(
    rows: Iterable[FillRow], order_ids: frozenset[str], side: OrderSide, quantity: int, asset: str
) -> Settlement | NotSettled:
    """Sum the rows of these orders. More than ``quantity`` is told, too: to the kernel it is evidence (clause F4)."""
    distinct: dict[tuple[str, str], FillRow] = {}
    for row in rows:
        if row.order_id not in order_ids:
            continue
        known = distinct.setdefault((row.symbol, row.trade_id), row)
        if known != row:
            return NotSettled(f"trade `{row.trade_id}` was told in two ways", wait=False)
        if row.side is not side:
            return NotSettled(f"trade `{row.trade_id}` is a {row.side.name}, expected {side.name}", wait=False)
        if row.commission_asset not in ("", asset):
            return NotSettled(f"trade `{row.trade_id}` was charged in `{row.commission_asset}`", wait=False)
    found = sum(row.quantity for row in distinct.values())
    if found == 0 or found < quantity:
        return NotSettled(f"rows sum to `{found}` of `{quantity}`", wait=True)
    quote = money_of_e18(sum(row.price * row.quantity for row in distinct.values()))
    fee = money_of_e18(-sum(row.commission_e18 for row in distinct.values()))
    if abs(fee) > quote:
        return NotSettled(f"a fee of `{fee}` on a notional of `{quote}`", wait=False)
    return Settlement(found, quote, fee, max(row.time_ns for row in distinct.values()))


def orders_agree(orders: Iterable[OrderRow], rows: Iterable[FillRow]) -> NotSettled | None:
    """None when every order was queried, is terminal, and its own rows sum to what it says it executed."""
    sums: dict[str, int] = {}
    for row in {(row.symbol, row.trade_id): row for row in rows}.values():
        sums[row.order_id] = sums.get(row.order_id, 0) + row.quantity
    for order in orders:
        if order.evidence is not Evidence.QUERY or not order.state.is_terminal:
            return NotSettled(f"order `{order.order_id}` is `{order.status_text}` by {order.evidence.value}", wait=True)
        found = sums.get(order.order_id, 0)
        if order.cum_quantity != found:
            return NotSettled(
                f"order `{order.order_id}` executed `{order.cum_quantity}`, its rows sum to `{found}`", wait=True
            )
    return None


def settle_input(slot: int, instrument: int, trade: int, part: Part, settled: Settlement) -> Input:
    """The SETTLE input."""
    return inputs.settle(
        slot=slot,
        instrument=instrument,
        trade=trade,
        part=part,
        quantity=settled.quantity,
        quote=settled.quote,
        fee=settled.fee,
        time_ns=settled.time_ns,
    )


def beyond(rows: Iterable[FillRow], booked: Mapping[str, int]) -> tuple[FillRow, ...]:
    """The rows that an adopted trade owns: of each order, what lies beyond the quantity booked for it before.

    Rows count in the order of time and id. A row that straddles the border belongs to the adopted trade whole; then the
    sums do not fit and nothing is settled by itself, which is right: nobody can say which part was whose.
    """
    found: list[FillRow] = []
    seen: dict[str, int] = {}
    distinct = {(row.symbol, row.trade_id): row for row in rows}.values()
    for row in sorted(distinct, key=lambda row: (row.time_ns, len(row.trade_id), row.trade_id)):
        seen[row.order_id] = seen.get(row.order_id, 0) + row.quantity
        if seen[row.order_id] > booked.get(row.order_id, 0):
            found.append(row)
    return tuple(found)
