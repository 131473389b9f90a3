"""The decisions of one concrete run of the reference: which path it took, told without a solver.

The reference runs on words that note what is asked of them: every truth value that the code branches on, every number
that it looks something up with. It is cut exactly as for the symbolic executor (``dita.conformance.prove.seams``), so
two runs make the same decisions if and only if they take the same of its paths.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any, Final, NamedTuple, Self, cast

from dita.conformance.prove.seams import BUILTINS, REFERENCE, is_arithmetic, is_merged
from dita.reference.focus import Refused
from dita.reference.step import accept, answer, located
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Focus, State, focus_of
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Kind

MARK_BYTES: Final = 8


class OffThePath(RuntimeError):
    """The reference did something that the pathfinder does not follow; it must be taught to, or coverage is a guess."""


class Taken(NamedTuple):
    """What a run decided, in order, and what it gave; ``after`` is None where it refused."""

    decisions: tuple[str, ...]
    after: Focus | None
    outcome: Outcome

    @property
    def mark(self) -> str:
        """The decisions as a short name of the path: hexadecimal digits of their hash."""
        return sha256(" ".join(self.decisions).encode()).hexdigest()[: 2 * MARK_BYTES]


def is_named(event: Input) -> bool:
    """The input names a kind, a slot and an instrument, so that a handler is asked."""
    known = Kind.ENTER <= event.kind <= Kind.CALIBRATE
    return known and 0 <= event.slot < SLOTS and 0 <= event.instrument < INSTRUMENTS


class Pathfinder:
    """Runs the reference and says which path was taken. A context: within it the reference's modules hold stand-ins.

    Not for two threads, nor for two pathfinders, at once.
    """

    def __init__(self) -> None:
        self._notes = _Notes()
        self._cuts = ExitStack()

    def __enter__(self) -> Self:
        self._cuts.enter_context(_cut(self._notes))
        return self

    def __exit__(self, *_: object) -> None:
        self._cuts.close()

    def taken(self, state: State, event: Input) -> Taken:
        """Run the handler that the input asks for, or the step itself where it refuses before asking any.

        Raises OffThePath.
        """
        notes = self._notes
        notes.decisions.clear()
        words = cast("Input", notes.noted(event))
        try:
            if is_named(event):
                focus = cast("Focus", notes.noted(focus_of(state, event.slot, event.instrument)))
                after, outcome = answer(focus, words._replace(kind=event.kind))
            else:
                accept(state, words)
                raise OffThePath(f"an input that names nothing was not refused: {event}")
        except Refused as refusal:
            return Taken(tuple(notes.decisions), None, cast("Outcome", plain(refusal.outcome)))
        done = located(cast("Outcome", plain(outcome)), event)
        return Taken(tuple(notes.decisions), cast("Focus", plain(after)), done)


# --- words that note ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Notes:
    """What was decided so far."""

    decisions: list[str] = field(default_factory=list[str])

    def noted(self, value: object) -> object:
        """The record with words that note in place of its own."""
        if isinstance(value, tuple):
            items = [self.noted(item) for item in cast("tuple[object, ...]", value)]
            make: Callable[[list[object]], object] = getattr(type(cast("object", value)), "_make", tuple)
            return make(items)
        if isinstance(value, bool):
            return Truth(value, self)
        if isinstance(value, int):
            return Word(int(value), self)
        return value


def plain(value: object) -> object:
    """The record with plain words again."""
    if isinstance(value, tuple):
        items = [plain(item) for item in cast("tuple[object, ...]", value)]
        make: Callable[[list[object]], object] = getattr(type(cast("object", value)), "_make", tuple)
        return make(items)
    return value.value if isinstance(value, (Word, Truth)) else value


def _holds_noting(value: object) -> bool:
    if isinstance(value, tuple):
        return any(_holds_noting(item) for item in cast("tuple[object, ...]", value))
    return isinstance(value, (Word, Truth))


class Truth:
    """A truth value that notes when it is branched on."""

    __slots__ = ("_notes", "value")

    def __init__(self, value: bool, notes: _Notes) -> None:
        self.value = value
        self._notes = notes

    def __bool__(self) -> bool:
        self._notes.decisions.append("yes" if self.value else "no")
        return self.value

    def __eq__(self, other: object) -> Any:
        return Truth(self.value == _number(other), self._notes)

    def __ne__(self, other: object) -> Any:
        return Truth(self.value != _number(other), self._notes)

    def __hash__(self) -> int:
        return hash(bool(self))


class Word:
    """An integer whose comparisons note, and that notes when something is looked up with it."""

    __slots__ = ("_notes", "value")

    def __init__(self, value: int, notes: _Notes) -> None:
        self.value = value
        self._notes = notes

    def __add__(self, other: object) -> Word:
        return Word(self.value + _number(other), self._notes)

    def __radd__(self, other: object) -> Word:
        return Word(_number(other) + self.value, self._notes)

    def __sub__(self, other: object) -> Word:
        return Word(self.value - _number(other), self._notes)

    def __rsub__(self, other: object) -> Word:
        return Word(_number(other) - self.value, self._notes)

    def __neg__(self) -> Word:
        return Word(-self.value, self._notes)

    def __eq__(self, other: object) -> Any:
        return Truth(self.value == _number(other), self._notes)

    def __ne__(self, other: object) -> Any:
        return Truth(self.value != _number(other), self._notes)

    def __lt__(self, other: object) -> Any:
        return Truth(self.value < _number(other), self._notes)

    def __le__(self, other: object) -> Any:
        return Truth(self.value <= _number(other), self._notes)

    def __gt__(self, other: object) -> Any:
        return Truth(self.value > _number(other), self._notes)

    def __ge__(self, other: object) -> Any:
        return Truth(self.value >= _number(other), self._notes)

    def __bool__(self) -> bool:
        return bool(Truth(self.value != 0, self._notes))

    def __index__(self) -> int:
        self._notes.decisions.append(str(self.value))
        return self.value

    def __hash__(self) -> int:
        return hash(self.__index__())

    def __getattr__(self, name: str) -> object:
        raise OffThePath(f"attribute `{name}` of a word that notes")


def _number(value: object) -> int:
    if isinstance(value, (Word, Truth)):
        return int(value.value)
    if isinstance(value, int):
        return int(value)
    raise OffThePath(f"`{type(value).__name__}` met a word that notes")


# --- the cuts -------------------------------------------------------------------------------------------------------


@contextmanager
def _cut(notes: _Notes) -> Generator[None]:
    """Within the block, what is taken as a whole makes no notes."""
    undo: list[tuple[ModuleType, str, bool, object]] = []
    try:
        for module in REFERENCE:
            for name, function in _wholes(module):
                undo.append((module, name, name in vars(module), vars(module).get(name)))
                setattr(module, name, _whole(function, notes))
        yield
    finally:
        for module, name, existed, value in reversed(undo):
            if existed:
                setattr(module, name, value)
            else:
                delattr(module, name)


def _wholes(module: ModuleType) -> list[tuple[str, Callable[..., object]]]:
    known = _WHOLES.get(module.__name__)
    if known is None:
        found: list[tuple[str, Callable[..., object]]] = [
            (name, value)
            for name, value in vars(module).items()
            if isinstance(value, FunctionType) and (is_merged(value) or is_arithmetic(value))
        ]
        known = _WHOLES[module.__name__] = found + [(name, getattr(builtins, name)) for name in BUILTINS]
    return known


_WHOLES: Final[dict[str, list[tuple[str, Callable[..., object]]]]] = {}


def _whole(function: Callable[..., object], notes: _Notes) -> Callable[..., object]:
    def call(*arguments: object, **named: object) -> object:
        if not _holds_noting((*arguments, *named.values())):
            return function(*arguments, **named)
        given = {name: plain(value) for name, value in named.items()}
        return notes.noted(function(*[plain(item) for item in arguments], **given))

    return call
