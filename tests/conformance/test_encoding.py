"""The fast encoders of the differential loop are those of ``dita.spec.layout``."""

import random

from dita.conformance.encoding import (
    fresh_buffer,
    pack_input,
    pack_outcome,
    state_word_name,
    unpack_input,
    unpack_outcome,
    write_changes,
)
from dita.conformance.generate import Generator
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.layout import pack, word_names
from dita.spec.outcome import Outcome
from dita.spec.state import State, initial_state


def trace(seed: int, length: int) -> list[tuple[State, Input, State, Outcome]]:
    """Random steps of the reference."""
    source, state = Generator(random.Random(seed)), State()
    steps: list[tuple[State, Input, State, Outcome]] = []
    for _ in range(length):
        event = source.next(state)
        after, outcome = step(state, event)
        steps.append((state, event, after, outcome))
        state = after
    return steps


def test_records_are_encoded_as_the_layout_says() -> None:
    """Inputs, outcomes and states come out as ``layout.pack`` writes them, and go back (clause N3)."""
    for before, event, _, outcome in trace(1, 200):
        assert pack_input(event) == pack(event)
        assert unpack_input(pack_input(event)) == event
        assert pack_outcome(outcome) == pack(outcome)
        assert unpack_outcome(pack_outcome(outcome)) == outcome
        assert fresh_buffer(before) == pack(before)


def test_encoding_only_what_changed_gives_the_whole_state() -> None:
    """A buffer that follows a run by ``write_changes`` is at every step the state encoded in full."""
    buffer = bytearray(pack(State()))
    for before, event, after, _ in trace(2, 300):
        write_changes(buffer, before, after, event)
        assert buffer == pack(after)


def test_a_small_world_is_encoded_with_blanks_for_what_it_lacks() -> None:
    """A state of one slot and one instrument is the full blank state in bytes."""
    assert fresh_buffer(initial_state(1, 1)) == pack(State())


def test_every_word_has_its_dotted_name() -> None:
    """The name of a state word is the layout's name for the same offset."""
    names = word_names(State)
    assert [state_word_name(word) for word in range(len(names))] == list(names)
