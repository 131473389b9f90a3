"""Boundary vectors: each named field on and beside every bound, on both sides, until something differs."""

import pytest

from dita.conformance.boundary import NAMED, run_boundary, vectors_of
from dita.conformance.declare import never
from dita.conformance.draw import BOUNDARIES, I64_MAX, I64_MIN
from dita.conformance.encoding import scalars, with_scalars
from dita.conformance.under_test import CallerMemory, Canary
from dita.kernel.loader import RawKernel
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import LEGS, Kind, Side

SOME = 77  # that no bound is beside


@pytest.mark.parametrize("kind", list(NAMED), ids=lambda kind: kind.name)
def test_each_named_field_is_on_and_beside_every_bound(kind: Kind) -> None:
    """One field at a time, the others as they are; slot and instrument too, and the noise comes last."""
    named = ("slot", "instrument", *NAMED[kind])
    base = with_scalars([kind, *(SOME if name in named else 0 for name in Input._fields[1:-1])], (0,) * LEGS)
    *alone, noise = vectors_of(base)
    wanted = {*BOUNDARIES, SOME - 1, SOME + 1} - {SOME}

    changed = [[a != b for a, b in zip(scalars(base), scalars(vector), strict=True)] for vector in alone]
    assert all(sum(fields) <= 1 for fields in changed)
    for field in named:
        assert {getattr(vector, field) for vector in alone} >= wanted, field
    same = {name for name in Input._fields[:-1] if getattr(noise, name) == getattr(base, name)}
    assert same == {"kind", *named}


def test_a_kind_that_does_not_exist_has_no_bounds() -> None:
    """It is asked as it is."""
    event = Input(kind=Kind.CALIBRATE + 1)
    assert list(vectors_of(event)) == [event]


def test_every_share_of_a_leg_is_tried() -> None:
    """Each of them on both sides of nothing and of the whole."""
    event = inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=1, price=1, ratios=(1_000_000,))
    tried = {(index, vector.ratios[index]) for vector in vectors_of(event) for index in range(LEGS)}
    assert tried >= {(index, share) for index in range(LEGS) for share in (0, 1, -1, 1_000_001, I64_MIN, I64_MAX)}


def test_both_sides_agree_from_the_blank_state(raw_kernel: RawKernel) -> None:
    """Every kind is tried, and kinds that do not exist."""
    done = run_boundary(CallerMemory(raw_kernel), never, [State()])

    assert (done.complete, done.findings, done.states) == (True, [], 1)
    assert {cell.kind for cell in done.distribution} >= {*Kind, 0}
    assert sum(done.distribution.values()) == done.transitions > 3_000


@pytest.mark.parametrize("in_outcome", [False, True], ids=["state", "outcome"])
def test_a_planted_fault_ends_the_run_at_its_vector(raw_kernel: RawKernel, *, in_outcome: bool) -> None:
    """The run is not complete, and shows the state and the one input that differ."""
    planted = Canary(CallerMemory(raw_kernel), kind=Kind.SET_MODE, hits=2, word=0, in_outcome=in_outcome)

    done = run_boundary(planted, never, [State(), State()])

    assert (done.complete, done.states) == (False, 1)
    assert [(found.start, found.inputs[0].kind) for found in done.findings] == [(State(), Kind.SET_MODE)]
    assert done.findings[0].what.startswith("boundary: ")


def test_a_run_out_of_time_is_not_complete(raw_kernel: RawKernel) -> None:
    """It says how far it came."""
    done = run_boundary(CallerMemory(raw_kernel), lambda: True, [State()])

    assert not done.complete
    assert done.findings == []
    assert 0 < done.transitions < 3_000
