"""What the layers say to a sound kernel, written down once so that every mutant can be asked the same.

A layer's traffic does not depend on the kernel until the two sides differ, and where they differ the mutant is killed.
So each layer runs once, as it is, on the built image behind a recorder; a mutant is then held against the record, which
costs microseconds a step instead of the reference's. The answers in the record are the kernel's own, and the layer has
compared each of them with the reference's.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, TypeVar

from dita.conformance.boundary import run_boundary, sample_states
from dita.conformance.campaign import run_campaign
from dita.conformance.corpus import corpus, run_corpus
from dita.conformance.encoding import (
    ACCOUNT_BYTES,
    INSTRUMENT_BYTES,
    INSTRUMENTS_AT,
    SLOT_BYTES,
    SLOTS_AT,
    unpack_input,
    unpack_outcome,
)
from dita.conformance.exhaustive import Finding, enumerate_world
from dita.conformance.small_worlds import worlds
from dita.conformance.under_test import StepUnderTest
from dita.conformance.vectors.replay import replay
from dita.conformance.vectors.rows import VectorsRefused, read
from dita.spec.inputs import Input
from dita.spec.layout import unpack
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, State

R = TypeVar("R")

RANDOM_PAIRS: Final = 60_000  # distinct (state, input) pairs of random traffic
RANDOM_SEED: Final = 20_260_529
SLOT_WORD: Final = slice(8, 16)  # of an input
INSTRUMENT_WORD: Final = slice(16, 24)


class TrafficVoid(Exception):
    """A layer did not finish, or found the sound kernel to differ; the message says which."""


class Exchange(NamedTuple):
    """One step of a sound kernel: where it was taken, what was said, what it answered and wrote."""

    start: bytes | None  # the state's bytes; None: where the exchange before left it
    event: bytes
    outcome: bytes
    changes: tuple[tuple[int, bytes], ...]  # what was written, and where


class Move(NamedTuple):
    """An exchange in records: what it is in bytes, for those who think in records."""

    before: State
    event: Input
    after: State
    outcome: Outcome


Traffic = dict[str, list[Exchange]]
"""The exchanges of each layer, by the layer's name."""


class Recorder:
    """A kernel under test that writes down what it is asked and what it answers."""

    def __init__(self, kernel: StepUnderTest) -> None:
        self._kernel = kernel
        self._known: dict[bytes, bytes] = {}  # equal parts are kept once
        self._current = b""
        self._loaded: bytes | None = None
        self.exchanges: list[Exchange] = []

    def load(self, state: bytes | bytearray, /) -> None:
        """Replace the state."""
        self._current = self._loaded = self._once(bytes(state))
        self._kernel.load(state)

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input, and keep the exchange."""
        outcome = self._kernel.step(event)
        after = self._kernel.state()
        changes = () if after == self._current else tuple(self._changes(event, after))
        if changes and after != bytes(patched(self._current, changes)):
            raise TrafficVoid("the kernel wrote outside of what the input names")
        self.exchanges.append(Exchange(self._loaded, self._once(event), self._once(outcome), changes))
        self._current, self._loaded = after, None
        return outcome

    def batch(self, events: bytes, /) -> bytes:
        """Pass through: the steps of a batch were recorded when they were made one by one."""
        return self._kernel.batch(events)

    def holds(self, expected: bytearray, /) -> bool:
        """Whether the state's bytes are exactly ``expected``."""
        return self._kernel.holds(expected)

    def state(self) -> bytes:
        """A copy of the state's bytes."""
        return self._kernel.state()

    def _once(self, part: bytes) -> bytes:
        return self._known.setdefault(part, part)

    def _changes(self, event: bytes, after: bytes) -> Iterator[tuple[int, bytes]]:
        for at, size in named_parts(event):
            if after[at : at + size] != self._current[at : at + size]:
                yield at, self._once(after[at : at + size])


def named_parts(event: bytes) -> tuple[tuple[int, int], ...]:
    """Offset and size of what an input may touch: the account, its instrument, its slot."""
    slot = int.from_bytes(event[SLOT_WORD], "little", signed=True)
    instrument = int.from_bytes(event[INSTRUMENT_WORD], "little", signed=True)
    return (
        (0, ACCOUNT_BYTES),
        (INSTRUMENTS_AT + instrument * INSTRUMENT_BYTES, INSTRUMENT_BYTES),
        (SLOTS_AT + slot * SLOT_BYTES, SLOT_BYTES),
    )


def patched(state: bytes | bytearray, changes: Sequence[tuple[int, bytes]]) -> bytearray:
    """The state's bytes after the changes."""
    after = bytearray(state)
    for at, part in changes:
        after[at : at + len(part)] = part
    return after


# --- the layers -----------------------------------------------------------------------------------------------------

Run = Callable[[StepUnderTest], list[Finding] | None]
"""Drive a layer on a kernel: its findings, or None when it did not finish."""


def _never() -> bool:
    return False


