"""Obeys the operator: commands over the socket, and the switch beside the journal, at once and at every start.

Both doors lead to ``obey``. A command changes what stands (``Standing``), becomes one input with a note of it, and is
answered when that is durable. Then the mode has come first, every working entry is cancelled (unless the session only
pauses), and, if that is wanted, every position is being closed. Commands are obeyed one after the other.

What the settings say is a bound: no command makes the mode looser, or the limit higher.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, final

from dita.adapters.control import Answer, Command, Condition, ControlRefused, Reply, Request
from dita.adapters.journal import ACCOUNT_NOTES, Note, Switch, SwitchTo, read_switch
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.standing import Order, Standing, after, note_of, standing_of
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Verdict

PAUSED: Final = "paused by the operator"
_LOOK_SECONDS: Final = 0.05
_COMMANDS: Final = {
    SwitchTo.ACTIVE: Command.RESUME,
    SwitchTo.REDUCE_ONLY: Command.REDUCE_ONLY,
    SwitchTo.HALTED: Command.HALT,
    SwitchTo.FLAT: Command.FLATTEN,
}
_LEAST: Final = {
    SwitchTo.ACTIVE: Mode.ACTIVE,
    SwitchTo.REDUCE_ONLY: Mode.REDUCE_ONLY,
    SwitchTo.HALTED: Mode.HALTED,
    SwitchTo.FLAT: Mode.REDUCE_ONLY,
}


def mode_of(switch: Switch) -> Mode:
    """The least that the kernel's mode must be once it is obeyed."""
    return _LEAST[switch.to]


class Holds(Protocol):
    """What keeps entries back (``EntryMaker``)."""

    @property
    def kept_back(self) -> tuple[str, ...]:
        """The reasons."""
        ...

    def keep_back(self, reason: str) -> None:
        """Open nothing until this reason is released."""
        ...

    def release(self, reason: str) -> None:
        """This reason is over."""
        ...


