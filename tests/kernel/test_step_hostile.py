"""The Rust step on anything: random bits for input and state never crash it, and a refusal changes no byte."""

import struct
from collections import Counter
from random import Random
from typing import Any

import pytest

from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.layout import pack, size_of, unpack
from dita.spec.outcome import Outcome
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Code, Kind, Verdict
from kernel_walk import EDGES, Pair, Walk

STATE, INPUT = size_of(State), size_of(Input)


class Memory:
    """A state, an input and an outcome that the test fills with any bits."""

    def __init__(self, raw: RawKernel) -> None:
        ffi: Any = raw.ffi
        self._lib: Any = raw.lib
        self._records = [ffi.new(f"struct dita_{name} *") for name in ("state", "input", "outcome")]
        self.state, self.input, self.outcome = (memoryview(ffi.buffer(record)).cast("B") for record in self._records)

    def step(self) -> Outcome:
        """The kernel's step on what is there."""
        assert self._lib.dita_step_state(*self._records) == 0
        return unpack(Outcome, bytes(self.outcome))


def garbage(rng: Random, size: int) -> bytes:
    """Words that are random, at an edge, or small, in a mixture that is itself random."""
    weights = [rng.random() for _ in range(4)]
    kinds = rng.choices(range(4), weights, k=size // 8)
    words = [
        (rng.getrandbits(64) - 2**63, rng.choice(EDGES), rng.randrange(8), rng.getrandbits(rng.randrange(1, 63)))[kind]
        for kind in kinds
    ]
    return struct.pack(f"<{len(words)}q", *words)


@pytest.mark.parametrize("seed", range(4))
def test_any_bits_have_a_named_answer(raw_kernel: RawKernel, seed: int) -> None:
    """Garbage for state and input: each step returns, with a known verdict and code; refusals change no byte."""
    rng = Random(seed)
    memory = Memory(raw_kernel)
    for _ in range(40):
        memory.state[:] = garbage(rng, STATE)
        for _ in range(25):
            event = unpack(Input, garbage(rng, INPUT))
            kind = rng.choice((event.kind, rng.randint(Kind.ENTER, Kind.CALIBRATE)))
            slot, instrument = rng.choice((0, 15, event.slot)), rng.choice((0, 63, event.instrument))
            check_step(memory, event._replace(kind=kind, slot=slot, instrument=instrument))


@pytest.mark.parametrize("seed", range(8))
def test_damaged_words_have_a_named_answer(raw_kernel: RawKernel, seed: int) -> None:
    """A walk's state with some words replaced, and the input that was to come: no deep path breaks any promise."""
    rng = Random(seed)
    memory, walk, state = Memory(raw_kernel), Walk(seed + 300), initial_state()
    opening = walk.opening()
    answers: Counter[tuple[int, int]] = Counter()
    for _ in range(150):
        event = next(opening, None) or walk.next(state)
        sound = pack(state)
        for _ in range(4):
            memory.state[:] = sound
            words = memory.state.cast("q")
            for place in focus_words(event, rng.randrange(1, 12), rng):
                words[place] = rng.choice((rng.choice(EDGES), rng.getrandbits(64) - 2**63, words[place] ^ 1))
            answers[check_step(memory, event)] += 1
        state, _ = step(state, event)

    assert {verdict for verdict, _ in answers} == set(Verdict)
    assert len({code for _, code in answers}) > 12, answers


def focus_words(event: Input, count: int, rng: Random) -> list[int]:
    """Places of words that a step on the input can touch, if its indices are any."""
    slot, instrument = event.slot % 16, event.instrument % 64
    places = (range(25), range(25 + 13 * instrument, 38 + 13 * instrument), range(857 + 91 * slot, 948 + 91 * slot))
    return [rng.choice(rng.choice(places)) for _ in range(count)]


def check_step(memory: Memory, event: Input) -> tuple[int, int]:
    """One step on the memory's state as it is, held against what any step must keep."""
    memory.input[:] = pack(event)
    before = bytes(memory.state)
    outcome = memory.step()
    after = bytes(memory.state)
    assert Verdict(outcome.verdict).name
    assert Code(outcome.code).name
    if outcome.verdict == Verdict.REFUSED:
        assert after == before, event
        assert outcome == Outcome(code=outcome.code), event
    else:
        assert (outcome.slot, outcome.instrument) == (event.slot, event.instrument)
        assert outside_focus(after, event) == outside_focus(before, event), event
    return outcome.verdict, outcome.code


def outside_focus(state: bytes, event: Input) -> bytes:
    """The state without the account and without the slot and the instrument that the input selects."""
    account, instrument, slot, instruments = 25 * 8, 13 * 8, 91 * 8, 64
    first = account + event.instrument * instrument
    second = account + instruments * instrument + event.slot * slot
    return state[account:first] + state[first + instrument : second] + state[second + slot :]


@pytest.mark.parametrize("seed", range(4))
def test_noise_on_a_sound_state_is_answered_as_by_the_reference(raw_kernel: RawKernel, seed: int) -> None:
    """In a state that a walk reached, inputs of garbage: each answer is the reference's, a refusal changes nothing."""
    rng = Random(seed)
    walk, pair = Walk(seed), Pair(raw_kernel, initial_state())
    opening = walk.opening()
    for _ in range(150):
        assert pair.step(next(opening, None) or walk.next(pair.state))[1] is None
    for _ in range(200):
        before = pair.state
        event = unpack(Input, garbage(rng, INPUT))
        event = event._replace(kind=rng.randint(-1, 23), slot=rng.randint(-1, 4), instrument=rng.randint(-1, 4))
        if rng.random() < 0.5:
            event = event._replace(trade=rng.randint(0, before.account.trade_high_water + 1), attempt=rng.randint(0, 3))
        outcome, difference = pair.step(event)
        assert difference is None
        assert outcome.verdict != Verdict.REFUSED or pair.state is before


def test_a_refusal_late_in_a_step_changes_nothing(raw_kernel: RawKernel) -> None:
    """The refusals that come after all decisions, an amount beyond the bound, leave every byte of a live slot alone."""
    found: Counter[int] = Counter()
    for seed in range(200, 220):
        walk, pair = Walk(seed), Pair(raw_kernel, initial_state())
        walk.huge = True
        opening = walk.opening()
        for _ in range(120):
            outcome, difference = pair.step(next(opening, None) or walk.next(pair.state))
            assert difference is None
            found[outcome.code] += 1
            pair.replace(walk.at_the_edge(pair.state))

    assert found[Code.OVERFLOW] >= 8, found
