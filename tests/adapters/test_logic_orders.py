"""From readings of an order to snapshots: exact where the rows allow it, done only on evidence, news only."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.logic.orders import OrderMemory, Reading, Snapshot, order_input
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow, OrderState
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.vocabulary import Kind, OrderSide

TICK = 10**9
LOT = 10**4
PRICE = 600_000_000_000_000


def row(cum: int | None = 0, evidence: Evidence = Evidence.STREAM, **change: object) -> OrderRow:
    made = OrderRow(
        evidence=evidence, symbol="BTC-USDT", order_id="1", client_order_id="jrnl-1-0-0", side=OrderSide.BUY,
        position_side="LONG", state=OrderState.OPEN, status_text="NEW", type_text="LIMIT", ordered_quantity=100 * LOT,
        cum_quantity=cum, average_price=PRICE if cum else 0, time_ns=1000,
    )  # fmt: skip
    return replace(made, **change)  # type: ignore[arg-type]  # one field of many


def fill(trade_id: str, quantity: int, price: int = PRICE) -> FillRow:
    return FillRow("BTC-USDT", trade_id, "1", OrderSide.BUY, "LONG", price, quantity, -1, "USDT", 2000)


def money(*parts: tuple[int, int]) -> int:
    """Second opinion: an exact fraction, rounded by Python (half-even)."""
    return round(sum(Fraction(quantity * price, 10**10) for quantity, price in parts))


def test_the_first_word_is_news_and_its_repetition_is_not() -> None:
    """An acknowledgement is a snapshot with nothing filled; saying it again says nothing."""
    memory = OrderMemory()
    assert memory.take_acceptance(900) == Reading(Snapshot(0, 0, False, 900), ask=False)
    assert memory.take_row(row(0)) == Reading(None, ask=False)
    assert memory.take_acceptance(900) == Reading(None, ask=False)


@pytest.mark.parametrize(
    ("evidence", "state", "done", "ask"),
    [
        (Evidence.STREAM, OrderState.FILLED, True, False),
        (Evidence.STREAM, OrderState.CANCELED, True, False),
        (Evidence.STREAM, OrderState.EXPIRED, True, False),
        (Evidence.STREAM, OrderState.OPEN, False, False),
        (Evidence.STREAM, OrderState.OTHER, False, False),
        (Evidence.QUERY, OrderState.FILLED, True, False),
        (Evidence.QUERY, OrderState.FAILED, True, False),
        (Evidence.QUERY, OrderState.OTHER, False, False),
        (Evidence.LISTING, OrderState.FILLED, False, True),
        (Evidence.LISTING, OrderState.OPEN, False, False),
        (Evidence.CANCEL_ECHO, OrderState.CANCELED, False, True),
        (Evidence.SUBMIT_ECHO, OrderState.FILLED, False, True),
    ],
)
def test_only_a_pushed_end_or_a_query_ends_an_order(
    evidence: Evidence, state: OrderState, done: bool, ask: bool
) -> None:
    """The DELETE echo may predate a racing fill, and a listing is a hint: both make us ask, neither ends anything."""
    reading = OrderMemory().take_row(row(5 * LOT, evidence, state=state))
    assert reading.snapshot is not None
    assert (reading.snapshot.done, reading.ask) == (done, ask)


def test_a_frame_that_does_not_say_how_much_filled_ends_nothing() -> None:
    """Without z there is no snapshot, terminal or not: the order is asked for. Missing is not zero."""
    for state in (OrderState.FILLED, OrderState.CANCELED, OrderState.OPEN):
        assert OrderMemory().take_row(row(None, state=state)) == Reading(None, ask=True)
    assert OrderMemory().take_row(row(0, state=OrderState.FILLED)) == Reading(None, ask=True)


def test_a_fill_without_a_price_is_asked_for() -> None:
    """A quantity with neither fills nor average price has no notional: nothing is guessed."""
    for price in (None, 0):
        assert OrderMemory().take_row(row(LOT, average_price=price)) == Reading(None, ask=True)


def test_the_notional_is_exact_when_the_frames_seen_reach_back_to_zero() -> None:
    """Three frames in any order; the average is rounded by the venue, the chain of l and L is not."""
    frames = [
        row(1 * LOT, last_quantity=1 * LOT, last_price=PRICE, average_price=PRICE),
        row(3 * LOT, last_quantity=2 * LOT, last_price=PRICE + TICK, average_price=PRICE + TICK),
        row(6 * LOT, last_quantity=3 * LOT, last_price=PRICE + 2 * TICK, average_price=PRICE + TICK),
    ]
    exact = money((LOT, PRICE), (2 * LOT, PRICE + TICK), (3 * LOT, PRICE + 2 * TICK))
    rounded = money((6 * LOT, PRICE + TICK))
    assert exact != rounded
    memory = OrderMemory()
    readings = [memory.take_row(frame) for frame in frames]
    assert readings[-1].snapshot == Snapshot(6 * LOT, exact, False, 1000)
    assert OrderMemory().take_row(frames[2]).snapshot == Snapshot(6 * LOT, rounded, False, 1000)


def test_frames_that_contradict_each_other_are_not_used() -> None:
    """The same z with another price: neither is believed, the average stands in."""
    memory = OrderMemory()
    memory.take_row(row(LOT, last_quantity=LOT, last_price=PRICE))
    memory.take_row(row(LOT, last_quantity=LOT, last_price=PRICE + TICK))
    reading = memory.take_row(row(3 * LOT, last_quantity=2 * LOT, last_price=PRICE, average_price=PRICE + 5 * TICK))
    assert reading.snapshot is not None
    assert reading.snapshot.quote == money((3 * LOT, PRICE + 5 * TICK))


def test_fill_rows_prove_quantity_and_notional_and_end_nothing() -> None:
    """Rows run ahead of the stream: they are forwarded, exact, each trade once, and the order stays open."""
    memory = OrderMemory()
    memory.take_row(row(0))
    rows = [fill("1", 2 * LOT), fill("2", LOT, PRICE + TICK), fill("1", 2 * LOT)]
    reading = memory.take_fills(rows)
    assert reading.snapshot == Snapshot(3 * LOT, money((2 * LOT, PRICE), (LOT, PRICE + TICK)), False, 2000)
    assert memory.take_fills(rows) == Reading(None, ask=False)
    assert memory.take_row(row(3 * LOT, average_price=PRICE)).snapshot is None
    done = memory.take_row(row(3 * LOT, Evidence.QUERY, state=OrderState.CANCELED, average_price=PRICE))
    assert done.snapshot is not None
    assert done.snapshot.quote == money((2 * LOT, PRICE), (LOT, PRICE + TICK))


def test_an_end_below_what_was_filled_is_told_as_it_is_and_asked_again() -> None:
    """A done snapshot below the known quantity must not finish anything; it is neither merged nor swallowed."""
    memory = OrderMemory()
    memory.take_row(row(5 * LOT))
    reading = memory.take_row(row(3 * LOT, state=OrderState.CANCELED))
    assert reading.ask
    assert reading.snapshot is not None
    assert (reading.snapshot.quantity, reading.snapshot.done) == (3 * LOT, True)
    assert memory.forwarded is not None
    assert (memory.forwarded.quantity, memory.forwarded.done) == (5 * LOT, False)
    right = memory.take_row(row(5 * LOT, Evidence.QUERY, state=OrderState.CANCELED))
    assert right.snapshot is not None
    assert (right.snapshot.quantity, right.snapshot.done) == (5 * LOT, True)


def test_growth_after_the_end_is_news() -> None:
    """A late fill of a finished order is forwarded; a stale frame of it is not."""
    memory = OrderMemory()
    memory.take_row(row(3 * LOT, state=OrderState.CANCELED))
    late = memory.take_row(row(5 * LOT))
    assert late.snapshot is not None
    assert late.snapshot.quantity == 5 * LOT
    assert memory.take_row(row(3 * LOT, state=OrderState.CANCELED)) == Reading(None, ask=False)


def test_a_restored_memory_lets_through_what_is_new_since() -> None:
    """Rebuilt from the journal: a back-fill of old frames makes no noise."""
    memory = OrderMemory(forwarded=Snapshot(3 * LOT, 500, False, 10))
    assert memory.take_row(row(2 * LOT)) == Reading(None, ask=False)
    news = memory.take_row(row(4 * LOT))
    assert news.snapshot is not None


def test_a_snapshot_becomes_the_kernels_input() -> None:
    """Identity, figures, end and time are carried over."""
    assert order_input(OrderKey(7, 2, 3), 5, Snapshot(LOT, 6, True, 9)) == Input(
        kind=Kind.ORDER, slot=2, instrument=5, trade=7, attempt=3, quantity=LOT, quote=6, done=1, time_ns=9
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[OrderRow], list[FillRow], int]:
    """A true order: some fills at some prices, then an end; every reading that a fair venue could give of it."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=0, max_size=5))
    readings = [row(0), row(0, Evidence.QUERY), row(0, Evidence.LISTING)]
    fills: list[FillRow] = []
    cum = 0
    for number, size in enumerate(sizes):
        price = PRICE + TICK * draw(st.integers(-9, 9))
        cum += size * LOT
        fills.append(fill(str(number), size * LOT, price))
        spent = sum(one.price * one.quantity for one in fills)
        average = spent // cum // TICK * TICK  # rounded to the tick, as the venue does
        readings += [row(cum, evidence, average_price=average) for evidence in Evidence]
        readings.append(row(cum, last_quantity=size * LOT, last_price=price, average_price=average))
        readings.append(row(None))
    average = readings[-2].average_price or 0
    state = draw(st.sampled_from([OrderState.CANCELED, OrderState.EXPIRED]))
    ends = [row(cum, evidence, state=state, average_price=average) for evidence in Evidence]
    return readings + ends, fills, cum


