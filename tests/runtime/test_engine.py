"""The engine: durable before commands, in one order, and whatever breaks takes risk away without losing the way out."""

# ruff: noqa: D102, ARG002 - stand-ins for protocols, whose methods are said there

import asyncio
from pathlib import Path

import pytest

from dita.adapters.journal import JournalError, JournalFenced, JournalFull, Note
from dita.adapters.logic.rows import PositionRow
from dita.runtime.alerts import Alert
from dita.runtime.lockstep import Stepped
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Side, Verdict
from runtime_parts import PRICE, WrongKernel, open_test_journal, opened, settle_loop
from scripted_venue import SPARE_TAG, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10


def enter(trade: int = 1) -> Input:
    return inputs.enter(slot=0, instrument=0, trade=trade, side=Side.LONG, quantity=QUANTITY, price=PRICE)


class Watching:
    """Carries nothing out; notes what it was asked to."""

    def __init__(self) -> None:
        self.carried: list[Input] = []
        self.risk_taken_away = False

    def carry(self, event: Input, stepped: Stepped, send_by_ns: int) -> None:
        self.carried.append(event)

    def take_risk_away(self) -> None:
        self.risk_taken_away = True


def test_commands_leave_only_when_the_input_is_durable_and_in_order(tmp_path: Path) -> None:
    """Of three inputs taken together none is carried out before its own row is durable, and all are in their order."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        commit, watching = room.commits[0], Watching()
        before = room.engine.journal.position
        commit.held = True
        room.engine.connect(watching)
        events = [enter(), inputs.set_mode(Mode.REDUCE_ONLY), inputs.flatten(slot=0, instrument=0, trade=1)]
        tasks = [asyncio.create_task(room.engine.apply(event)) for event in events]
        await settle_loop()
        assert [entry.row.input for entry, _ in commit.waiting] == events
        assert watching.carried == []
        assert room.engine.durable_position == before
        for number, (_, future) in enumerate(commit.waiting, 1):
            future.set_result(None)
            await settle_loop()
            assert watching.carried == events[:number]
            assert room.engine.durable_position == before + number
        await asyncio.gather(*tasks)
        await room.close()

    run_virtually(work)


def test_a_cancelled_caller_loses_nothing(tmp_path: Path) -> None:
    """The caller of ``apply`` is cancelled while the row is written: the command is carried out all the same."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        commit, watching = room.commits[0], Watching()
        commit.held = True
        room.engine.connect(watching)
        task = asyncio.create_task(room.engine.apply(enter()))
        await settle_loop()
        task.cancel()
        await settle_loop()
        commit.waiting[0][1].set_result(None)
        await settle_loop()
        assert [event.kind for event in watching.carried] == [Kind.ENTER]
        await room.close()

    run_virtually(work)


def test_refused_inputs_leave_no_row_and_are_counted(tmp_path: Path) -> None:
    """A refusal changes nothing, so the journal does not grow; how often each code came is known."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        before = room.journal.position
        for _ in range(3):
            outcome = await room.engine.apply(inputs.flatten(slot=0, instrument=0))
            assert outcome.verdict == Verdict.REFUSED
        assert room.journal.position == before
        assert room.engine.refusals[Code.NO_POSITION] == 3
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("body", ["x" * 4097, "\ud800"])
def test_a_note_that_cannot_be_written_does_not_cost_the_row(body: str, tmp_path: Path) -> None:
    """Too long, or no text that can be encoded: left out and told; the input and the other notes are there."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        rows = room.journal.position
        room.engine.beside = lambda: (Note(0, "beside", body),)
        await room.engine.apply(enter(), (Note(1, "long", body), Note(1, "intent", "{}")))
        assert room.journal.position == rows + 1
        assert [note.name for note in room.journal.notes(1)] == ["intent"]
        assert room.alerts.counts[Alert.OWN_BUG] == 2
        await room.close()

    run_virtually(work)


