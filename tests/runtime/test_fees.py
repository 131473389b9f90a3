"""The fee model against the account: the start's comparison, what it holds back, the average later."""

import asyncio
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dita.adapters.logic.fees import Agreement, FeeSum
from dita.adapters.logic.rows import FillRow
from dita.runtime.alerts import Alert
from dita.runtime.cli_session import fee_table
from dita.runtime.fees import HOLD, FeeCheck, FeeRow, FeeWatch
from dita.spec.scales import MONEY_SCALE, NANOSECONDS_PER_SECOND, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide
from reconcile_parts import foreign
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

FAIR = 3 * MONEY_SCALE  # of 0.1 coins at 60,000 USDT as taker


def watch_of(room: EngineRoom) -> tuple[FeeWatch, set[str]]:
    held: set[str] = set()
    watch = FeeWatch(room.engine, room.venue, room.instruments, room.alerts, hold=held.add, release=held.discard)
    return watch, held


def fill(now_ns: int, number: int, paid: int, order_id: str = "10") -> FillRow:
    return FillRow(
        symbol=SYMBOL, trade_id=str(number), order_id=order_id, side=OrderSide.BUY, position_side="LONG",
        price=60_000 * PRICE_SCALE, quantity=QUANTITY_SCALE // 10, commission_e18=-paid * 10**10,
        commission_asset="USDT", time_ns=now_ns - number * NANOSECONDS_PER_SECOND, is_maker=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("paid_percent", "agrees", "holds", "alerts"),
    [
        (100, Agreement.AGREES, False, 0), (102, Agreement.DOUBTFUL, False, 1), (110, Agreement.REFUSED, True, 1),
        (0, Agreement.REFUSED, True, 1),
    ],
)  # fmt: skip
def test_recent_fills_are_compared_and_a_wrong_model_opens_nothing(
    tmp_path: Path, paid_percent: int, agrees: Agreement, *, holds: bool, alerts: int
) -> None:
    """Agrees in silence; doubtful with an alert; refused with an alert that names the setting, and a hold."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.fills = tuple(fill(clock.wall_ns(), number, FAIR * paid_percent // 100) for number in range(5))
        watch, held = watch_of(room)
        assert await watch.check_recent()
        assert watch.check is not None
        assert (watch.check.agreement, watch.refuses) == (agrees, holds)
        assert held == ({HOLD} if holds else set())
        assert room.alerts.counts[Alert.FEE_MODEL] == alerts
        assert [shown.model_e18 for shown in watch.check.rows] == [FAIR * 10**10] * 5
        assert ("DITA_FEE_RATIO_PPM=1100000" in watch.check.says) is (paid_percent == 110)
        await room.close()

    run_virtually(work)


def test_refused_fees_are_shown_fill_by_fill() -> None:
    """Time, symbol, role, notional, what the model says and what was charged; nothing is shown of what agrees."""
    row = fill(1_760_000_000 * NANOSECONDS_PER_SECOND, 0, 2 * FAIR)
    rows = (FeeRow(row, FAIR * 10**10), FeeRow(replace(row, is_maker=None), None))
    fees = FeeSum(1, 1, FAIR * 10**10, 2 * FAIR * 10**10)
    console = Console(width=140, record=True, file=StringIO())
    console.print(*fee_table(FeeCheck(Agreement.REFUSED, fees, rows)))
    shown = console.export_text()
    for word in ("2025-10-09 08:53:20", SYMBOL, "taker", "6000.00000000", "3.00000000", "not said", "not known"):
        assert word in shown, word
    assert fee_table(FeeCheck(Agreement.AGREES, fees, rows)) == fee_table(None) == []


def test_an_account_without_fills_has_nothing_to_compare(tmp_path: Path) -> None:
    """It may trade: what it pays is compared as it settles."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        watch, held = watch_of(room)
        assert await watch.check_recent()
        assert watch.check is not None
        assert (watch.check.agreement, held) == (Agreement.NOTHING, set())
        await room.close()

    run_virtually(work)


def test_a_forced_close_is_left_out(tmp_path: Path) -> None:
    """The venue charges a deleveraging nothing; that says nothing about the rates."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.orders = {"": replace(foreign("77"), type_text="LIQUIDATION")}
        room.script.fills = (fill(clock.wall_ns(), 1, FAIR), fill(clock.wall_ns(), 2, 0, "77"))
        watch, held = watch_of(room)
        assert await watch.check_recent()
        assert watch.check is not None
        assert (watch.check.agreement, watch.check.fees.rows, held) == (Agreement.AGREES, 1, set())
        await room.close()

    run_virtually(work)


def test_a_comparison_that_could_not_be_read_is_not_done(tmp_path: Path) -> None:
    """While the venue is down the answer is open, and nobody takes it for an agreement."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        watch, _ = watch_of(room)
        room.script.down = True
        assert not await watch.check_recent()
        assert watch.check is None
        room.script.down = False
        room.script.fills = (fill(clock.wall_ns(), 1, 2 * FAIR),)
        await asyncio.sleep(1)
        assert await watch.check_recent()
        assert watch.refuses
        await room.close()

    run_virtually(work)


def test_the_average_reaches_the_kernel_and_holds_new_trades_while_it_is_off(tmp_path: Path) -> None:
    """A tenth too much each time: predicted with more and more, held from five per cent on, released when back."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        watch, held = watch_of(room)
        holding: list[bool] = []
        for number in range(8):
            await watch.settled((fill(clock.wall_ns(), number, FAIR * 11 // 10),))
            holding.append(HOLD in held)
            assert room.engine.state.account.calibration_ppm == watch.calibration.ratio_ppm
        assert holding == [False] * 5 + [True] * 3
        for number in range(20):
            await watch.settled((fill(clock.wall_ns(), number, FAIR),))
        assert held == set()
        assert abs(room.engine.state.account.calibration_ppm - watch.calibration.ratio_ppm) < 1000
        off, back = [raised.text for raised in room.alerts.newest if raised.alert is Alert.FEE_MODEL]
        assert off.endswith("of the model: nothing is opened until that is within 5 % again")
        assert back.endswith("of the model again")
        room.script.fills = (fill(clock.wall_ns(), 1, FAIR * 102 // 100),)
        fresh, _ = watch_of(room)
        assert await fresh.check_recent()
        assert room.engine.state.account.calibration_ppm == fresh.calibration.ratio_ppm == 1_020_000
        again, _ = watch_of(room)
        assert again.calibration.ratio_ppm == room.engine.state.account.calibration_ppm
        await room.close()

    run_virtually(work)
