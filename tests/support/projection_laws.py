"""What rows of a journal have to add up to, judged from the steps' states: a second opinion on the projector.

Each law gives what breaks it. It knows neither the projector's memory nor how it takes a step apart.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from dita.runtime.decisions import HELD
from dita.spec.published import FAMILIES, checked
from dita.spec.state import Ledger, Tail, capital, exit_quantity, remaining
from dita.spec.vocabulary import Kind, Phase
from projected import Projected

Law = Callable[[Projected], Iterator[str]]
_ROWS_OF_ORDERS: Final = {
    Kind.ORDER: "SNAPSHOT", Kind.REJECTED: "REJECTED", Kind.UNKNOWN: "UNKNOWN", Kind.NOT_FOUND: "NOT_FOUND",
    Kind.SILENT: "SILENT",
}  # fmt: skip
_MONEY: Final = {
    "seed_e8_usdt": "seed", "realised_e8_usdt": "realised", "fee_e8_usdt": "fees", "funding_e8_usdt": "funding",
    "transfer_e8_usdt": "transfers", "adjustment_e8_usdt": "adjustments",
}  # fmt: skip


def rows_are_as_declared(got: Projected) -> Iterator[str]:
    """Every value of every row is of its field's kind; checked raises otherwise."""
    for family, rows in got.rows.items():
        for row in rows:
            checked(row)
            if type(row) is not FAMILIES[family]:
                yield f"{family}: a {type(row).__name__}"


def keys_are_unique_and_in_order(got: Projected) -> Iterator[str]:
    """(position, ordinal) rises in every family, ordinals of a step without a gap."""
    for family, rows in got.rows.items():
        last = (0, -1)
        for row in rows:
            key = row.journal_position, row.ordinal
            if not (key[1] == last[1] + 1 if key[0] == last[0] else key[0] > last[0] and key[1] == 0):
                yield f"{family}: {key} after {last}"
            last = key


def fills_are_the_ledger(got: Projected) -> Iterator[str]:
    """All fees and all profits that were added come to those of the books, and no step's to another's."""
    by_step: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in got.rows["fill_events"]:
        by_step[row.journal_position][0] += row.fee_e8_usdt
        by_step[row.journal_position][1] += row.realised_e8_usdt
    for step in got.steps:
        before, after = step.account_before.ledger, step.account.ledger
        moved = [after.fees - before.fees, after.realised - before.realised]
        if by_step.get(step.position, [0, 0]) != moved:
            yield f"row {step.position}: fills say {by_step.get(step.position)}, the ledger {moved}"


def account_rows_are_the_ledger(got: Projected) -> Iterator[str]:
    """What was added comes to the books, and every row's capital is that of its step."""
    totals: Counter[str] = Counter()
    ledgers: dict[int, Ledger] = {step.position: step.account.ledger for step in got.steps}
    for row in got.rows["account_events"]:
        for name in _MONEY:
            totals[name] += getattr(row, name)
        if row.capital_e8_usdt != capital(ledgers[row.journal_position]):
            yield f"row {row.journal_position}: capital {row.capital_e8_usdt}"
    for name, field in _MONEY.items():
        if totals[name] != getattr(got.state.account.ledger, field):
            yield f"{name}: {totals[name]} added, {getattr(got.state.account.ledger, field)} in the books"
    moved = {step.position for step in got.steps if step.account.ledger != step.account_before.ledger}
    if missing := moved - {row.journal_position for row in got.rows["account_events"]}:
        yield f"no row for the steps {sorted(missing)[:5]}"


def _finished(got: Projected) -> Iterator[tuple[int, Tail]]:
    for step in got.steps:
        if step.slot_before.phase != Phase.IDLE and step.slot.trade != step.slot_before.trade:
            for tail in step.slot.tails:
                if tail.trade == step.slot_before.trade:
                    yield step.position, tail


def legs_add_up_to_the_exit(got: Projected) -> Iterator[str]:
    """The legs of a finished trade, each with its own figures, are what it closed and for how much."""
    for position, tail in _finished(got):
        legs = [one for one in got.rows["trade_exit_legs"] if one.trade == tail.trade]
        closed = sum(leg.quantity_e8_coins for leg in legs), sum(leg.quote_e8_usdt for leg in legs)
        if closed != (tail.exit.quantity, tail.exit.quote):
            yield f"row {position}, trade {tail.trade}: legs {closed}, exit {tail.exit}"
        attempts = [leg.attempt for leg in legs if leg.by == "ORDER"]
        if len(attempts) != len(set(attempts)):
            yield f"trade {tail.trade}: two legs of one order, {attempts}"


def legs_are_whose_they_are(got: Projected) -> Iterator[str]:
    """A leg is OUTSIDE just where the input says that somebody else closed, LATE just where the kernel says so."""
    steps = {step.position: step for step in got.steps}
    for leg in got.rows["trade_exit_legs"]:
        step = steps[leg.journal_position]
        outside = step.event.kind == Kind.EXTERNAL_CLOSE
        late = step.event.kind == Kind.ORDER and step.slot_before.phase <= Phase.POSITION_OPEN
        if (leg.by == "OUTSIDE") != outside or (leg.by == "LATE") != late:
            yield f"row {leg.journal_position}: {leg.by}, by {Kind(step.event.kind).name}"
    told = {leg.journal_position for leg in got.rows["trade_exit_legs"]}
    for step in got.steps:
        if step.event.kind == Kind.EXTERNAL_CLOSE and step.slot != step.slot_before and step.position not in told:
            yield f"row {step.position}: closed by somebody else, and no leg"


