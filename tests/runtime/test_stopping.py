"""The end of a runtime: what would still open is cancelled first, while the streams that tell its end are there."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import pytest

from dita.runtime.alerts import Alert
from dita.runtime.live import Runtime
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import Phase, Side
from runtime_parts import PRICE, opened
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually

STOP_WITHIN_MS = 10_000
ENTER = inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY_SCALE // 10, price=PRICE)
ACK = inputs.order(slot=0, instrument=0, trade=1, attempt=0, quantity=0, quote=0, done=False, time_ns=5)
OVER = ACK._replace(done=1, time_ns=6)


class Ending:
    """A runtime that has nothing but an engine room, and says in which phase the slot was when each part ended."""

    def __init__(self, room: EngineRoom) -> None:
        self.room = room
        self.phases: dict[str, Phase] = {}
        self.runtime = SimpleNamespace(
            alerts=room.alerts,
            engine=room.engine,
            settings=SimpleNamespace(stop_within_ms=STOP_WITHIN_MS),
            entries=SimpleNamespace(is_open=True),
            strategist=SimpleNamespace(may_act=True),
            _market_stream=SimpleNamespace(aclose=self._part("market stream")),
            _account_stream=SimpleNamespace(aclose=self._part("account stream")),
            _background=SimpleNamespace(stop=self._part("tasks")),
            dead_man=SimpleNamespace(stop=self._part("dead-man timer")),
            _connection=SimpleNamespace(aclose=self._part("connection")),
            _write_decisions=mock.AsyncMock(),
        )
        cancel = Runtime._cancel_entries  # pyright: ignore[reportPrivateUsage] - what the stop is to call
        self.runtime._cancel_entries = lambda: cancel(cast("Any", self.runtime))

    async def stop(self) -> None:
        """As the session does it."""
        await Runtime.stop(cast("Any", self.runtime))

    def _part(self, name: str) -> Any:
        async def ended() -> None:
            self.phases[name] = Phase(self.room.engine.state.slots[0].phase)

        return ended


def stopped(folder: Path, events: list[Input], *, answers: bool) -> tuple[Ending, list[str]]:
    """Stop after these inputs; whether the venue tells the end of what is cancelled. The ending, and the cancels."""

    async def work(clock: VirtualClock) -> tuple[Ending, list[str]]:
        room = EngineRoom(folder, clock)
        await room.open_shop()
        for event in events:
            await room.engine.apply(event)
        ending = Ending(room)
        stopping = asyncio.create_task(ending.stop())
        await asyncio.sleep(0.2)
        if answers and room.script.cancels:
            await room.engine.apply(OVER)
        await stopping
        await room.background.stop()
        return ending, room.script.cancels

    return run_virtually(work)


def test_a_working_entry_is_cancelled_before_anything_ends(tmp_path: Path) -> None:
    """Its cancel leaves at once, and the streams are closed when its end has been heard; nothing may open meanwhile."""
    ending, cancels = stopped(tmp_path, [ENTER, ACK], answers=True)

    assert cancels == ["test0-1-0-0"]
    assert ending.phases == dict.fromkeys(ending.phases, Phase.IDLE)
    assert list(ending.phases) == ["market stream", "account stream", "tasks", "dead-man timer", "connection"]
    assert (ending.runtime.entries.is_open, ending.runtime.strategist.may_act) == (False, False)
    assert ending.runtime.unfinished == ()


def test_an_entry_that_does_not_end_has_its_share_of_the_time(tmp_path: Path) -> None:
    """The venue never tells its end: after its share the stop goes on, and says what it left behind."""
    ending, cancels = stopped(tmp_path, [ENTER, ACK], answers=False)

    assert set(cancels) == {"test0-1-0-0"}
    assert ending.phases == dict.fromkeys(ending.phases, Phase.ENTRY_WORKING)
    assert ending.runtime.unfinished == ("entries",)
    assert ending.room.alerts.counts[Alert.STOP_OVERRUN] == 1


@pytest.mark.parametrize("events", [[], opened(1)], ids=["nothing", "a position"])
def test_nothing_else_is_cancelled(tmp_path: Path, events: list[Input]) -> None:
    """Without an entry nothing is waited for; a position stays as it is."""
    ending, cancels = stopped(tmp_path, events, answers=False)

    assert cancels == []
    assert ending.runtime.unfinished == ()
    assert len(ending.phases) == 5
