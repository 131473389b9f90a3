"""Making path vectors: nothing that a solver says is taken on trust, and what does not add up is refused by name."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dita.conformance.vectors import generate, making
from dita.conformance.vectors import pathfinder as pathfinder_module
from dita.conformance.vectors.dice import Dice
from dita.conformance.vectors.embedding import NotWhole, embedded
from dita.conformance.vectors.generate import SEED, content_of, differences, write
from dita.conformance.vectors.making import Made, PathMissed, make
from dita.conformance.vectors.pathfinder import OffThePath, Pathfinder, Taken, is_named
from dita.conformance.vectors.real import FITTING, Asked, Question
from dita.conformance.vectors.refusing import make_refusing
from dita.conformance.vectors.rows import INTERIOR, Kept, Vector, changes_of, parse, read, rows_of
from dita.reference import orders, step
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.state import Focus, State, focus_of
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Kind

SMALL = (Kind.SET_MODE,)


@pytest.fixture(scope="module")
def kept() -> Kept:
    """The file in the repository."""
    return read()


@pytest.fixture(scope="module")
def vectors(kept: Kept) -> dict[str, list[Vector]]:
    """Its vectors by kind, the paths of each counted from 0."""
    names = [name for name, marks in kept.marks.items() for _ in marks]
    found: dict[str, list[Vector]] = {name: [] for name in kept.marks}
    for one in kept.vectors():
        name = names[one.path]
        found[name].append(one._replace(path=one.path - names.index(name)))
    return found


@pytest.fixture(scope="module")
def made() -> dict[Kind, Made]:
    """A small kind, made now as ``dita vectors`` makes it: in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return {kind: pool.submit(make, kind, SEED).result() for kind in SMALL}


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it does not matter what the numbers are near to."""
    monkeypatch.setattr(making, "SCENES", 20)


def returning(value: object) -> Callable[..., Any]:
    """A function that always says this."""

    def say(*_: object) -> Any:
        return value

    return say


# --- making ---------------------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_what_is_made_now_is_what_is_kept(kept: Kept, vectors: dict[str, list[Vector]], made: dict[Kind, Made]) -> None:
    """To the last number, for a small kind; `make gate` makes all of them."""
    for kind, one in made.items():
        assert one.marks == kept.marks[kind.name]
        assert list(one.vectors) == vectors[kind.name]
        assert one.targets == one.met + one.impossible + one.given_up > 0


@pytest.mark.usefixtures("few_scenes")
def test_another_seed_gives_other_numbers_on_the_same_paths(kept: Kept, vectors: dict[str, list[Vector]]) -> None:
    """Chance comes in as a number."""
    other = make(Kind.SET_MODE, SEED + 1)

    assert set(other.marks) == set(kept.marks["SET_MODE"])
    assert {one.state for one in other.vectors}.isdisjoint(one.state for one in vectors["SET_MODE"])


@pytest.mark.usefixtures("few_scenes")
def test_a_prediction_that_is_not_what_happens_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled paths and CPython must agree on every vector."""

    def late(state: State, event: Input) -> Any:
        after, outcome = step(state, event)
        return after, outcome._replace(code=outcome.code + 1)

    monkeypatch.setattr(making, "step", late)
    with pytest.raises(PathMissed, match=r"SET_MODE path \d: the paths say .*, CPython"):
        make(Kind.SET_MODE, SEED)


@pytest.mark.usefixtures("few_scenes")
@pytest.mark.parametrize(
    ("always", "says"),
    [
        (True, "vectors of different paths decide the same things"),
        (False, "its vectors decide different things"),
    ],
)
def test_decisions_that_do_not_tell_paths_apart_are_refused(
    monkeypatch: pytest.MonkeyPatch, always: bool, says: str
) -> None:
    """A pathfinder that always hears the same, or that never hears the same twice."""
    asked: list[str] = []

    def taken(self: Pathfinder, state: State, event: Input) -> Taken:
        asked.append("yes")
        return Taken(("yes",) if always else tuple(asked), None, step(state, event)[1])

    monkeypatch.setattr(Pathfinder, "taken", taken)
    with pytest.raises(PathMissed, match=f"SET_MODE.*{says}"):
        make(Kind.SET_MODE, SEED)


