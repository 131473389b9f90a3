"""The operator's commands in one process: what each does, when it is answered, and what a restart makes of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from unittest import mock

import pytest

from dita.adapters.control import Command, Condition, ControlRefused, Reply, Request
from dita.adapters.journal import ACCOUNT_NOTES, Note, Switch, SwitchTo, open_reader, set_switch
from dita.runtime.engine import Engine
from dita.runtime.helm import PAUSED, Helm
from dita.runtime.lockstep import Stepped
from dita.runtime.standing import NOTE, Order, Standing, after, note_of, standing_of
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Side
from helm_parts import Kept, helm_of
from runtime_parts import PRICE, opened
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually

T = TypeVar("T")
QUANTITY = QUANTITY_SCALE // 10
ENTER = inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY, price=PRICE)
ACK = inputs.order(slot=0, instrument=0, trade=1, attempt=0, quantity=0, quote=0, done=False, time_ns=5)
AGAIN = ENTER._replace(trade=9, slot=5)
WORKING, HELD = [ENTER, ACK], opened(1)
EXIT = inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0)


def in_room(
    folder: Path, work: Callable[[EngineRoom, Helm, Kept], Awaitable[T]], *, events: list[Input] | None = None,
    settled: Mode = Mode.ACTIVE, slot_limit: int = 16,
) -> T:  # fmt: skip
    """Do something with a helm in an engine room that has taken these events."""

    async def run(clock: VirtualClock) -> T:
        room, kept = EngineRoom(folder, clock), Kept()
        await room.open_shop()
        for event in events or []:
            await room.engine.apply(event)
        found = await work(room, helm_of(room, settled=settled, slot_limit=slot_limit, kept=kept), kept)
        await room.close()
        return found

    return run_virtually(run)


async def asked(helm: Helm, *commands: Command, slot_limit: int = 0, wait_ms: int = 0) -> Reply:
    """One after the other; the last one's reply."""
    reply = None
    for command in commands:
        limit = slot_limit if command is Command.LIMIT else 0
        reply = await helm.command(Request(command, "a test", limit, wait_ms), "the test")
    assert reply is not None
    return reply


# --- what each does --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "command", "kinds", "mode", "kept", "entry", "leaving"),
    [
        (WORKING, Command.STATUS, [], Mode.ACTIVE, (), Code.SLOT_BUSY, Code.EXIT_DEFERRED),
        (WORKING, Command.PAUSE, [Kind.SET_LIMITS], Mode.ACTIVE, (PAUSED,), Code.SLOT_BUSY, Code.EXIT_DEFERRED),
        (HELD, Command.PAUSE, [Kind.SET_LIMITS], Mode.ACTIVE, (PAUSED,), Code.SLOT_BUSY, Code.OK),
        (WORKING, Command.REDUCE_ONLY, [Kind.SET_MODE, Kind.CANCEL], Mode.REDUCE_ONLY, (), Code.MODE_REDUCE_ONLY,
         Code.EXIT_DEFERRED),
        (HELD, Command.REDUCE_ONLY, [Kind.SET_MODE], Mode.REDUCE_ONLY, (), Code.MODE_REDUCE_ONLY, Code.OK),
        (WORKING, Command.HALT, [Kind.SET_MODE, Kind.CANCEL], Mode.HALTED, (), Code.MODE_HALTED, Code.MODE_HALTED),
        (HELD, Command.HALT, [Kind.SET_MODE], Mode.HALTED, (), Code.MODE_HALTED, Code.MODE_HALTED),
        (HELD, Command.FLATTEN, [Kind.SET_MODE, Kind.FLATTEN], Mode.REDUCE_ONLY, (), Code.MODE_REDUCE_ONLY,
         Code.EXIT_IN_PROGRESS),
        (HELD, Command.RESUME, [Kind.SET_LIMITS], Mode.ACTIVE, (), Code.SLOT_BUSY, Code.OK),
        (HELD, Command.LIMIT, [Kind.SET_LIMITS], Mode.ACTIVE, (), Code.SLOT_BUSY, Code.OK),
    ],
)  # fmt: skip
def test_what_each_command_does(
    tmp_path: Path, events: list[Input], command: Command, kinds: list[Kind], mode: Mode, kept: tuple[str, ...],
    entry: Code, leaving: Code,
) -> None:  # fmt: skip
    """The inputs that it becomes, in order; the mode; what is kept back; what an entry and an exit are answered then.

    Its reply says the same: the condition before and after, every answer of the kernel, the newest row.
    """

    async def work(room: EngineRoom, helm: Helm, holds: Kept) -> None:
        seen: list[Kind] = []

        def observe(event: Input, _: Stepped) -> None:
            seen.append(Kind(event.kind))

        room.engine.observers.append(observe)
        reply = await asked(helm, command, slot_limit=1)
        assert seen == kinds
        assert (Mode(room.engine.state.account.mode), holds.kept_back) == (mode, kept)
        assert reply.before == Condition("ACTIVE", False, False, 16, 1, "")
        limit = 1 if command is Command.LIMIT else 16
        assert reply.after == Condition(
            mode.name, command is Command.PAUSE, command is Command.FLATTEN, limit, 1, ", ".join(kept)
        )
        told = [answer.kind for answer in reply.answers]
        assert told == [kind.name for kind in kinds if kind != Kind.CANCEL]
        assert {answer.code for answer in reply.answers} <= {"OK"}
        assert (reply.position, reply.is_journaled) == (room.journal.position, True)
        other = AGAIN if mode != Mode.ACTIVE else ENTER._replace(trade=9)
        assert Code((await room.engine.apply(other)).code) == entry
        assert Code((await room.engine.apply(EXIT)).code) == leaving

    in_room(tmp_path, work, events=events)


