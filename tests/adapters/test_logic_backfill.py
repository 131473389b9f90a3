"""The reading after a gap: everything twice, once after the venue's lag, whatever fails, and from before the gap on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.logic import backfill
from dita.adapters.logic.backfill import BEFORE_NS, PASSES, Backfill, Gap
from dita.adapters.logic.orders import OrderMemory, Snapshot
from dita.adapters.logic.resolve import AskByClientId, AskFills, Wait
from dita.adapters.logic.rows import FillRow
from dita.spec.vocabulary import OrderSide

SECOND = 10**9
GAP = Gap(1_000 * SECOND, ("BTC-USDT", "ETH-USDT"), (("BTC-USDT", "jrnl-1-0-0"),), read_lag_ns=5 * SECOND)
ORDER = AskByClientId("BTC-USDT", "jrnl-1-0-0")
FILLS = (AskFills("BTC-USDT", 990 * SECOND), AskFills("ETH-USDT", 990 * SECOND))


def test_orders_then_fills_since_before_the_gap_and_again_after_the_lag() -> None:
    """The whole course of a back-fill in which nothing fails."""
    at = backfill.begin(GAP)
    asked: list[object] = []
    while not at.is_done:
        asked.append(backfill.question(at))
        at = backfill.answered(at, is_certain=True)
    once = [ORDER, *FILLS]
    assert asked == [*once, Wait(5 * SECOND), *once]
    assert BEFORE_NS == 10 * SECOND
    assert PASSES == 2
    with pytest.raises(ValueError, match="everything was read"):
        backfill.question(at)
    with pytest.raises(ValueError, match="everything was read"):
        backfill.answered(at, is_certain=True)


def test_the_second_pass_asks_about_the_orders_of_its_own_time() -> None:
    """What took off during the first pass is asked about, what has ended is not."""
    at = backfill.begin(GAP)
    while at.passes == 0:
        at = backfill.answered(at, is_certain=True)
    at = backfill.answered(backfill.with_orders(at, [("ETH-USDT", "jrnl-2-1-0")]), is_certain=True)
    assert backfill.question(at) == AskByClientId("ETH-USDT", "jrnl-2-1-0")


def test_a_gap_without_symbols_or_from_the_beginning_of_time() -> None:
    """Nothing to read is a mistake of the caller; times are never negative."""
    with pytest.raises(ValueError, match="no symbols"):
        backfill.begin(Gap(1, (), ()))
    assert backfill.question(backfill.begin(Gap(1, ("X-USDT",), ()))) == AskFills("X-USDT", 0)


@given(st.lists(st.booleans(), max_size=60))
def test_whatever_fails_everything_is_read_in_each_pass_and_waits_are_bounded(results: list[bool]) -> None:
    """Each question is answered with certainty once a pass, the second time after the lag; failures back off."""
    at: Backfill = backfill.begin(GAP)
    pending = list(results)
    answered: list[object] = []
    times: list[int] = []
    now = failed = 0
    while not at.is_done:
        asked = backfill.question(at)
        if isinstance(asked, Wait):
            now += asked.duration_ns
            assert asked.duration_ns <= 16 * SECOND
            at = backfill.answered(at, is_certain=True)
            continue
        certain = pending.pop(0) if pending else True
        at = backfill.answered(at, certain)
        if certain:
            answered.append(asked)
            times.append(now)
        else:
            failed += 1
            assert isinstance(backfill.question(at), Wait)
    whole = sorted(map(repr, (ORDER, *FILLS)))
    assert [sorted(map(repr, part)) for part in (answered[:3], answered[3:])] == [whole, whole]
    assert min(times[3:]) >= max(times[:3]) + 5 * SECOND
    assert now >= 5 * SECOND + failed * SECOND


def fill(trade: str, quantity: int) -> FillRow:
    return FillRow("BTC-USDT", trade, "9", OrderSide.BUY, "LONG", 6 * 10**14, quantity, 0, "USDT", 1)


def test_fill_rows_hint_at_more_than_was_let_through_and_are_no_snapshot_themselves() -> None:
    """Rows of a gap may be the later part of an order: they make it worth a query, and then its notional exact."""
    memory = OrderMemory(Snapshot(500, 300_000, False, 1))
    assert not memory.remember_fills([fill("1", 500)])
    assert memory.remember_fills([fill("2", 200)])
    assert memory.forwarded == Snapshot(500, 300_000, False, 1)
    assert not OrderMemory().remember_fills([])
    assert OrderMemory().remember_fills([fill("1", 1)])