@pytest.mark.usefixtures("few_scenes")
def test_a_path_without_numbers_is_refused_unless_both_solvers_refute_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that finds nothing is no proof that there is nothing."""
    for gave_up, says in ((False, "real numbers take it, but in no whole state"), (True, "no numbers were found")):
        nothing = Asked(None, gave_up)
        monkeypatch.setattr(Question, "ask", returning(nothing))
        with pytest.raises(PathMissed, match=f"SET_MODE path 0: {says}"):
            make(Kind.SET_MODE, SEED)


def test_refusals_of_the_step_are_made_from_other_vectors(kept: Kept, vectors: dict[str, list[Vector]]) -> None:
    """Every way to name nothing has a vector, and a pathfinder that hears nothing of it is refused."""
    bases = [next(one for one in vectors[name] if one.purpose == INTERIOR) for name in ("FLATTEN", "CANCEL")]

    one = make_refusing(bases, SEED)

    assert set(one.marks) == set(kept.marks["NONE"])
    assert all(not is_named(vector.event) and vector.changes == () for vector in one.vectors)
    assert {vector.state for vector in one.vectors} == {base.state for base in bases}


# --- whole states ---------------------------------------------------------------------------------------------------


def test_three_records_become_a_whole_state(vectors: dict[str, list[Vector]]) -> None:
    """Around every tenth vector's records, with other chance: sound, and the input finds these very records."""
    for number, one in enumerate(vectors["ORDER"][::10]):
        k, i = one.event.slot, one.event.instrument
        focus = focus_of(one.state, k, i)

        whole = embedded(focus, one.event, Dice(f"other {number}"))

        assert broken(whole) == []
        assert focus_of(whole, k, i) == focus


def test_records_that_fit_no_whole_state_are_refused(vectors: dict[str, list[Vector]]) -> None:
    """Exposure that nobody has: the invariant in the way is named."""
    one = vectors["SET_MODE"][0]
    focus = focus_of(State(), one.event.slot, one.event.instrument)
    lost = focus._replace(account=focus.account._replace(exposure=7))

    with pytest.raises(NotWhole, match="exposure"):
        embedded(lost, one.event, Dice("x"))


# --- the pathfinder -------------------------------------------------------------------------------------------------


def test_a_run_is_told_by_its_decisions(vectors: dict[str, list[Vector]]) -> None:
    """The outcome is the step's own, the decisions are the path's, and afterwards the reference is as it was."""
    before = vars(orders).copy()
    with Pathfinder() as pathfinder:
        for one in vectors["ORDER"][::10]:
            taken = pathfinder.taken(one.state, one.event)
            after, outcome = step(one.state, one.event)
            assert taken.outcome == outcome
            assert taken.after is None or taken.after == focus_of(after, one.event.slot, one.event.instrument)
            assert pathfinder.taken(one.state, one.event) == taken

    assert vars(orders) == before


def test_what_it_does_not_follow_is_refused(monkeypatch: pytest.MonkeyPatch, vectors: dict[str, list[Vector]]) -> None:
    """An attribute of a word, or another type beside it: coverage would be a guess."""
    one = vectors["SET_MODE"][0]

    def attribute(focus: Focus, event: Input) -> object:
        return event.mode.bit_length()

    def text(focus: Focus, event: Input) -> object:
        return getattr(event, "mode") + "1"  # noqa: B009 - no checker would let it pass

    for wrong, says in ((attribute, "attribute `bit_length`"), (text, "`str` met a word")):
        monkeypatch.setattr(pathfinder_module, "answer", wrong)
        with Pathfinder() as pathfinder, pytest.raises(OffThePath, match=says):
            pathfinder.taken(one.state, one.event)
    monkeypatch.setattr(pathfinder_module, "accept", returning(None))
    with Pathfinder() as pathfinder, pytest.raises(OffThePath, match="was not refused"):
        pathfinder.taken(State(), Input())


def test_inputs_that_name_nothing_are_told_apart() -> None:
    """No kind, no slot, no instrument."""
    named = Input(kind=Kind.ENTER, slot=SLOTS - 1, instrument=INSTRUMENTS - 1)

    assert is_named(named)
    for wrong in (
        named._replace(kind=Kind.NONE), named._replace(kind=Kind.CALIBRATE + 1), named._replace(slot=SLOTS),
        named._replace(slot=-1), named._replace(instrument=INSTRUMENTS), named._replace(instrument=-1),
    ):  # fmt: skip
        assert not is_named(wrong)


