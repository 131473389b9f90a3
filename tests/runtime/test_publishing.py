"""What a session publishes of itself: what its journal says, seldom enough, and never at the cost of trading."""

import asyncio
import math
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.journal import open_reader
from dita.adapters.plane import PAYLOAD_BYTES_MAX, PlaneReader, Pulse, place_of
from dita.runtime import publishing
from dita.runtime.alerts import Alert
from dita.runtime.decisions import Hold
from dita.runtime.latency import Latencies
from dita.runtime.live_view import ALERTS_MAX, LiveView
from dita.runtime.publishing import SCHEMA, Publisher, read_snapshot, watch
from dita.spec import inputs
from dita.spec.decisions import Check, Reason
from dita.spec.published import checked, packed
from dita.spec.published.snapshot import EngineSnapshot
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import SLOTS, Side
from projected import projected
from publishing_cost import measured, ratio_of, view_of
from runtime_parts import PRICE, opened
from scripted_venue import EngineRoom
from strategy_room import Scripted, strategist_of
from virtual_time import VirtualClock, run_virtually

REGISTER = inputs.register(
    instrument=0, lot=10_000, tick=10**9, quantity_min=10_000, notional_min=2 * 10**8, price_max=10**17,
    quantity_max=10**11, taker_ppb=500_000, maker_ppb=200_000,
)  # fmt: skip
LIMITS = inputs.set_limits(slot_limit=16, leverage_max_ppm=3_000_000, tolerance=0)


def published(room: EngineRoom, folder: Path, view: LiveView) -> Publisher:
    place = place_of(folder, Path(room.journal.path))
    return Publisher(place, view.snapshot, lambda: room.journal.position, room.clock, room.alerts)


def test_the_snapshot_is_what_the_journal_says(tmp_path: Path) -> None:
    """Field by field what projections derive from the journal alone, also after a restart's history was read back."""

    async def work(clock: VirtualClock) -> list[EngineSnapshot]:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        view = view_of(room)
        for event in opened(1):
            await room.engine.apply(event)
            await asyncio.sleep(7)
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0, limit_price=PRICE))
        await room.engine.drain()
        live = view.snapshot().engine
        history = room.engine.history
        room.engine.history = type(history).from_text(history.to_text())
        again = view.snapshot().engine
        await room.close()
        return [live, again]

    live, again = run_virtually(work)
    reader = open_reader(tmp_path / "journal.sqlite")
    rows = list(reader.stored())
    reader.close()
    derived = projected(rows).rows["engine_snapshots"][-1]
    assert derived.journal_position == live.journal_position
    assert live == derived
    assert again == derived
    assert (len(live.slots), len(live.orders)) == (1, 1)
    assert live.orders[0].limit_price_e10_usdt == PRICE


def snapshots_of(folder: Path) -> int:
    """How many are published while inputs come, a thousand a second for 0.3 seconds."""

    async def work(clock: VirtualClock) -> int:
        room = EngineRoom(folder, clock)
        await room.open_shop()
        publisher = published(room, folder, view_of(room))
        running = asyncio.create_task(publisher.run())
        for _ in range(300):
            await room.engine.apply(LIMITS)
            await asyncio.sleep(0.001)
        running.cancel()
        count = publisher.published
        publisher.close()
        await room.close()
        return count

    return run_virtually(work)


