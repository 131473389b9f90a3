"""The trading day that session limits look at: booked from every input, kept over midnight, clocks and restarts."""

from collections.abc import Callable
from typing import Any

import pytest

from dita.runtime.lockstep import Lockstep
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import MONEY_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import RejectReason, Side
from planted_module import Module, ModuleDefect, gate_defects, planted_module
from runtime_parts import PRICE, SECOND, ReferenceKernel, registered

HOUR = 3600 * SECOND
FIRST = 20_000 * 24 * HOUR  # midnight, UTC
USDT = MONEY_SCALE
QUANTITY = QUANTITY_SCALE // 10  # 5,000 dollars of it


def enter(trade: int, side: Side = Side.LONG) -> Input:
    return inputs.enter(slot=0, instrument=0, trade=trade, side=side, quantity=QUANTITY, price=PRICE)


def filled(trade: int, attempt: int, quote: int) -> Input:
    place: dict[str, Any] = {"slot": 0, "instrument": 0, "trade": trade, "attempt": attempt}
    return inputs.order(**place, quantity=QUANTITY, quote=quote, done=True, time_ns=SECOND)


def leave(trade: int) -> Input:
    return inputs.exit_leg(slot=0, instrument=0, trade=trade, leg=0)


def rejected(trade: int) -> Input:
    return inputs.rejected(
        slot=0, instrument=0, trade=trade, attempt=0, reason=RejectReason.REFUSED, time_ns=SECOND
    )  # fmt: skip


# 0.05 % of 5,000 and of 5,001: one dollar earned and 5.0005 paid are a loss of 4.0005. The short loses 10 more.
AFTER_ONE = -400_050_000
AT_ELEVEN, AT_NOON = FIRST + 11 * HOUR, FIRST + 36 * HOUR
WALK: list[tuple[str, list[Input], int, tuple[int, int, int, int]]] = [
    ("nothing yet", registered(), FIRST + 9 * HOUR, (20_000, 0, 0, 0)),
    ("an entry", [enter(1), filled(1, 0, 5000 * USDT)], FIRST + 10 * HOUR, (20_000, 0, 1, 0)),
    ("fees make it a loss", [leave(1), filled(1, 1, 5001 * USDT)], AT_ELEVEN, (20_000, 0, 1, AT_ELEVEN)),
    ("the next day", [enter(2)], FIRST + 33 * HOUR, (20_001, AFTER_ONE, 1, AT_ELEVEN)),
    ("rejected", [rejected(2)], FIRST + 33 * HOUR, (20_001, AFTER_ONE, 0, AT_ELEVEN)),
    ("the clock is set back", [enter(3, Side.SHORT)], FIRST + 23 * HOUR, (20_001, AFTER_ONE, 1, AT_ELEVEN)),
    ("a short that loses", [filled(3, 0, 5000 * USDT), leave(3), filled(3, 1, 5010 * USDT)], AT_NOON,
     (20_001, AFTER_ONE, 1, AT_NOON)),
    ("one that earns", [enter(4), filled(4, 0, 5000 * USDT), leave(4), filled(4, 1, 5100 * USDT)], AT_NOON + HOUR,
     (20_001, AFTER_ONE, 2, AT_NOON)),
]  # fmt: skip
"""What happens, when by our clock, and the day after it: number, result before, trades, end of the last loss."""


def history_failures(module: Module) -> list[str]:
    """Where the day is another than worked out by hand, or does not come back from a snapshot as it was."""
    history = module.History()
    lockstep = Lockstep(ReferenceKernel())
    wrong: list[str] = []
    for what, events, wall_ns, expected in WALK:
        for event in events:
            stepped = lockstep.step(event)
            assert stepped.outcome.verdict, (what, stepped.outcome)
            history.observe(event, stepped, send_by_ns=0, wall_ns=wall_ns)
        if tuple(history.day) != expected:
            wrong.append(f"{what}: {history.day}")
        if module.History.from_text(history.to_text()).day != history.day:
            wrong.append(f"{what}: not the same after a restart")
    return wrong


def day_failures(module: Module) -> list[str]:
    """Where a day begins or comes back when it should not."""
    day = module.TradingDay(20_000, 7, 3, 5)
    rows = [
        ("its last moment", FIRST + 24 * HOUR - 1, (20_000, 7, 3, 5)),
        ("midnight", FIRST + 24 * HOUR, (20_001, -9, 0, 5)),
        ("the day before", FIRST - 1, (20_000, 7, 3, 5)),
    ]
    return [what for what, wall_ns, expected in rows if tuple(day.on(wall_ns, -9)) != expected]


CHECKED: dict[str, Callable[[Module], list[str]]] = {"history.py": history_failures, "trading_day.py": day_failures}


@pytest.mark.parametrize("file", CHECKED)
def test_the_day_is_what_was_worked_out_by_hand(file: str) -> None:
    """Entries less rejected ones, losses with their fees, midnight, a clock that was set back, a restart."""
    with planted_module(file) as module:
        assert CHECKED[file](module) == []


@pytest.mark.parametrize(
    "defect", [*gate_defects("history"), *gate_defects("trading_day")], ids=lambda defect: defect.name
)
def test_a_defect_of_the_day_shows(defect: ModuleDefect) -> None:
    """With a planted defect the day is another."""
    with planted_module(defect.file, defect) as module:
        assert CHECKED[defect.file](module) != []