def test_every_command_is_an_input_of_the_journal_with_who_and_why(tmp_path: Path) -> None:
    """One row a command, whatever stood before; its note says the command, by whom, why, and all that stands then."""
    commands = [command for command in Command if command is not Command.STATUS]

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> int:
        before = room.journal.position
        for command in (*commands, *commands):
            await asked(helm, command, slot_limit=3)
        return before

    before = in_room(tmp_path, work)
    reader = open_reader(tmp_path / "journal.sqlite")
    stored = [(row, notes) for row, notes in reader.stored(before) if notes]
    reader.close()
    bodies = [json.loads(notes[0].body) for _, notes in stored]
    assert [body["command"] for body in bodies] == [*commands, *commands]
    assert {(body["by"], body["why"]) for body in bodies} == {("the test", "a test")}
    assert bodies[-1]["standing"]["mode"] == "REDUCE_ONLY"


def test_resume_takes_back_everything_but_the_limit(tmp_path: Path) -> None:
    """After pause, halt and flatten: active, nothing held, nothing closed any more; the limit stays."""

    async def work(room: EngineRoom, helm: Helm, kept: Kept) -> Reply:
        await asked(helm, Command.LIMIT, Command.PAUSE, Command.HALT, Command.FLATTEN, slot_limit=2)
        assert kept.kept_back == (PAUSED,)
        return await asked(helm, Command.RESUME)

    reply = in_room(tmp_path, work)
    assert reply.before == Condition("HALTED", True, True, 2, 0, PAUSED)
    assert reply.after == Condition("ACTIVE", False, False, 2, 0, "")
    assert reply.problem == ""