def test_a_thousand_inputs_a_second_make_ten_snapshots(tmp_path: Path) -> None:
    """Three in 0.3 seconds, and the first. And planted: a publisher that looks whenever it can is seen."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert 3 <= snapshots_of(tmp_path / "a") <= 4
    with mock.patch.object(publishing, "LOOK_SECONDS", 0.001):
        assert snapshots_of(tmp_path / "b") > 150


def test_a_quiet_session_has_a_pulse_all_the_same(tmp_path: Path) -> None:
    """Twice a second, long before a reader calls it stalled; a change is published within a tenth of a second."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        publisher = published(room, tmp_path, view_of(room))
        running = asyncio.create_task(publisher.run())
        await asyncio.sleep(0.05)
        with watch(tmp_path, Path(room.journal.path)) as reader:
            for _ in range(40):
                await asyncio.sleep(0.25)
                seen = reader.look(clock.monotonic_ns())
                assert seen.pulse is Pulse.LIVE
                assert seen.age_ns <= publishing.BEAT_NS + 100_000_000
            await room.engine.apply(LIMITS)
            await asyncio.sleep(publishing.LOOK_SECONDS + 0.01)
            live = read_snapshot(reader.read()[0].payload)
            assert live.engine.journal_position == room.journal.position
            publisher.close()
            assert reader.look(clock.monotonic_ns()).pulse is Pulse.ENDED
        running.cancel()
        assert 20 <= publisher.published <= 26
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("error", [OSError("no memory"), ValueError("too long"), UnicodeEncodeError("x", "", 0, 1, "")])
def test_what_fails_to_be_published_is_told_once_and_trading_goes_on(tmp_path: Path, error: Exception) -> None:
    """Every failure is counted, one is told; when it is over the next snapshot is published."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        publisher = published(room, tmp_path, view_of(room))
        running = asyncio.create_task(publisher.run())
        with mock.patch("dita.adapters.plane.writer.os.pwrite", side_effect=error):
            await asyncio.sleep(2.01)
        assert (publisher.failed, room.alerts.counts[Alert.PLANE]) == (4, 1)
        assert (await room.engine.apply(LIMITS)).code == 0
        await asyncio.sleep(0.2)
        with PlaneReader(place_of(tmp_path, Path(room.journal.path)), SCHEMA) as reader:
            assert read_snapshot(reader.read()[0].payload).engine.journal_position == room.journal.position
        running.cancel()
        publisher.close()
        await room.close()

    run_virtually(work)


def test_the_largest_snapshot_fits_and_is_as_declared(tmp_path: Path) -> None:
    """Every slot live and exiting, every contract known, alerts and holds of any length and any characters."""

    async def work(clock: VirtualClock) -> tuple[int, int]:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Scripted())
        view = view_of(room)
        room.engine._commands = None  # pyright: ignore[reportPrivateUsage] # a state is all that is wanted
        for number in range(1, 64):
            await room.engine.apply(REGISTER._replace(instrument=number))
            room.journal.symbols[number] = f"{number:02d}ABCDEFGHIJKLMNOPQR-ABCDEFGHIJ"
        for slot in range(SLOTS):
            enter = inputs.enter(
                slot=slot, instrument=slot, trade=slot + 1, side=Side.LONG, quantity=QUANTITY_SCALE // 10, price=PRICE
            )
            await room.engine.apply(enter)
        for number in range(2 * ALERTS_MAX):
            room.alerts.raise_(Alert.READ_FAILED, f"{number} \ud800 ü \U0001f600 " + "x" * 2000)
        for number in range(100):
            facts: dict[str, int | str] = {"text": "y" * 2000, "number": number}
            strategist.decisions.hold(Hold(f"S{number}-USDT", Side.LONG, Check.RUNTIME, Reason.KEPT_BACK, facts, ""))
        view._decisions = strategist.decisions  # pyright: ignore[reportPrivateUsage] # those that hold so much
        live = checked(view.snapshot())
        content = packed(live)
        assert read_snapshot(content) == live
        assert all("\\ud800 ü \U0001f600" in raised.text for raised in room.alerts.newest)  # a log can take it
        await room.close()
        return len(live.engine.slots), len(content)

    slots, size = run_virtually(work)
    assert slots >= 6
    assert size <= PAYLOAD_BYTES_MAX // 2


def test_publishing_takes_a_small_share_of_the_processor(tmp_path: Path) -> None:
    """Ten snapshots a second of a session full of alerts: at most five in a hundred of one processor."""
    cost = asyncio.run(measured(tmp_path, 1.0))
    assert cost.payload_bytes > 5_000
    assert {phase.publishes for phase in cost.phases} == {False, True}
    assert cost.snapshot / publishing.LOOK_SECONDS / 1e9 <= 0.05


def test_a_cost_is_told_from_a_machine_that_gets_slower() -> None:
    """Six in a hundred more with publishing, on a machine that takes longer all the time: six, and not the drift."""
    drifting = [(number % 2 == 1, (100 + number) * (1.06 if number % 2 else 1.0)) for number in range(41)]
    found = ratio_of(drifting)
    assert abs(found.median - 1.06) < 0.001
    assert found.error < 0.001
    assert ratio_of(drifting[:3]).error == math.inf


def test_latencies_are_those_of_the_newest() -> None:
    """Half, ninety-nine in a hundred, and the longest, of a bounded window."""
    latencies = Latencies()
    for span in [10**9] * 300 + list(range(1, 257)):
        latencies.add("x", span)
    latencies.add("y", 7)
    assert latencies.views() == (("x", 256, 128, 254, 256), ("y", 1, 7, 7, 7))
