"""An outsider's bookkeeper: predicts position, open orders and money from the exchange's record, and compares.

It sees what the exchange has recorded and what the runtime has put out (its journal's rows and what it claims at the
end), and knows nothing of the kernel: no state, no step. Its arithmetic is its own, in fractions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from dita.adapters.exchange import AccountRecord, Contract, FillRecord, OrderRecord
from dita.adapters.journal import Row
from dita.runtime.alerts import Alert
from dita.spec.scales import NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE
from dita.spec.vocabulary import Kind

_PER_FILL: Final = 2  # 1e-8 USDT by which the exchange's own rounding of one fill's profit and fee may differ from ours
_NEVER: Final = (Alert.OWN_BUG, Alert.DIVERGENCE, Alert.POLICY, Alert.UNKNOWN_INCOME, Alert.TWIN_ORDER)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the runtime says of itself at the end. Quantities 1e-8 coins, signed by side; money 1e-8 USDT."""

    positions: Mapping[str, int]
    live_orders: int
    capital: int
    divergences: int


@dataclass(frozen=True, slots=True)
class Outside:
    """What others did to the account that can close or open positions: an adoption is explained by these only."""

    closes_by_hand: int = 0
    deleveragings: int = 0
    failed_journals: int = 0
    liquidations: int = 0

    @property
    def any(self) -> bool:
        """Whether anything did."""
        return any((self.closes_by_hand, self.deleveragings, self.failed_journals, self.liquidations))


@dataclass(slots=True)
class _Book:
    """One position: quantity signed, cost the exact entry notional of what is open."""

    quantity: int = 0
    cost: Fraction = field(default_factory=Fraction)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is judged."""

    record: AccountRecord
    contracts: Mapping[str, Contract]
    tag: str
    rows: Sequence[Row]
    claims: Claims | None
    outside: Outside
    alerts: Counter[Alert]


def audit(evidence: Evidence) -> list[str]:
    """What is wrong; nothing, if all is well."""
    record = evidence.record
    found = [f"the runtime raised `{alert.value}`" for alert in _NEVER if evidence.alerts[alert]]
    found += _orders(evidence)
    books, money = _books(record.fills, evidence.contracts, found)
    found += _positions(books, record)
    expected = record.seed + record.funding + record.transfers + money.booked
    if record.wallet != expected:
        found.append(f"the wallet is {record.wallet}, its rows sum to {expected}")
    if abs(money.booked - money.predicted) > _PER_FILL * (len(record.fills) + 1):
        found.append(f"profits and fees of {money.booked} were booked, {float(money.predicted):.2f} predicted")
    found += _claimed(evidence.claims, books, expected)
    found += _losses(evidence)
    return found


# --- orders ----------------------------------------------------------------------------------------------------------


def commanded(tag: str, rows: Iterable[Row]) -> dict[str, Row]:
    """Client ids of the orders that the journal's rows command: a trade's first submit is its entry, then its exits."""
    submits: Counter[tuple[int, int]] = Counter()
    found: dict[str, Row] = {}
    for row in rows:
        place = (row.input.trade, row.input.slot)
        if row.input.kind == Kind.ADOPT:
            submits[place] = 1  # it has no entry of ours
        if not row.send_by_ns:
            continue
        found[f"{tag}-{place[0]:x}-{place[1]:x}-{submits[place]:x}"] = row
        submits[place] += 1
    return found


def _orders(evidence: Evidence) -> list[str]:
    """Every order under the journal's tag was commanded by a durable row, and stands on the exchange once."""
    known = commanded(evidence.tag, evidence.rows)
    found: list[str] = []
    times: Counter[str] = Counter()
    entries: dict[tuple[str, str], OrderRecord] = {}
    for order in evidence.record.orders:
        if not order.client_id.startswith(f"{evidence.tag}-"):
            continue
        times[order.client_id] += 1
        row = known.get(order.client_id)
        if row is None:
            found.append(f"order `{order.client_id}` stands on the exchange, and no durable row commands it")
            continue
        is_entry = order.client_id.endswith("-0")
        if is_entry and row.input.kind == Kind.ENTER and row.input.quantity != order.quantity:
            found.append(f"order `{order.client_id}` is of {order.quantity}, its row of {row.input.quantity}")
        if not is_entry and evidence.record.hedge_mode and order.side != _closing_side(order):
            found.append(f"order `{order.client_id}` is an exit and opens")
        _, trade, slot, _ = order.client_id.rsplit("-", 3)
        first = entries.setdefault((trade, slot), order) if is_entry else order
        if first is not order:
            found.append(f"trade {trade} has two entries: `{first.client_id}` and `{order.client_id}`")
    found += [f"order `{name}` stands on the exchange {count} times" for name, count in times.items() if count > 1]
    return found


