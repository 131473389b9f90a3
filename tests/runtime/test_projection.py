"""From the journal to rows: laws that they keep, a session worked out by hand, planted defects, and what is refused."""

import random
from typing import Any, Final

import pytest

import projected as projecting
from dita.adapters.journal import Note
from dita.adapters.journal.records import Migration
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.projection import memory, projector, trades
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.memory import Memory
from dita.runtime.projection.unpacking import account_of, slot_of
from dita.runtime.replay import ReplayRefused
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import pack, unpack, word_names
from dita.spec.scales import MONEY_SCALE, QUANTITY_SCALE
from dita.spec.state import Account, Slot
from dita.spec.vocabulary import Part, Side
from planted_module import Module, module_defects, planted_module
from projected import Projected, Stored, drawn_traffic, projected, stored
from projection_laws import LAWS, assert_every_family, broken, snapshots_are_the_state
from report_sessions import Place, Written, held, usdt, worked_out
from runtime_parts import PRICE, SECOND, registered

SEEDS: Final = (4, 7)


@pytest.fixture(scope="module")
def by_hand() -> Projected:
    """The session whose figures are worked out by hand for the report."""
    return projected(stored(worked_out()))


def test_a_session_drawn_by_chance_keeps_every_law() -> None:
    """Late, repeated and hostile inputs: the rows add up to the kernel's books, and leave nothing out."""
    for seed in SEEDS:
        got = projected(stored(drawn_traffic(seed, 1_500)))

        assert not broken(got)
        assert not broken(got, snapshots_are_the_state)
        assert len(got.rows["trade_exit_legs"]) > 20
        assert {leg.by for leg in got.rows["trade_exit_legs"]} == {"ORDER", "OUTSIDE", "LATE"}


def test_the_session_by_hand_keeps_every_law(by_hand: Projected) -> None:
    """Decisions, too, which the drawn ones have not."""
    assert not broken(by_hand)
    assert_every_family(by_hand)