@final
class Helm:
    """See the module. ``settled`` and ``slot_limit`` are what the settings say."""

    def __init__(
        self,
        engine: Engine,
        alerts: Alerts,
        entries: Holds,
        settled: Mode,
        slot_limit: int,
        limits: Callable[[int], Input],
        may_exit: Callable[[int], bool],
    ) -> None:
        """``limits`` makes SET_LIMITS of a slot limit. ``may_exit``: whether a slot's position may be closed now."""
        self._engine = engine
        self._alerts = alerts
        self._entries = entries
        self._settled = settled
        self._slot_limit = slot_limit
        self._limits = limits
        self._may_exit = may_exit
        self._path = Path(engine.journal.path)
        self._turn = asyncio.Lock()
        self._standing = Standing()
        self._stand(standing_of(engine.journal.notes(ACCOUNT_NOTES)))

    @property
    def wanted(self) -> Mode:
        """The mode by settings and operator."""
        return max(self._settled, self._standing.mode)

    @property
    def limits(self) -> Input:
        """The limits by settings and operator."""
        return self._limits(min(self._slot_limit, self._standing.slot_limit or self._slot_limit))

    @property
    def is_holding(self) -> bool:
        """Whether the operator keeps this session from opening trades."""
        return self._standing.is_paused or self.wanted != Mode.ACTIVE

    async def begin(self) -> None:
        """At a start: obey what stands, and what the switch says beyond that."""
        switch = read_switch(self._path)
        if switch is not None and switch.content != self._standing.switch:
            await self.obey(_order(switch))
        elif self._engine.state.account.mode != self.wanted:
            await self._engine.apply(inputs.set_mode(self.wanted))

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Obey the switch if it says something new; close what is to be closed and is not being closed."""
        switch = read_switch(self._path)
        if switch is not None and switch.content != self._standing.switch:
            await self.obey(_order(switch))
        if self._standing.is_flattening:
            await self._flatten()

    async def command(self, request: Request, by: str) -> Reply:
        """One command from another process, by somebody, in words. Raises ControlRefused; then nothing has changed."""
        if request.command is Command.LIMIT and request.slot_limit > self._slot_limit:
            raise ControlRefused(
                f"slot_limit: `{request.slot_limit}` is above {self._slot_limit}, which the settings allow;"
                " raise DITA_SLOT_LIMIT and start anew"
            )
        if request.command is Command.STATUS:
            return self._reply(request.command, self._condition(), ())
        reply = await self.obey(Order(request.command, by, request.why, request.slot_limit))
        if request.command is Command.FLATTEN:
            await self._until_flat(request.wait_ms / 1000)
            return self._reply(request.command, reply.before, reply.answers)
        return reply

    async def obey(self, order: Order) -> Reply:
        """Change what stands, durably; then do what follows of it. Before and after are those of this turn alone."""
        async with self._turn:
            before = self._condition()
            self._stand(after(self._standing, order))
            self._alerts.raise_(Alert.SWITCH, f"the operator: {order.command.value}, {order.why or 'no reason given'}")
            answers = [await self._apply(self._event(), note_of(self._standing, order))]
            if self.wanted > Mode.ACTIVE:
                await self._engine.cancel_entries()
            if self._standing.is_flattening:
                answers += await self._flatten()
            return self._reply(order.command, before, tuple(answers))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _stand(self, standing: Standing) -> None:
        self._standing = standing
        if standing.is_paused:
            self._entries.keep_back(PAUSED)
        else:
            self._entries.release(PAUSED)

    def _event(self) -> Input:
        """The input that a command becomes: the mode where it changes, else the limits, which may be said again."""
        mode = self._engine.state.account.mode
        if mode == self.wanted or (mode > self.wanted and not self._engine.may_add_risk):
            return self.limits
        return inputs.set_mode(self.wanted)

    async def _apply(self, event: Input, *notes: Note) -> Answer:
        outcome = await self._engine.apply(event, notes)
        return Answer(Kind(event.kind).name, Verdict(outcome.verdict).name, Code(outcome.code).name)

    async def _flatten(self) -> list[Answer]:
        answers: list[Answer] = []
        for number, slot in enumerate(self._engine.state.slots):
            if slot.phase != Phase.IDLE and not slot.flatten and self._may_exit(number):
                if slot.phase >= Phase.EXIT_REQUESTED and slot.exit.everything:
                    continue  # an order for everything is under way
                event = inputs.flatten(slot=number, instrument=slot.instrument, trade=slot.trade)
                answers.append(await self._apply(event))
        return answers

    async def _until_flat(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while self._left():  # noqa: ASYNC110 - a state to look at, which nobody announces
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            pass  # the reply says what is left

    def _left(self) -> tuple[str, ...]:
        live = enumerate(self._engine.state.slots)
        return tuple(f"slot {n} {Phase(slot.phase).name} trade {slot.trade}" for n, slot in live if slot.phase)

    def _condition(self) -> Condition:
        account, standing = self._engine.state.account, self._standing
        return Condition(
            Mode(account.mode).name, standing.is_paused, standing.is_flattening, account.slot_limit, account.live_slots,
            ", ".join(self._entries.kept_back),
        )  # fmt: skip

    def _reply(self, command: Command, before: Condition, answers: tuple[Answer, ...]) -> Reply:
        engine = self._engine
        is_journaled = engine.journal_error is None
        left = self._left()
        return Reply(
            problem="; ".join(self._problems(command, left, is_journaled=is_journaled)),
            pid=os.getpid(),
            position=engine.journal.position,
            is_journaled=is_journaled,
            before=before,
            after=self._condition(),
            answers=answers,
            left=left,
        )

    def _problems(self, command: Command, left: tuple[str, ...], *, is_journaled: bool) -> list[str]:
        """What of a command is not as it was asked for."""
        if command is Command.STATUS:
            return []
        problems: list[str] = []
        mode = Mode(self._engine.state.account.mode)
        if not is_journaled:
            problems.append(f"it holds for this process only, for the journal fails: {self._engine.journal_error}")
        if command is Command.RESUME and mode != Mode.ACTIVE:
            why = f"DITA_MODE is {self._settled.name}" if self._settled else "the runtime may not add risk any more"
            problems.append(f"the mode stays {mode.name}: {why}")
        if command is Command.FLATTEN and left:
            problems.append(f"not flat yet, and it goes on trying: {', '.join(left)}")
        return problems


def _order(switch: Switch) -> Order:
    return Order(_COMMANDS[switch.to], "the switch beside the journal", switch.why, switch=switch.content)