def _closing_side(order: OrderRecord) -> str:
    return "SELL" if order.position_side == "LONG" else "BUY"


# --- position and money ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Money:
    booked: int = 0  # what the exchange's rows say
    predicted: Fraction = field(default_factory=Fraction)  # what prices and quantities say


def _books(
    fills: Sequence[FillRecord], contracts: Mapping[str, Contract], found: list[str]
) -> tuple[dict[tuple[str, str], _Book], _Money]:
    """Positions at average cost, and profits less fees, from the fills in the order of their trade ids."""
    books: dict[tuple[str, str], _Book] = defaultdict(_Book)
    money = _Money()
    for fill in sorted(fills, key=lambda one: one.trade_id):
        book, contract = books[fill.symbol, fill.position_side], contracts[fill.symbol]
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        notional = Fraction(fill.price * fill.quantity, NOTIONAL_DIVISOR)
        rate = contract.maker_rate_ppb if fill.maker else contract.taker_rate_ppb
        if not fill.client_id and not fill.commission:
            rate = 0  # the venue takes no fee of a deleveraging
        charged = Fraction(rate * contract.charged_ppm, RATE_SCALE * RATIO_SCALE)
        money.predicted += _profit(book, signed, notional, fill, found) - notional * charged
        money.booked += fill.realised - fill.commission
    return books, money


def _profit(book: _Book, signed: int, notional: Fraction, fill: FillRecord, found: list[str]) -> Fraction:
    """What the fill realises, 1e-8 USDT; the book is moved on."""
    if book.quantity * signed >= 0:
        book.quantity += signed
        book.cost += notional
        return Fraction()
    closed = min(abs(signed), abs(book.quantity))
    if abs(signed) > abs(book.quantity):
        found.append(f"fill {fill.trade_id} of `{fill.client_id}` closes {abs(signed)} of {abs(book.quantity)}")
    share = book.cost * closed / abs(book.quantity)
    paid = notional * closed / abs(signed)
    direction = 1 if book.quantity > 0 else -1
    book.quantity += direction * -closed
    book.cost -= share
    left = abs(signed) - closed
    if left:
        book.quantity, book.cost = -direction * left, notional * left / abs(signed)
    return (paid - share) * direction


def _positions(books: Mapping[tuple[str, str], _Book], record: AccountRecord) -> list[str]:
    predicted = {place: book.quantity for place, book in books.items() if book.quantity}
    held = {
        (position.symbol, str(position.side)): position.quantity for position in record.positions if position.quantity
    }
    unsigned = {place: abs(quantity) for place, quantity in held.items()}
    if {place: abs(quantity) for place, quantity in predicted.items()} != unsigned:
        return [f"the exchange holds {held}, its fills sum to {predicted}"]
    return []


def _claimed(claims: Claims | None, books: Mapping[tuple[str, str], _Book], wallet: int) -> list[str]:
    if claims is None:
        return []  # no runtime was up at the end: that it has not converged is said elsewhere
    net: Counter[str] = Counter()
    for (symbol, _), book in books.items():
        net[symbol] += book.quantity
    found: list[str] = []
    held = {symbol: quantity for symbol, quantity in net.items() if quantity}
    said = {symbol: quantity for symbol, quantity in claims.positions.items() if quantity}
    if held != said:
        found.append(f"the runtime claims {said}, the fills sum to {held}")
    if claims.capital != wallet:
        found.append(f"the runtime claims a capital of {claims.capital}, the rows sum to {wallet}")
    if claims.live_orders:
        found.append(f"the runtime claims {claims.live_orders} orders in flight at the end")
    if claims.divergences:
        found.append(f"kernel and reference disagreed {claims.divergences} times")
    return found


def _losses(evidence: Evidence) -> list[str]:
    """Whatever is adopted or called an external close, although nobody else traded, was lost track of."""
    if evidence.outside.any:
        return []
    return [
        f"lost track of an order: {Kind(row.input.kind).name} of {row.input.quantity} in trade {row.input.trade}"
        for row in evidence.rows
        if row.input.kind in (Kind.ADOPT, Kind.EXTERNAL_CLOSE)
    ]