# --- the files ------------------------------------------------------------------------------------------------------


def test_the_files_are_written_whole(made: dict[Kind, Made], tmp_path: Path) -> None:
    """What was made is read back; a file that is missing or differs is told with its first other byte."""
    content = content_of(made, SEED)
    rows, binary = tmp_path / "rows.txt", tmp_path / "new" / "rows.bin"

    assert differences(content, rows, binary) == [
        f"`{path.name}`: differs from what is made now, first at byte `0`" for path in (rows, binary)
    ]
    write(content, rows, binary)

    assert differences(content, rows, binary) == []
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["rows.bin", "rows.txt"]
    assert [one._replace(path=0) for one in read(rows).vectors()] == [
        one._replace(path=0) for kind in sorted(made) for one in made[kind].vectors
    ]
    assert content.figures["vectors"] == sum(len(one.vectors) for one in made.values())
    binary.write_bytes(content.binary[:-1])
    assert differences(content, rows, binary) == [
        f"`rows.bin`: differs from what is made now, first at byte `{len(content.binary) - 1}`"
    ]


def test_files_that_are_too_large_are_refused(monkeypatch: pytest.MonkeyPatch, made: dict[Kind, Made]) -> None:
    """The repository has room for 2 MB."""
    monkeypatch.setattr(generate, "BYTES_MAX", 100)

    with pytest.raises(PathMissed, match="bytes, `100` are allowed"):
        content_of(made, SEED)


class InThreads(ThreadPoolExecutor):
    """In place of processes, which know nothing of what a test puts in place."""

    def __init__(self, processes: int, **options: object) -> None:
        assert options["max_tasks_per_child"] == 1
        super().__init__(processes)


def test_every_kind_is_made_and_refusals_from_two_of_them(
    kept: Kept, vectors: dict[str, list[Vector]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever kind is ready first, the file has them in their order; the refusals of the step itself are added."""
    kinds = (Kind.FLATTEN, Kind.CANCEL, Kind.SET_MODE)
    told: list[tuple[str, int, int]] = []

    def as_kept(kind: Kind, seed: int) -> Made:
        name = Kind(kind).name
        return Made(kind, kept.marks[name], tuple(vectors[name]), (), 5, 3, 1, 1)

    def progress(what: str, done: int, of: int) -> None:
        told.append((what, done, of))

    monkeypatch.setattr(generate, "KINDS", kinds)
    monkeypatch.setattr(generate, "make", as_kept)
    monkeypatch.setattr(generate, "ProcessPoolExecutor", InThreads)

    content = generate.generate(SEED, progress)

    again = parse(content.text, "what was made")
    assert list(again.marks) == [kind.name for kind in sorted((Kind.NONE, *kinds))]
    # In which order paths are found depends on what the process has asked its solver before; this one is not fresh.
    assert {name: set(marks) for name, marks in again.marks.items()} == {
        name: set(kept.marks[name]) for name in again.marks
    }
    assert content.figures["paths"] == sum(map(len, again.marks.values()))
    assert content.figures["vectors"] == len(list(again.vectors())) > sum(len(vectors[kind.name]) for kind in kinds)
    assert sorted(name for name, _, _ in told) == sorted(kind.name for kind in kinds)
    assert [row[1:] for row in told] == [(1, 3), (2, 3), (3, 3)]


def test_nothing_is_made_on_a_fact_that_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths would be called impossible because of it."""
    monkeypatch.setattr(generate, "FITTING", replace(FITTING, claim=returning(False)))

    with pytest.raises(PathMissed, match="`orders-fit` is refuted"):
        generate.generate()


def test_rows_of_a_step_that_does_nothing_are_empty(vectors: dict[str, list[Vector]]) -> None:
    """Only what changes is written."""
    one = vectors["SET_MODE"][0]

    assert changes_of(one.state, one.state) == ()
    first, second = rows_of([one, one])
    assert (second[1], second[2]) == ((), ())
    assert first[3:] == second[3:]