def _corpus(kernel: StepUnderTest) -> list[Finding] | None:
    return run_corpus(kernel, corpus()).findings


def _vectors(kernel: StepUnderTest) -> list[Finding] | None:
    try:
        done = replay(kernel, read(), _never)
    except VectorsRefused as refusal:
        raise TrafficVoid(f"layer `vectors`: {refusal}") from refusal
    return done.findings if done.complete or done.findings else None


def _boundary(kernel: StepUnderTest) -> list[Finding] | None:
    done = run_boundary(kernel, _never, sample_states(1))
    return done.findings if done.complete or done.findings else None


def _random(kernel: StepUnderTest) -> list[Finding] | None:
    done = run_campaign(kernel, None, RANDOM_SEED, RANDOM_PAIRS, _never)
    return done.findings if done.distinct >= RANDOM_PAIRS or done.findings else None


def _worlds(kernel: StepUnderTest) -> list[Finding] | None:
    for world in worlds("quick"):
        done = enumerate_world(world, kernel, _never)
        if done.findings or not done.complete:
            return done.findings or None
    return []


LAYERS: Final[dict[str, Run]] = {
    "corpus": _corpus, "vectors": _vectors, "boundary": _boundary, "random": _random, "worlds": _worlds,
}  # fmt: skip
"""The differential layers, cheapest first, each as ``dita conform --tier quick`` runs it (random at a fixed size)."""


def record(layers: Sequence[str], kernel: StepUnderTest) -> Traffic:
    """Run the layers on a sound kernel and keep what was said. Raises TrafficVoid."""
    traffic: Traffic = {}
    for name in layers:
        recorder = Recorder(kernel)
        findings = LAYERS[name](recorder)
        if findings is None or findings or not recorder.exchanges:
            what = findings[0].what if findings else "it did not finish, or said nothing"
            raise TrafficVoid(f"layer `{name}` on the sound kernel: {what}; mutants judged by it would prove nothing")
        traffic[name] = recorder.exchanges
    return traffic


def digest(exchanges: Sequence[Exchange]) -> str:
    """SHA-256 over everything that was said and answered."""
    found = sha256()
    for exchange in exchanges:
        found.update(exchange.start or b"")
        found.update(exchange.event)
        found.update(exchange.outcome)
        for at, part in exchange.changes:
            found.update(at.to_bytes(8, "little"))
            found.update(part)
    return found.hexdigest()


# --- records --------------------------------------------------------------------------------------------------------


class Reader:
    """Turns bytes into records; equal bytes into the same record, as the steps of the reference would keep them."""

    def __init__(self) -> None:
        self._states: dict[bytes, State] = {}
        self._slots: dict[bytes, Slot] = {}
        self._instruments: dict[bytes, Instrument] = {}
        self._accounts: dict[bytes, Account] = {}

    def state(self, data: bytes) -> State:
        """The state behind ``data``."""
        key = sha256(data).digest()
        if key not in self._states:
            account = self._account(data[:ACCOUNT_BYTES])
            instruments = [data[at : at + INSTRUMENT_BYTES] for at in range(INSTRUMENTS_AT, SLOTS_AT, INSTRUMENT_BYTES)]
            slots = [data[at : at + SLOT_BYTES] for at in range(SLOTS_AT, len(data), SLOT_BYTES)]
            self._states[key] = State(account, tuple(map(self._instrument, instruments)), tuple(map(self._slot, slots)))
        return self._states[key]

    def moves(self, exchanges: Sequence[Exchange]) -> Iterator[Move]:
        """The exchanges in records."""
        before = State()
        for exchange in exchanges:
            if exchange.start is not None:
                before = self.state(exchange.start)
            event = unpack_input(exchange.event)
            after = self.after(before, event, exchange.changes)
            yield Move(before, event, after, unpack_outcome(exchange.outcome))
            before = after

    def after(self, before: State, event: Input, changes: Sequence[tuple[int, bytes]]) -> State:
        """The state after the changes; what did not change is the same object."""
        account, instruments, slots = before
        for at, part in changes:
            if at == 0:
                account = self._account(part)
            elif at < SLOTS_AT:
                i = event.instrument
                instruments = (*instruments[:i], self._instrument(part), *instruments[i + 1 :])
            else:
                k = event.slot
                slots = (*slots[:k], self._slot(part), *slots[k + 1 :])
        return State(account, instruments, slots) if changes else before

    def _account(self, data: bytes) -> Account:
        return _kept(self._accounts, data, lambda: unpack(Account, data))

    def _instrument(self, data: bytes) -> Instrument:
        return _kept(self._instruments, data, lambda: unpack(Instrument, data))

    def _slot(self, data: bytes) -> Slot:
        return _kept(self._slots, data, lambda: unpack(Slot, data))


def _kept(known: dict[bytes, R], data: bytes, make: Callable[[], R]) -> R:
    if data not in known:
        known[data] = make()
    return known[data]