def test_without_a_journal_nothing_opens_and_everything_can_be_closed(tmp_path: Path) -> None:
    """The disk fills up: the entry that met it is not sent, the mode falls, and a FLATTEN still sends its order."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        await asyncio.sleep(1)
        sent = len(room.script.submits)
        room.commits[0].full = True
        second = inputs.register(
            instrument=1, lot=10_000, tick=10**9, quantity_min=1, notional_min=1, price_max=10**17,
            quantity_max=10**11, taker_ppb=1, maker_ppb=1,
        )  # fmt: skip
        await room.engine.apply(second)
        entry = inputs.enter(slot=1, instrument=1, trade=2, side=Side.LONG, quantity=QUANTITY, price=PRICE)
        assert (await room.engine.apply(entry)).verdict == Verdict.REFUSED  # MODE_REDUCE_ONLY by now
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        await asyncio.sleep(1)
        assert [order.reduce_only for order in room.script.submits[sent:]] == [True]
        # The next process counts on from the last durable row: what the journal may not know of must not come again.
        assert [order.client_order_id for order in room.script.submits[:sent]] == ["test0-1-0-0"]
        assert [order.client_order_id for order in room.script.submits[sent:]] == [f"{SPARE_TAG}-1-0-1"]
        assert room.engine.state.account.mode == Mode.REDUCE_ONLY
        assert room.script.narrowed
        assert room.alerts.counts[Alert.JOURNAL_FAILED] == 1
        assert room.alerts.counts[Alert.UNJOURNALED] >= 1
        await room.close()

    run_virtually(work)


def test_the_entry_that_meets_the_full_disk_is_not_sent(tmp_path: Path) -> None:
    """Its row is not durable, so its order never leaves, and the slot is rolled back as not sent."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.commits[0].full = True
        assert (await room.engine.apply(enter())).verdict == Verdict.ACCEPTED
        await asyncio.sleep(1)
        assert room.script.submits == []
        assert room.engine.state.slots[0].phase == Phase.IDLE
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("how", ["outcome", "account", "raise"])
def test_a_divergence_takes_risk_away_and_leaves_the_way_out(tmp_path: Path, how: str) -> None:
    """The kernel differs at ENTER: no entry is sent, mode and clearance are reduced, the state before is kept."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock, WrongKernel(4, how))
        await room.open_shop()
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        assert room.script.submits == []
        assert room.script.narrowed
        assert room.engine.state.account.mode == Mode.REDUCE_ONLY
        assert room.engine.lockstep.divergences == 1
        assert [found.event.kind for found in room.divergences] == [Kind.ENTER]
        assert room.divergences[0].state_before.account.trade_high_water == 0
        await room.close()

    run_virtually(work)


def test_after_a_divergence_an_exit_never_exceeds_what_the_venue_holds(tmp_path: Path) -> None:
    """The reference holds 0.1, the venue 0.04: the closing order is for 0.04, reduce-only."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock, WrongKernel(6, "account"))
        await room.open_shop()
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        await asyncio.sleep(1)
        room.script.held = (position(QUANTITY * 4 // 10),)
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        await asyncio.sleep(1)
        last = room.script.submits[-1]
        assert (last.quantity, last.reduce_only) == (QUANTITY * 4 // 10, True)
        await room.close()

    run_virtually(work)


def position(quantity: int) -> PositionRow:
    return PositionRow("BTC-USDT", Side.LONG, quantity, PRICE, 0, "1")


def test_an_exception_of_the_adapter_is_an_unknown_order(tmp_path: Path) -> None:
    """A submit that raises is our own bug: the order is UNKNOWN, its resolution begins, the loop goes on."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.answers.append(RuntimeError("planted"))
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        assert room.engine.state.slots[0].phase == Phase.ENTRY_UNRESOLVED
        assert len(room.truth.resolved) == 1
        assert room.alerts.counts[Alert.OWN_BUG] == 1
        await room.close()

    run_virtually(work)


def test_the_journal_of_a_broken_run_replays(tmp_path: Path) -> None:
    """What was written before the disk was full is a whole history: nothing that came after it is in the file."""

    async def work(clock: VirtualClock) -> int:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.commits[0].full = True
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        await room.close()
        return room.journal.position

    handed_over = run_virtually(work)
    again = open_test_journal(tmp_path / "journal.sqlite")
    assert len(list(again.rows())) == 3 < handed_over
    asyncio.run(again.close())


@pytest.mark.parametrize(
    ("failure", "leaves", "alert"),
    [
        (JournalFull("test", "no space is left", "free some"), 1, Alert.JOURNAL_FAILED),
        (JournalFenced("test", "another runtime has taken it over", "leave it"), 0, Alert.FENCED),
    ],
)
def test_a_fenced_runtime_sends_nothing_and_one_with_a_full_disk_closes(
    tmp_path: Path, failure: JournalError, leaves: int, alert: Alert
) -> None:
    """A close that cannot be journaled leaves when the disk is to blame, and stays when another runtime took over."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1):
            await room.engine.apply(event)
        await asyncio.sleep(0.1)
        before = len(room.script.submits)
        room.commits[0].full, room.commits[0].failure = True, failure
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        await asyncio.sleep(0.1)
        assert len(room.script.submits) - before == leaves
        assert room.alerts.counts[alert] == 1
        assert room.engine.is_fenced == (leaves == 0)
        assert not room.engine.may_add_risk
        await room.close()

    run_virtually(work)
