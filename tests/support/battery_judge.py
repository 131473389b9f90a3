"""The judgement over a scenario: the six invariants of capital, and that nothing is left on the exchange.

What is asked of whom: the exchange's record of the auditor, the inputs of the bookkeeper, the journal's file of a fresh
kernel and reference. The runtime itself is only asked what it claims.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from battery_text import plain
from dita.adapters.exchange import AccountRecord, Contract
from dita.adapters.journal import Row
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime.live import Runtime
from dita.runtime.lockstep import Lockstep
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.names import Names
from dita.runtime.projection.projector import Projector
from dita.runtime.replay import replay
from dita.runtime.simulation.auditor import Evidence, Outside, audit
from dita.runtime.simulation.bookkeeper import Bookkeeper, Step
from dita.runtime.simulation.machine import Outputs
from dita.runtime.simulation.world import claims_of
from dita.spec.decisions import Check
from dita.spec.order_ids import parse_client_order_id
from dita.spec.published.rows import TradeExitLeg
from dita.spec.scales import MONEY_SCALE, QUANTITY_SCALE, RATIO_SCALE
from dita.spec.state import capital
from dita.spec.vocabulary import Code


@dataclass(frozen=True)
class Case:
    """What is judged."""

    runtime: Runtime
    record: AccountRecord
    contracts: Mapping[str, Contract]
    steps: Sequence[Step]
    journal_path: Path
    outputs: Outputs
    raw: RawKernel
    explained: int
    symbols: Mapping[int, str]


def judge(case: Case) -> tuple[list[str], list[str]]:
    """Lines about what came of it, and what is wrong."""
    rows, tag, legs, replayed = _journal(case)
    books = Bookkeeper(case.runtime.settings.leverage_max_ppm, _rates(case))
    books.take_all(case.steps)
    found = [*books.found, *_flat(case.record), *_closed(case.record, tag, legs), *replayed]
    claimed = capital(case.runtime.engine.state.account.ledger)
    if books.unsettled:
        found.append(f"trades {books.unsettled} are not settled")
    if books.capital != claimed or claimed != case.record.wallet:
        found.append(
            f"the inputs sum to {float(books.capital):.2f}, the runtime claims {claimed}, the wallet holds"
            f" {case.record.wallet}"
        )
    hands = sum(1 for order in case.record.orders if order.client_id.startswith("hand-"))
    forced = sum(1 for order in case.record.orders if not order.client_id)
    outside = Outside(hands + case.explained, 0, case.outputs.journal_failures, forced)
    found += audit(
        Evidence(case.record, case.contracts, tag, rows, claims_of(case.runtime), outside, case.outputs.alerts)
    )
    return _lines(case, books, claimed), found


def _lines(case: Case, books: Bookkeeper, claimed: int) -> list[str]:
    lines: list[str] = []
    for trade in books.trades:
        worth, fees = books.profit_of(trade)
        lines.append(f"trade {trade}: {_money(worth)} after fees of {_money(fees)}")
    refused = case.runtime.engine.refusals
    guards = [f"{code.name} {count}" for code, count in sorted(refused.items()) if code in GUARDS]
    held = case.runtime.strategist.decisions.counts
    guards += [f"{reason.name} {count}" for (check, reason), count in sorted(held.items()) if check is not Check.KERNEL]
    lines.append(f"capital {plain(claimed, MONEY_SCALE)}, wallet {plain(case.record.wallet, MONEY_SCALE)}")
    return [*lines, f"guards: {', '.join(guards) or 'none acted'}"]


GUARDS = frozenset({
    Code.SLOT_BUSY, Code.INSTRUMENT_BUSY, Code.SLOT_LIMIT, Code.NO_POSITION, Code.EXIT_IN_PROGRESS,
    Code.MODE_REDUCE_ONLY, Code.MODE_HALTED, Code.CAPITAL_FROZEN, Code.RECONCILE_REQUIRED, Code.UNSETTLED_TRADE,
    Code.LEVERAGE, Code.BELOW_MINIMUM, Code.NOT_LOT, Code.NOT_SEEDED,
})  # fmt: skip
"""Refusals that keep risk out, as opposed to news that is none."""


def _rates(case: Case) -> dict[int, tuple[int, int]]:
    """What the exchange states for each instrument, times what the operator says of the account."""
    ratio = Fraction(case.runtime.settings.fee_ratio_ppm, RATIO_SCALE)
    stated = {number: case.contracts[symbol] for number, symbol in case.symbols.items()}
    return {
        number: (round(one.taker_rate_ppb * ratio), round(one.maker_rate_ppb * ratio)) for number, one in stated.items()
    }


def _money(value: Fraction) -> str:
    return plain(value.numerator, MONEY_SCALE) if value.denominator == 1 else f"{float(value / MONEY_SCALE):.10f}"


def _flat(record: AccountRecord) -> list[str]:
    held = [position for position in record.positions if position.quantity]
    found = [f"the exchange still holds {held}"] if held else []
    return found + ([f"the exchange still has orders {record.open_orders}"] if record.open_orders else [])


def _closed(record: AccountRecord, tag: str, legs: Sequence[TradeExitLeg]) -> list[str]:
    """Every exit order closed what its leg says, by itself: the exchange's record against what is published."""
    ours: Counter[tuple[int, int]] = Counter()
    for leg in legs:
        ours[leg.trade, leg.attempt] += leg.quantity_e8_coins
    found: list[str] = []
    for order in record.orders:
        key = parse_client_order_id(tag, order.client_id)
        if key is not None and key.attempt and ours[key.trade, key.attempt] != order.executed:
            said = plain(ours[key.trade, key.attempt], QUANTITY_SCALE)
            closed = plain(order.executed, QUANTITY_SCALE)
            found.append(f"leg {key.trade}.{key.attempt} has {said}, the exchange closed {closed} by its order")
    return found


def _journal(case: Case) -> tuple[tuple[Row, ...], str, list[TradeExitLeg], list[str]]:
    """The journal's rows, the legs that they tell, and whether kernel and reference arrive at the claimed state."""
    store = JournalStore(case.journal_path, read_only=True)
    try:
        rows, tag, stored = tuple(store.rows()), store.meta().tag, list(store.stored())
    finally:
        store.close()
    with Kernel(case.raw) as kernel:
        projector = Projector(Names(tag, case.symbols))
        for step in Derivation(kernel).steps(stored, None):
            projector.project(step, kernel.state)
    with Kernel(case.raw) as kernel:
        lockstep = Lockstep(kernel)
        replay(rows, lockstep, migration=None, accept_migration=False)
        same = lockstep.packed_state == case.runtime.engine.lockstep.packed_state
    legs: list[TradeExitLeg] = projector.take()["trade_exit_legs"]
    return rows, tag, legs, [] if same else ["the journal leads to another state than the runtime's"]
