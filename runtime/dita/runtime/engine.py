"""The engine: the one place through which every input passes. Step, agree, make durable, then carry out.

``apply`` takes the input's place in the total order before it first yields: the step, its agreement and its place in
the journal are one synchronous act. Commands leave only when the journal has the input, in the order of the inputs.
Nothing here raises into the loop; what goes wrong takes risk away and raises an alert.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, final

from dita.adapters.journal import AtOnce, Journal, JournalError, JournalFenced, Note, Snapshot, checked_note
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.history import History
from dita.runtime.latency import Latencies
from dita.runtime.lockstep import Divergence, Lockstep, Stepped
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.outcome import Outcome
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import State
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Verdict

SNAPSHOT_EVERY: Final = 5_000  # rows; a start walks through at most so many with the reference, about a second
SEND_WITHIN_NS: Final = 3 * NANOSECONDS_PER_SECOND  # an order that could not be written by then is not sent at all

_INPUT_TO_COMMAND: Final = "input to command"  # from an input's arrival until what it commands has begun
_INPUT_TO_JOURNAL: Final = "input to journal"  # the same of one that commands nothing

_ENTRY_WORKS: Final = (Phase.ENTRY_WORKING, Phase.ENTRY_UNRESOLVED)


class Commands(Protocol):
    """Carries out what an outcome commands."""

    def carry(self, event: Input, stepped: Stepped, send_by_ns: int) -> None:
        """Begin to carry out the commands of one durable input. Must not raise and must not wait."""
        ...

    def take_risk_away(self) -> None:
        """From now on send nothing that adds exposure. There is no way back."""
        ...


Observer = Callable[[Input, Stepped], None]
Annotator = Callable[[Input, Stepped], tuple[Note, ...]]
"""Says something about an accepted input for its row; called before it is written, must not wait."""


class _Taken(NamedTuple):
    """An input with its row, by when an order that it commands must be sent, and when the input came."""

    event: Input
    stepped: Stepped
    position: int  # of its row; of the newest one when the journal has failed
    send_by_ns: int
    began_ns: int  # our monotonic clock


@final
class Engine:
    """Applies inputs. One per process; used by one event loop."""

    def __init__(
        self,
        lockstep: Lockstep,
        journal: Journal,
        alerts: Alerts,
        *,
        wall_ns: Callable[[], int],
        venue_now_ns: Callable[[], int],
        on_divergence: Callable[[Divergence], None],
        send_within_ns: int = SEND_WITHIN_NS,
        history: History | None = None,
        made_by: str = "",
        snapshot_every: int = SNAPSHOT_EVERY,
        now_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        """``history`` is that of the journal so far. ``now_ns``: our monotonic clock, by which steps are measured.

        ``made_by`` names this version of the code in snapshots of the state, one every so many rows; "": none is made.
        """
        self.lockstep = lockstep
        self.journal = journal
        self.alerts = alerts
        self.journal_error: JournalError | None = None
        self.durable_position = journal.position  # of the newest row that survives whatever happens now
        self.refusals: Counter[Code] = Counter()
        self.observers: list[Observer] = []
        self.beside: Callable[[], Sequence[Note]] = tuple  # notes that wait for any input to be written with
        self.annotators: list[Annotator] = []
        self._commands: Commands | None = None
        self._wall_ns = wall_ns
        self.venue_now_ns = venue_now_ns
        self._on_divergence = on_divergence
        self._send_within_ns = send_within_ns
        self.history = History() if history is None else history
        self._made_by = made_by
        self._snapshot_every = snapshot_every
        self.latencies = Latencies()
        self._now_ns = now_ns
        self._tasks: set[asyncio.Task[None]] = set()
        self._due: deque[_Taken] = deque()

    def connect(self, commands: Commands) -> None:
        """Say who carries out commands; before that, none is."""
        self._commands = commands

    @property
    def state(self) -> State:
        """The agreed state."""
        return self.lockstep.state

    @property
    def next_trade(self) -> int:
        """A number for a new trade that no order has ever carried, not even one of a row that was lost."""
        return max(self.state.account.trade_high_water, self.journal.trade_floor) + 1

    @property
    def is_fenced(self) -> bool:
        """Whether another runtime has taken the journal over: then this one sends nothing at all."""
        return isinstance(self.journal_error, JournalFenced)

    @property
    def may_add_risk(self) -> bool:
        """Whether an order that opens may leave: the journal is written and both sides agree."""
        return self.journal_error is None and self.lockstep.divergence is None

    async def apply(self, event: Input, notes: tuple[Note, ...] = ()) -> Outcome:
        """Take one input; return when it is durable and its commands have begun. Never raises.

        A cancelled caller changes nothing: the input's fate is the engine's own task.
        """
        outcome, task = self._take(event, notes)
        if task is not None:
            await asyncio.shield(task)
        return outcome

    async def drain(self) -> None:
        """Wait for everything taken so far."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reduce_only(self, mode: Mode = Mode.REDUCE_ONLY) -> None:
        """Lower the mode and cancel every entry that works: it would still add risk (SET_MODE commands nothing)."""
        if self.state.account.mode < mode:
            await self.apply(inputs.set_mode(mode))
        await self.cancel_entries()

    async def cancel_entries(self, asked: Collection[int] = ()) -> set[int]:
        """Cancel every entry that works, but of these trades; give the trades of those that were cancelled now."""
        now: set[int] = set()
        for slot, record in enumerate(self.state.slots):
            if record.phase in _ENTRY_WORKS and record.trade not in asked:
                now.add(record.trade)
                await self.apply(inputs.cancel(slot=slot, instrument=record.instrument, trade=record.trade))
        return now

    # --- one input ---------------------------------------------------------------------------------------------------

    def _take(self, event: Input, notes: tuple[Note, ...]) -> tuple[Outcome, "asyncio.Task[None] | None"]:
        began_ns = self._now_ns()
        stepped = self.lockstep.step(event)
        outcome = stepped.outcome
        if stepped.diverged_now:
            self._diverged()
        for observer in self.observers:
            observer(event, stepped)
        if outcome.verdict == Verdict.REFUSED:
            self.refusals[Code(outcome.code)] += 1
            return outcome, None
        for annotator in self.annotators:
            notes += annotator(event, stepped)
        send_by_ns = self.venue_now_ns() + self._send_within_ns if outcome.submit else 0
        durable: Awaitable[None] | None = None
        if self.journal_error is None:
            durable = self._append(event, stepped, send_by_ns, notes)
        taken = _Taken(event, stepped, self.journal.position, send_by_ns, began_ns)
        if isinstance(durable, AtOnce):
            self._finish_at_once(taken, durable.failure)
            return outcome, None
        task = asyncio.create_task(self._finish(taken, durable))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return outcome, task

    def _append(self, event: Input, stepped: Stepped, send_by_ns: int, notes: tuple[Note, ...]) -> Awaitable[None]:
        wall_ns = self._wall_ns()
        self.history.observe(event, stepped, send_by_ns=send_by_ns, wall_ns=wall_ns)
        due = self._made_by != "" and (self.journal.position + 1) % self._snapshot_every == 0
        agreed = self.lockstep.divergence is None

        def snapshot(position: int) -> Snapshot:
            self.history.keep(stepped.after)
            state = self.lockstep.packed_state
            return Snapshot(position, self._made_by, pack(stepped.outcome), state, self.history.to_text())

        return self.journal.append(
            event,
            send_by_ns=send_by_ns,
            digest=self.lockstep.digest(event, stepped.outcome),
            wall_ns=wall_ns,
            notes=tuple(self._writable((*notes, *self.beside()))),
            snapshot=snapshot if due and agreed else None,
        )

    async def _finish(self, taken: _Taken, durable: Awaitable[None] | None) -> None:
        if durable is not None:
            try:
                await durable
            except JournalError as error:
                self._journal_failed(error)
            else:
                self.durable_position = taken.position
        self._carry(taken)

    def _finish_at_once(self, taken: _Taken, failure: JournalError | None) -> None:
        """The commands of an input that is durable already. Those of inputs that they cause follow them, not inside."""
        if failure is None:
            self.durable_position = taken.position
        else:
            self._journal_failed(failure)
        self._due.append(taken)
        if len(self._due) > 1:
            return  # whoever carries the first one out goes on with this
        while self._due:
            try:
                self._carry(self._due[0])
            finally:
                self._due.popleft()

    def _carry(self, taken: _Taken) -> None:
        event, stepped, _, send_by_ns, began_ns = taken
        if self.is_fenced:
            return  # whoever took over answers for the orders now
        if self.journal_error is not None and _commands_anything(stepped.outcome):
            self.alerts.raise_(Alert.UNJOURNALED, f"{Kind(event.kind).name}: {stepped.outcome}")
        if self._commands is not None:
            self._commands.carry(event, stepped, send_by_ns)
            what = _INPUT_TO_COMMAND if _commands_anything(stepped.outcome) else _INPUT_TO_JOURNAL
            self.latencies.add(what, self._now_ns() - began_ns)

    # --- when something is wrong -------------------------------------------------------------------------------------

    def _writable(self, notes: Iterable[Note]) -> Iterator[Note]:
        """Without those that the journal would refuse: the step is made, and must have its row whatever is said."""
        for note in notes:
            try:
                yield checked_note(note)
            except ValueError as error:
                self.alerts.raise_(Alert.OWN_BUG, f"left out: {error}")

    def _journal_failed(self, error: JournalError) -> None:
        if self.journal_error is not None:
            return
        self.journal_error = error
        if self.is_fenced:
            self.alerts.raise_(Alert.FENCED, f"{error}; from now on nothing leaves")
        else:
            self.alerts.raise_(Alert.JOURNAL_FAILED, f"{error}; from now on only closing orders leave")
        self._stop_adding_risk()

    def _diverged(self) -> None:
        divergence = self.lockstep.divergence
        assert divergence is not None
        self.alerts.raise_(Alert.DIVERGENCE, f"{divergence.reason}; the reference goes on alone, closing only")
        try:
            self._on_divergence(divergence)
        except Exception as error:  # noqa: BLE001 - the dump is for later; now the risk must go
            self.alerts.raise_(Alert.OWN_BUG, f"writing the divergence down raised {error!r}")
        self._stop_adding_risk()

    def _stop_adding_risk(self) -> None:
        if self._commands is not None:
            self._commands.take_risk_away()
        task = asyncio.create_task(self.reduce_only())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _commands_anything(outcome: Outcome) -> bool:
    return any((outcome.submit, outcome.cancel, outcome.resolve, outcome.cancel_protection))