@given(histories(), st.data())
def test_in_any_order_with_loss_and_repetition_the_join_is_that_of_all_readings(
    history: tuple[list[OrderRow], list[FillRow], int], data: st.DataObject
) -> None:
    """Clause O1: what was let through joins to all that was read, and nothing is done that is not over."""
    readings, fills, total = history
    picked = data.draw(st.lists(st.sampled_from(readings), max_size=30))
    memory = OrderMemory()
    let_through: list[Snapshot] = []
    for index, reading in enumerate(picked):
        if fills and index % 4 == 3:
            found = memory.take_fills(data.draw(st.lists(st.sampled_from(fills), max_size=4)))
            let_through += [found.snapshot] if found.snapshot else []
        taken = memory.take_row(reading)
        let_through += [taken.snapshot] if taken.snapshot else []
    stated = [one.cum_quantity for one in picked if one.cum_quantity is not None]
    best = max((one.quantity for one in let_through), default=-1)
    assert best >= max(stated, default=-1)
    assert best <= total
    over = any(
        one.state.is_terminal and one.evidence in (Evidence.STREAM, Evidence.QUERY) and one.cum_quantity is not None
        for one in picked
    )  # fmt: skip
    assert any(one.done for one in let_through) == over
    assert all(one.quantity == total for one in let_through if one.done)
    for earlier, later in pairwise(let_through):
        assert (later.quantity, later.quote) > (earlier.quantity, earlier.quote) or (later.done and not earlier.done)
    if over:  # once everything is said, every further reading is silence
        memory.take_fills(fills)
        for reading in readings:
            memory.take_row(reading)
        assert all(memory.take_row(reading).snapshot is None for reading in readings)