def test_no_command_goes_beyond_the_settings(tmp_path: Path) -> None:
    """A mode of the settings stays and is told; a limit above theirs is refused by name, and nothing has changed."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> Reply:
        await helm.begin()
        before = room.journal.position
        with pytest.raises(ControlRefused, match=r"slot_limit: `5` is above 4.*raise DITA_SLOT_LIMIT"):
            await asked(helm, Command.LIMIT, slot_limit=5)
        assert room.journal.position == before
        return await asked(helm, Command.RESUME)

    reply = in_room(tmp_path, work, settled=Mode.REDUCE_ONLY, slot_limit=4)
    assert reply.after.mode == "REDUCE_ONLY"
    assert reply.problem == "the mode stays REDUCE_ONLY: DITA_MODE is REDUCE_ONLY"


def test_flatten_is_answered_when_flat_or_says_what_is_left(tmp_path: Path) -> None:
    """The venue's fill of the closing order comes while the command waits; without it the reply names the slot."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> tuple[Reply, Reply]:
        late = await asked(helm, Command.FLATTEN, wait_ms=300)
        quote = QUANTITY * PRICE // 10**10

        async def fill() -> None:
            await asyncio.sleep(0.2)
            place = {"slot": 0, "instrument": 0, "trade": 1}
            await room.engine.apply(
                inputs.order(**place, attempt=1, quantity=QUANTITY, quote=quote, done=True, time_ns=9)
            )

        filling = asyncio.create_task(fill())
        done = await asked(helm, Command.FLATTEN, wait_ms=5000)
        await filling
        return late, done

    late, done = in_room(tmp_path, work, events=HELD)
    assert late.left in {("slot 0 EXIT_REQUESTED trade 1",), ("slot 0 EXIT_WORKING trade 1",)}
    assert late.problem.startswith("not flat yet, and it goes on trying: slot 0 EXIT_")
    assert (done.left, done.problem, done.after.live_slots) == ((), "", 0)


# --- durable, then answered ------------------------------------------------------------------------------------------


def answered_before_durable(folder: Path) -> bool:
    """Whether a command is answered while its row waits for the disk."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> bool:
        room.commits[0].held = True
        asking = asyncio.create_task(asked(helm, Command.HALT))
        await asyncio.sleep(5)
        early = asking.done()
        room.commits[0].held = False
        for _entry, future in room.commits[0].waiting:
            future.set_result(None)
        await asking
        return early

    return in_room(folder, work)


def test_a_command_is_answered_when_its_row_is_durable(tmp_path: Path) -> None:
    """Not before: whoever has an answer has it for good. And planted: an engine that does not wait is seen."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert not answered_before_durable(tmp_path / "a")

    async def hasty(self: Engine, event: Input, notes: tuple[Note, ...] = ()) -> Outcome:
        return self._take(event, notes)[0]  # pyright: ignore[reportPrivateUsage] # the planted defect

    with mock.patch.object(Engine, "apply", hasty):
        assert answered_before_durable(tmp_path / "b")


def test_a_journal_that_fails_is_told(tmp_path: Path) -> None:
    """The mode is lowered all the same, for this process; the answer says that no restart will know."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> Reply:
        room.commits[0].full = True
        return await asked(helm, Command.HALT)

    reply = in_room(tmp_path, work)
    assert reply.after.mode == "HALTED"
    assert not reply.is_journaled
    assert reply.problem.startswith("it holds for this process only, for the journal fails: ")


# --- restarts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "mode", "paused", "limit"),
    [
        ([Command.PAUSE], Mode.ACTIVE, (PAUSED,), 16),
        ([Command.REDUCE_ONLY], Mode.REDUCE_ONLY, (), 16),
        ([Command.HALT, Command.PAUSE], Mode.HALTED, (PAUSED,), 16),
        ([Command.HALT, Command.LIMIT], Mode.HALTED, (), 2),
        ([Command.HALT, Command.RESUME], Mode.ACTIVE, (), 16),
        ([Command.HALT, Command.REDUCE_ONLY], Mode.REDUCE_ONLY, (), 16),
    ],
)
def test_a_restart_obeys_what_was_answered(
    tmp_path: Path, commands: list[Command], mode: Mode, paused: tuple[str, ...], limit: int
) -> None:
    """Another helm on the same journal, settings as before: the same mode, pause and limit, without a new row."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> None:
        await asked(helm, *commands, slot_limit=2)
        kept, position = Kept(), room.journal.position
        again = helm_of(room, kept=kept)
        await again.begin()
        assert room.journal.position == position
        assert (again.wanted, kept.kept_back, again.limits.slot_limit) == (mode, paused, limit)
        assert Mode(room.engine.state.account.mode) == mode
        assert helm_of(room, slot_limit=1).limits.slot_limit == 1

    in_room(tmp_path, work)


def test_a_flatten_that_was_answered_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A position that is open then (here: the closing order was rejected) is closed by the next helm's first look."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> None:
        await asked(helm, Command.FLATTEN)
        place = {"slot": 0, "instrument": 0, "trade": 1}
        await room.engine.apply(inputs.silent(**place, attempt=1))
        await room.engine.apply(inputs.order(**place, attempt=1, quantity=0, quote=0, done=True, time_ns=9))
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        await helm_of(room).look()
        assert room.engine.state.slots[0].phase == Phase.EXIT_REQUESTED

    in_room(tmp_path, work, events=HELD)