def fills_add_up_to_the_trade(got: Projected) -> Iterator[str]:
    """Quantity, notional and fee of the fills of each half are those of the kernel's record when it has finished."""
    for position, tail in _finished(got):
        for name, half in (("ENTRY", tail.entry), ("EXIT", tail.exit)):
            mine = [
                row
                for row in got.rows["fill_events"]
                if row.trade == tail.trade and row.part == name and row.journal_position <= position
            ]
            told = (
                sum(row.quantity_e8_coins for row in mine), sum(row.quote_e8_usdt for row in mine),
                sum(row.fee_e8_usdt for row in mine),
            )  # fmt: skip
            if told != (half.quantity, half.quote, half.fee):
                yield f"trade {tail.trade} {name}: fills {told}, record {half}"


def every_order_step_is_told(got: Projected) -> Iterator[str]:
    """What was told of orders and what was commanded, counted from the inputs and outcomes."""
    wanted: Counter[str] = Counter()
    for step in got.steps:
        told = _ROWS_OF_ORDERS.get(Kind(step.event.kind))
        wanted.update([told] if told else [])
        wanted.update(name.upper() for name in ("submit", "cancel", "resolve") if getattr(step.outcome, name))
    found = Counter(row.step for row in got.rows["order_events"])
    if found != wanted:
        yield f"told {found}, wanted {wanted}"


def every_transition_is_told(got: Projected) -> Iterator[str]:
    """Each with its phases, in order; settlements besides."""
    wanted = [(step.position, old.name, new.name) for step in got.steps for old, new in step.outcome.transitions]
    rows = [row for row in got.rows["trade_events"] if row.step != "SETTLED"]
    found = [(row.journal_position, row.from_phase, row.to_phase) for row in rows]
    if found != wanted:
        yield f"{len(found)} told, {len(wanted)} made"


def trades_end_as_the_kernel_says(got: Projected) -> Iterator[str]:
    """The newest row of a trade that some slot still remembers has its record's figures."""
    newest = {row.trade: row for row in got.rows["trade_events"]}
    for slot in got.state.slots:
        for tail in slot.tails:
            row = newest.get(tail.trade)
            if row is not None:
                told = row.entry_quote_e8_usdt, row.exit_quote_e8_usdt, row.fee_e8_usdt, row.is_settled
                graded = tail.entry.graded == tail.exit.graded == 1
                if told != (tail.entry.quote, tail.exit.quote, tail.entry.fee + tail.exit.fee, graded):
                    yield f"trade {tail.trade}: {told}, record {tail}"


def every_hold_is_counted(got: Projected) -> Iterator[str]:
    """As many as the notes say."""
    notes = [note for step in got.steps for note in step.notes if note.name == HELD]
    wanted = sum(json.loads(note.body)["count"] for note in notes)
    found = sum(row.decisions for row in got.rows["decision_events"] if row.decided == "HELD")
    if found != wanted:
        yield f"{found} told, {wanted} noted"


def snapshots_are_the_state(got: Projected) -> Iterator[str]:
    """What is held, and the orders under way, in the newest snapshot that is of the last step."""
    newest = got.rows["engine_snapshots"][-1]
    if newest.journal_position != got.steps[-1].position:
        yield f"the newest is of row {newest.journal_position}"
        return
    live = [slot for slot in got.state.slots if slot.phase != Phase.IDLE]
    if [view.held_e8_coins for view in newest.slots] != [remaining(slot) for slot in live]:
        yield "held"
    if [view.exit_e8_coins for view in newest.slots] != [exit_quantity(slot) for slot in live]:
        yield "closed"
    in_flight = [slot for slot in live if slot.phase != Phase.POSITION_OPEN]
    if [view.phase for view in newest.orders] != [Phase(slot.phase).name for slot in in_flight]:
        yield "orders"
    if newest.capital_e8_usdt != capital(got.state.account.ledger):
        yield "capital"


LAWS: Final[tuple[Law, ...]] = (
    rows_are_as_declared, keys_are_unique_and_in_order, fills_are_the_ledger, account_rows_are_the_ledger,
    legs_add_up_to_the_exit, legs_are_whose_they_are, fills_add_up_to_the_trade, every_order_step_is_told,
    every_transition_is_told, trades_end_as_the_kernel_says, every_hold_is_counted,
)  # fmt: skip


def broken(got: Projected, *laws: Law) -> list[str]:
    """What breaks the laws, all by default."""
    return [f"{law.__name__}: {what}" for law in laws or LAWS for what in law(got)]


def assert_every_family(got: Projected) -> None:
    """Laws about nothing prove nothing."""
    empty = [family for family, rows in got.rows.items() if not rows]
    assert not empty, f"no row of {empty}"