def test_legs_have_their_own_figures(by_hand: Projected) -> None:
    """Two halves of one trade: each with its own quantity, notional, profit and fee; then one trade in one leg.

    Half of the first trade cost 2501; fees are predicted at 0.05 %.
    """
    legs = by_hand.rows["trade_exit_legs"]

    assert [
        (leg.trade, leg.leg, leg.quantity_e8_coins, leg.quote_e8_usdt, leg.realised_e8_usdt, leg.fee_e8_usdt)
        for leg in legs
    ] == [
        (1, 0, 5_000_000, usdt("2505"), usdt("4"), usdt("1.2525")),
        (1, 1, 5_000_000, usdt("2506"), usdt("5"), usdt("1.253")),
        (2, 0, 20_000_000, usdt("10008"), usdt("-10"), usdt("5.004")),
    ]
    assert [leg.price_e10_usdt // 10**10 for leg in legs] == [50_100, 50_120, 50_040]
    assert [leg.lasted_span_ns for leg in legs] == [SECOND] * 3


def test_fills_are_judged_by_what_they_were_decided_on(by_hand: Projected) -> None:
    """Slippage is against the quote of the entry, and the limit of the exit; a flatten without a quote has none."""
    fills = [row for row in by_hand.rows["fill_events"] if row.by == "ORDER"]

    assert [(row.trade, row.part, row.slippage_e8_usdt) for row in fills] == [
        (1, "ENTRY", usdt("0.4")), (1, "ENTRY", usdt("1.6")), (1, "EXIT", 0), (1, "EXIT", usdt("-0.5")),
        (2, "ENTRY", usdt("2")), (2, "EXIT", 0),
    ]  # fmt: skip
    assert [row.reference_price_e10_usdt == 0 for row in fills] == [False] * 5 + [True]


def test_decisions_are_told_as_noted(by_hand: Projected) -> None:
    """An entry with its reason, three kinds of hold with their numbers."""
    told = [(row.decided, row.check, row.reason, row.decisions) for row in by_hand.rows["decision_events"]]

    assert told == [
        ("OPEN", "NONE", "PASSED", 1), ("HELD", "DIRECTION", "DC_CONTRADICT", 3), ("OPEN", "NONE", "PASSED", 1),
        ("HELD", "DIRECTION", "DC_CONTRADICT", 2), ("HELD", "SIZING", "ABOVE_MARGIN", 1),
    ]  # fmt: skip
    assert by_hand.rows["decision_events"][0].why == "a reason"


@pytest.mark.parametrize("body", ["no JSON", "[]", "{}", '{"check": "DIRECTION", "reason": "OF_TOMORROW"}'])
def test_a_note_of_another_version_is_told_as_that(body: str) -> None:
    """What cannot be read is neither left out nor made up, and stops nothing."""
    rows = stored([Written(registered()[0], (Note(0, "held", body), held("DIRECTION", "DC_CONTRADICT", 1, "x")))])

    told = projected(rows).rows["decision_events"]

    assert [(row.decided, row.ordinal) for row in told] == [("UNREADABLE", 0), ("HELD", 1)]
    assert told[0].facts == body


def test_batches_make_no_difference() -> None:
    """Rows one by one, or all at once: the same."""
    rows = stored(drawn_traffic(1, 250))
    whole = projected(rows).rows

    assert projected(rows, batch=1).rows == whole
    assert projected(rows, batch=7).rows == whole


def test_a_trade_begins_with_nothing_of_the_last_one() -> None:
    """A slot's running leg, reference price and times are new with every ENTER."""
    place = Place(slot=0, instrument=0, trade=1)
    again = Place(slot=0, instrument=0, trade=2)
    tenth = QUANTITY_SCALE // 10
    whole, more = usdt("5000"), usdt("5100")
    rows = [
        *registered(),
        inputs.enter(**place, side=Side.LONG, quantity=tenth, price=PRICE),
        inputs.order(**place, attempt=0, quantity=tenth, quote=whole, done=True, time_ns=2),
        inputs.exit_leg(**place, leg=0, limit_price=PRICE),
        inputs.order(**place, attempt=1, quantity=tenth, quote=whole, done=True, time_ns=3),
        inputs.settle(**place, part=Part.ENTRY, quantity=tenth, quote=whole, fee=1, time_ns=2),
        inputs.settle(**place, part=Part.EXIT, quantity=tenth, quote=whole, fee=1, time_ns=3),
        inputs.enter(**again, side=Side.LONG, quantity=tenth, price=PRICE),
        inputs.order(**again, attempt=0, quantity=tenth, quote=whole, done=True, time_ns=4),
        inputs.flatten(**again),
        inputs.order(**again, attempt=1, quantity=tenth, quote=more, done=True, time_ns=5),
    ]
    got = projected(stored(rows))
    first, second = got.rows["trade_exit_legs"]

    assert (first.quantity_e8_coins, second.quantity_e8_coins) == (tenth, tenth)
    assert (first.realised_e8_usdt, second.realised_e8_usdt) == (0, 100 * MONEY_SCALE)
    assert not broken(got)


# --- planted defects -------------------------------------------------------------------------------------------------

DEFECTS: Final = {one.name: one for one in module_defects("projection-")}


def test_there_are_planted_defects() -> None:
    """An empty list would prove nothing."""
    assert len(DEFECTS) >= 12


@pytest.fixture(scope="module")
def sessions() -> list[list[Stored]]:
    """By hand, until half of a trade is closed, one closed by somebody else under an exit order, and by chance."""
    rows = [worked_out(), worked_out()[:8], closed_under_an_order(), drawn_traffic(SEEDS[0], 1_500)]
    return [stored(one) for one in rows]


def closed_under_an_order() -> list[Written | Input]:
    """Half of a trade is to be closed by an order, which rests; somebody closes a tenth meanwhile."""
    place = Place(slot=0, instrument=0, trade=1)
    lots, quote = QUANTITY_SCALE // 10, usdt("5000")
    return [
        *registered(),
        inputs.enter(**place, side=Side.SHORT, quantity=lots, price=PRICE, ratios=(500_000, 1_000_000)),
        inputs.order(**place, attempt=0, quantity=lots, quote=quote, done=True, time_ns=2),
        inputs.exit_leg(**place, leg=0),
        inputs.order(**place, attempt=1, quantity=lots // 5, quote=quote // 5, done=False, time_ns=3),
        inputs.external_close(**place, quantity=lots // 10, quote=quote // 10, time_ns=4),
        inputs.order(**place, attempt=1, quantity=lots // 2, quote=quote // 2, done=True, time_ns=5),
    ]


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_breaks_a_law(
    name: str, sessions: list[list[Stored]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cumulative legs, a lost command, a leg that outlives its trade and the rest: some law sees each."""
    with planted_module(DEFECTS[name].file, DEFECTS[name]) as module:
        _put(module, monkeypatch)
        found = [what for rows in sessions for what in broken(projected(rows), *LAWS, snapshots_are_the_state)]

    assert found


def _put(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name of the planted module in place of the one that the projector uses."""
    users = (projector, trades, memory, projecting)
    put = 0
    for name in dir(module):
        value: Any = getattr(module, name)
        if getattr(value, "__module__", None) == module.__name__:
            for user in users:
                if name in vars(user) and user.__name__.rpartition(".")[2] != module.__name__.removeprefix("planted_"):
                    monkeypatch.setattr(user, name, value)
                    put += 1
    assert put, f"nobody uses `{module.__name__}`"


# --- the derivation --------------------------------------------------------------------------------------------------


def test_the_fast_way_to_a_record_is_the_layout() -> None:
    """Every word at its place, with tails that are kept and tails that are not."""
    rng = random.Random(3)
    account, slot = (
        b"".join(rng.getrandbits(62).to_bytes(8, "little") for _ in word_names(record)) for record in (Account, Slot)
    )
    assert account_of(account) == unpack(Account, account)
    assert slot_of(slot) == unpack(Slot, slot)
    known = pack(Slot(trade=1)), Slot(trade=1)
    assert slot_of(pack(Slot(trade=2)), known) == Slot(trade=2)
    assert slot_of(slot, known) == unpack(Slot, slot)


def test_a_row_of_another_state_is_refused() -> None:
    """At the end of a batch the kernel has to stand where the digest says; an accepted migration is believed."""
    rows = stored(worked_out())
    row, notes = rows[9]
    other = [*rows[:9], (row._replace(digest=bytes(32)), notes)]
    for migration, refused in (
        (None, True), (Migration(10, row.digest, 1), False), (Migration(12, bytes(32), 1), False),
        (Migration(10, bytes(31) + b"1", 1), True), (Migration(9, bytes(32), 1), True),
    ):  # fmt: skip
        with Kernel(load_for_conformance()) as kernel:
            steps = Derivation(kernel).steps(other, migration)
            if refused:
                with pytest.raises(ReplayRefused, match="row `10`"):
                    list(steps)
            else:
                assert len(list(steps)) == 10


def test_memory_stays_bounded() -> None:
    """A slot remembers the beginnings of the trades that it still knows, no more."""
    got = projected(stored(drawn_traffic(SEEDS[1], 1_500)))
    kept = Memory()
    for step in got.steps:
        kept.end(step, kept.begin(step))

    assert all(len(kept.of(number).began_ns) <= len(slot.tails) + 1 for number, slot in enumerate(got.state.slots))