def test_a_note_that_cannot_be_understood_halts() -> None:
    """Somebody wanted something; and notes of others say nothing about it."""
    good = note_of(Standing(Mode.REDUCE_ONLY, is_paused=True, slot_limit=3), Order(Command.PAUSE, "x"))
    assert standing_of([good, Note(ACCOUNT_NOTES, "held", "{}")]) == Standing(
        Mode.REDUCE_ONLY, is_paused=True, slot_limit=3
    )
    body = json.loads(good.body)
    assert standing_of([]) == Standing()
    broken = ["", "[]", "{}", json.dumps(body | {"standing": {}})]
    for name, value in (("mode", "SIDEWAYS"), ("is_paused", 1), ("slot_limit", 17), ("slot_limit", "3"), ("switch", 0)):
        broken.append(json.dumps(body | {"standing": body["standing"] | {name: value}}))
    for text in broken:
        assert standing_of([good, Note(ACCOUNT_NOTES, NOTE, text)]) == Standing(mode=Mode.HALTED), text


def test_stops_never_loosen() -> None:
    """Of all pairs of commands: only RESUME ends a pause or a flatten; a mode falls by RESUME and REDUCE_ONLY alone."""
    for first in Command:
        for second in Command:
            before = after(Standing(), Order(first, "x", slot_limit=2))
            then = after(before, Order(second, "x", slot_limit=2))
            if second is not Command.RESUME:
                assert then.is_paused >= before.is_paused
                assert then.is_flattening >= before.is_flattening
            if second not in (Command.RESUME, Command.REDUCE_ONLY):
                assert then.mode >= before.mode
            if second is Command.REDUCE_ONLY:
                assert then.mode == Mode.REDUCE_ONLY


# --- at the same time ------------------------------------------------------------------------------------------------


def torn(folder: Path) -> bool:
    """Whether rows of one command stand between those of another, when two come at once on a slow disk."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> bool:
        order: list[Kind] = []

        async def slowly(event: Input, notes: tuple[Note, ...] = ()) -> Outcome:
            if event.kind in (Kind.SET_MODE, Kind.FLATTEN):  # and not what the venue says of the closing order
                order.append(Kind(event.kind))
            await asyncio.sleep(0.1)
            return await apply(event, notes)

        apply = room.engine.apply
        room.engine.apply = slowly  # type: ignore[method-assign] # as a slow disk does
        await asyncio.gather(asked(helm, Command.FLATTEN), asked(helm, Command.HALT), asked(helm, Command.RESUME))
        return order != [Kind.SET_MODE, Kind.FLATTEN, Kind.SET_MODE, Kind.SET_MODE]

    return in_room(folder, work, events=HELD)


def test_commands_at_once_are_obeyed_one_after_the_other(tmp_path: Path) -> None:
    """Flaw X4: whole, in the order in which they came. And planted: without the turns they mix, which is seen."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert not torn(tmp_path / "a")

    class NoTurns:
        async def __aenter__(self) -> None: ...
        async def __aexit__(self, *_: object) -> None: ...

    with mock.patch("dita.runtime.helm.asyncio.Lock", NoTurns):
        assert torn(tmp_path / "b")


def test_both_doors_lead_to_the_same_helm(tmp_path: Path) -> None:
    """A switch that was obeyed can be taken back over the socket, and is not obeyed again by the next start."""

    async def work(room: EngineRoom, helm: Helm, _: Kept) -> None:
        set_switch(Path(room.journal.path), Switch(SwitchTo.HALTED, "a test", 1))
        await helm.look()
        assert (await asked(helm, Command.STATUS)).after.mode == "HALTED"
        assert (await asked(helm, Command.RESUME)).after.mode == "ACTIVE"
        for again in (helm, helm_of(room)):
            await again.look()
            assert Mode(room.engine.state.account.mode) == Mode.ACTIVE

    in_room(tmp_path, work)
