"""Traces are JSON Lines that people read and edit, and nothing is lost on the way."""

import json
import random

import pytest

from dita.conformance.draw import Draw
from dita.conformance.generate import Generator
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.trace import Trace, TraceError, format_input, format_trace, parse_input, parse_trace
from dita.spec.vocabulary import Kind, RejectReason, Side

HEADER = '{"format": "dita-trace", "version": 1}'


def test_any_inputs_and_any_state_survive_the_text() -> None:
    """Random traces with noise in every field, from a state in mid-trade, come back as they were."""
    rng = random.Random(5)
    draw, source, state = Draw(rng), Generator(rng), State()
    inputs: list[Input] = []
    for _ in range(150):
        inputs += [source.next(state), draw.noisy()]
        state, _ = step(state, inputs[-2])
    assert state != State()
    trace = Trace(tuple(inputs), state)

    assert parse_trace(format_trace(trace).splitlines()) == trace


def test_enumerations_are_written_by_name_and_zeros_left_out() -> None:
    """What a person reads names kind, side and reason, and shows no empty field."""
    event = Input(kind=Kind.REJECTED, trade=7, side=Side.SHORT, reason=RejectReason.BLOCKED)

    assert json.loads(format_input(event)) == {"kind": "REJECTED", "trade": 7, "side": "SHORT", "reason": "BLOCKED"}


def test_a_person_may_write_names_or_numbers_comments_and_blank_lines() -> None:
    """Hand-written traces are read."""
    trace = parse_trace(["# a comment", HEADER, "", '{"kind": "SET_MODE", "mode": "HALTED"}', '{"kind": 5, "mode": 2}'])

    assert trace.inputs[0] == trace.inputs[1]
    assert trace.start == State()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["{}"], "not the header"),
        ([], "no header"),
        ([HEADER, '{"kind": "ENTR"}'], "line 2: `kind` is `ENTR`; give one of"),
        ([HEADER, '{"slot": 1}'], "`kind` is missing"),
        ([HEADER, '{"kind": "ENTER", "qty": 1}'], "unknown field `qty`"),
        ([HEADER, '{"kind": "ENTER", "quantity": 1.5}'], "`quantity` is `1.5`; give an integer"),
        ([HEADER, '{"kind": "ENTER", "quantity": true}'], "`quantity` is `True`"),
        ([HEADER, f'{{"kind": "ENTER", "quantity": {1 << 63}}}'], "signed 64-bit"),
        ([HEADER, '{"kind": "ENTER", "kind": "EXIT"}'], "field `kind` is given twice"),
        ([HEADER, '{"kind": "ENTER", "ratios": [1,2,3,4,5,6,7,8,9]}'], "at most 8"),
        ([HEADER, "[1]"], "not a JSON object"),
        ([HEADER, "{"], "line 2: not one JSON object"),
        (['{"format": "dita-trace", "version": 1, "start": {"slots[99].phase": 1}}'], "no word of the state"),
        (['{"format": "dita-trace", "version": 2}'], "version 1"),
    ],
)
def test_a_wrong_trace_is_refused_by_line_field_and_value(lines: list[str], says: str) -> None:
    """Nothing wrong is guessed at; the error says where and what to give instead."""
    with pytest.raises(TraceError) as caught:
        parse_trace(lines)
    assert says in str(caught.value)


def test_deep_and_long_texts_are_refused_not_followed() -> None:
    """Nesting and length have limits."""
    with pytest.raises(TraceError):
        parse_input("[" * 100_000)
    with pytest.raises(TraceError):
        parse_trace([HEADER, " " * ((1 << 17) + 1)])
