"""Kill switches in one process: the operator's switch, the dead-man timer, the watchdog, and an end in stages."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.bingx.errors import NoReply
from dita.adapters.journal import Switch, SwitchTo, clear_switch, read_switch, set_switch
from dita.adapters.journal.switch import switch_path
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.dead_man import REASON, DeadMan
from dita.runtime.engine import Engine
from dita.runtime.lockstep import Stepped
from dita.runtime.stages import SHARES, Stages
from dita.runtime.watchdog import Watchdog
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Side
from helm_parts import helm_of
from runtime_parts import PRICE, opened
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10
ENTER = inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY, price=PRICE)
ACK = inputs.order(slot=0, instrument=0, trade=1, attempt=0, quantity=0, quote=0, done=False, time_ns=5)
STOPPING = (Kind.SET_MODE, Kind.CANCEL, Kind.FLATTEN)


def set_to(path: Path, to: SwitchTo) -> None:
    set_switch(path, Switch(to, "a test", 1))


def obeyed(folder: Path, to: SwitchTo, events: list[Input]) -> tuple[list[Kind], Code, Mode]:
    """The stopping inputs after the switch is set, in order; what an ENTER is answered then; the mode in the end."""

    async def work(clock: VirtualClock) -> tuple[list[Kind], Code, Mode]:
        room = EngineRoom(folder, clock)
        await room.open_shop()
        for event in events:
            await room.engine.apply(event)
        seen: list[Kind] = []

        def observe(event: Input, stepped: Stepped) -> None:
            if event.kind in STOPPING and stepped.outcome.code != Code.NO_CHANGE:
                seen.append(Kind(event.kind))

        room.engine.observers.append(observe)
        path = Path(room.journal.path)
        watching = asyncio.create_task(helm_of(room).run())
        await asyncio.sleep(0.2)
        assert seen == []
        set_to(path, to)
        await asyncio.sleep(0.06)  # within a twentieth of a second, and a moment for the disk
        again = ENTER._replace(trade=9, slot=5)
        answer = Code((await room.engine.apply(again)).code)
        stopping, mode = list(seen), Mode(room.engine.state.account.mode)
        assert room.alerts.counts[Alert.SWITCH] == 1
        clear_switch(path)
        await asyncio.sleep(0.1)
        assert room.engine.state.account.mode == Mode.ACTIVE
        watching.cancel()
        await room.close()
        return stopping, answer, mode

    return run_virtually(work)


@pytest.mark.parametrize(
    ("to", "events", "stopping", "answer", "mode"),
    [
        (SwitchTo.REDUCE_ONLY, [ENTER, ACK], [Kind.SET_MODE, Kind.CANCEL], Code.MODE_REDUCE_ONLY, Mode.REDUCE_ONLY),
        (SwitchTo.HALTED, [ENTER, ACK], [Kind.SET_MODE, Kind.CANCEL], Code.MODE_HALTED, Mode.HALTED),
        (SwitchTo.HALTED, opened(1), [Kind.SET_MODE], Code.MODE_HALTED, Mode.HALTED),
        (SwitchTo.FLAT, opened(1), [Kind.SET_MODE, Kind.FLATTEN], Code.MODE_REDUCE_ONLY, Mode.REDUCE_ONLY),
        (
            SwitchTo.FLAT, [ENTER, ACK], [Kind.SET_MODE, Kind.CANCEL, Kind.FLATTEN],
            Code.MODE_REDUCE_ONLY, Mode.REDUCE_ONLY,
        ),
    ],
)  # fmt: skip
def test_the_switch_is_obeyed_at_once_and_in_order(
    tmp_path: Path, to: SwitchTo, events: list[Input], stopping: list[Kind], answer: Code, mode: Mode
) -> None:
    """The mode, then every working entry, then (if wanted) every position; ENTER is refused; cleared, it is over."""
    assert obeyed(tmp_path, to, events) == (stopping, answer, mode)


def test_a_switch_that_forgets_the_entries_is_seen(tmp_path: Path) -> None:
    """Planted: the mode is lowered and the working entry left alone. The check above sees it."""
    with mock.patch.object(Engine, "cancel_entries", mock.AsyncMock()):
        assert obeyed(tmp_path, SwitchTo.HALTED, [ENTER, ACK])[0] == [Kind.SET_MODE]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"to": "sideways", "why": "", "set_ns": 1}', '{"to": "flat"}'])
def test_a_switch_that_cannot_be_understood_halts(tmp_path: Path, content: str) -> None:
    """Somebody wanted something stopped: whatever the file holds, it is never nothing."""
    switch_path(tmp_path / "j").write_text(content)
    found = read_switch(tmp_path / "j")
    assert found is not None
    assert found.to is SwitchTo.HALTED


def test_a_start_obeys_the_switch_before_the_settings(tmp_path: Path) -> None:
    """The stricter of the two is wanted, whichever it is; what was obeyed once is not obeyed again."""

    async def work(clock: VirtualClock) -> list[Mode]:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        path = Path(room.journal.path)
        wanted: list[Mode] = []
        for to in (None, SwitchTo.HALTED, None):
            if to is not None:
                set_to(path, to)
            helm = helm_of(room, settled=Mode.REDUCE_ONLY)
            rows = [room.journal.position]
            for _ in range(2):
                await helm.begin()
                rows.append(room.journal.position)
            assert rows[2] == rows[1]
            wanted.append(Mode(room.engine.state.account.mode))
        clear_switch(path)
        await helm_of(room, settled=Mode.REDUCE_ONLY).begin()
        wanted.append(Mode(room.engine.state.account.mode))
        await room.close()
        return wanted

    assert run_virtually(work) == [Mode.REDUCE_ONLY, Mode.HALTED, Mode.HALTED, Mode.REDUCE_ONLY]


# --- the dead-man timer ----------------------------------------------------------------------------------------------


def test_the_timer_is_wound_in_time_and_nothing_opens_without_it() -> None:
    """Every third of its time; unconfirmed, openings are held back and it is tried each second; a stop stops it."""
    wound: list[tuple[float, int]] = []
    held: set[str] = set()
    down = False

    async def work(clock: VirtualClock) -> None:
        nonlocal down
        began = clock.monotonic_ns()

        async def wind(seconds: int) -> None:
            if down:
                raise NoReply("test", "the venue is down")
            wound.append(((clock.monotonic_ns() - began) / 1e9, seconds))

        timer = DeadMan(wind, 30, Alerts(clock.wall_ns), hold=held.add, release=held.discard)
        running = asyncio.create_task(timer.run())
        await asyncio.sleep(25)
        assert [at for at, _ in wound] == pytest.approx([0, 10, 20])
        assert held == set()
        down = True
        await asyncio.sleep(10)
        assert held == {REASON}
        down = False
        await asyncio.sleep(2)
        assert held == set()
        assert all(later - earlier < 30 for (earlier, _), (later, _) in pairwise(wound))
        running.cancel()
        down = True
        stopping = asyncio.create_task(timer.stop())
        await asyncio.sleep(1.2)
        assert not stopping.done()
        down = False
        await stopping
        assert wound[-1][1] == 0

    run_virtually(work)


def test_no_timer_holds_nothing_back() -> None:
    """With 0 seconds nothing is asked of the venue, at the stop neither."""
    wind = mock.AsyncMock()
    held: set[str] = set()

    async def work(clock: VirtualClock) -> None:
        timer = DeadMan(wind, 0, Alerts(clock.wall_ns), hold=held.add, release=held.discard)
        await timer.run()
        await timer.stop()

    run_virtually(work)
    assert (wind.await_count, held) == (0, set())


# --- the watchdog ----------------------------------------------------------------------------------------------------


def hang_here(seconds: float) -> None:
    """What keeps the loop: its name has to be in the stacks."""
    time.sleep(seconds)


def watched(folder: Path, work: Callable[[], None], kill_seconds: float = 0) -> tuple[Watchdog, list[float], int]:
    """Run something in a watched loop: the watchdog, the recoveries it told, and how often it killed."""
    recovered: list[float] = []
    kill = mock.Mock()

    async def live() -> Watchdog:
        dog = Watchdog(folder, stall_seconds=0.5, kill_seconds=kill_seconds, on_recovered=recovered.append, kill=kill)
        dog.start()
        beating = asyncio.create_task(dog.run())
        await asyncio.sleep(0.5)
        work()
        await asyncio.sleep(0.3)
        beating.cancel()
        dog.close()
        return dog

    return asyncio.run(live()), recovered, kill.call_count


def test_a_stalled_loop_is_noticed_while_it_stalls(tmp_path: Path) -> None:
    """One stall, its stacks in a file with the function that hangs, the loop told afterwards; nothing is killed."""
    dog, recovered, killed = watched(tmp_path, lambda: hang_here(1.2))
    assert (dog.stalls, killed) == (1, 0)
    (path,) = tmp_path.iterdir()
    assert "hang_here" in path.read_text()
    assert len(recovered) == 1
    assert recovered[0] > 0.5


def test_a_loop_that_runs_is_left_alone(tmp_path: Path) -> None:
    """No stall, no file, nothing told."""
    dog, recovered, killed = watched(tmp_path, lambda: None, kill_seconds=0.7)
    assert (dog.stalls, recovered, killed, list(tmp_path.iterdir())) == (0, [], 0, [])


def test_a_loop_that_never_runs_again_ends_its_process(tmp_path: Path) -> None:
    """Beyond the second bound the process is killed, once."""
    assert watched(tmp_path, lambda: hang_here(1.8), kill_seconds=0.9)[2] == 1


# --- ending ----------------------------------------------------------------------------------------------------------


def test_no_stage_keeps_the_next_one() -> None:
    """A stage that hangs has its share of the time, one that raises none; the last is run, and both are named."""

    async def work(clock: VirtualClock) -> None:
        alerts = Alerts(clock.wall_ns)
        stages = Stages(alerts, 20)
        ran: list[str] = []

        async def fine() -> None:
            ran.append("fine")

        async def broken() -> None:
            raise OSError("planted")

        began = clock.monotonic_ns()
        await stages.run("hanging", 3, asyncio.get_running_loop().create_future())
        await stages.run("broken", SHARES, broken())
        await stages.run("fine", 1, fine())
        assert clock.monotonic_ns() - began == pytest.approx(3e9, rel=1e-3)
        assert (stages.unfinished, ran) == (["hanging", "broken"], ["fine"])
        assert alerts.counts[Alert.STOP_OVERRUN] == 2

    run_virtually(work)


def test_an_order_under_way_has_its_phase(tmp_path: Path) -> None:
    """What ``cancel_entries`` asks for once it does not ask for again, and it names what it cancelled."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in (ENTER, ACK):
            await room.engine.apply(event)
        assert room.engine.state.slots[0].phase == Phase.ENTRY_WORKING
        assert await room.engine.cancel_entries() == {1}
        assert await room.engine.cancel_entries({1}) == set()
        await room.close()

    run_virtually(work)
