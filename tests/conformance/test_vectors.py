"""The kept path vectors: of what is installed, on every path, the same on all sides; and any fault in them is red."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from dita.conformance import tasks
from dita.conformance.mutants import recording
from dita.conformance.mutants.recording import TrafficVoid, record
from dita.conformance.tasks import Task, TaskResult, run_task
from dita.conformance.under_test import CallerMemory, Canary, ReferenceStandIn
from dita.conformance.vectors import sources
from dita.conformance.vectors.coverage import Coverage, coverage
from dita.conformance.vectors.generate import BYTES_MAX, SEED
from dita.conformance.vectors.replay import FINDINGS_MAX, Replayed, replay
from dita.conformance.vectors.rows import (
    BINARY_PATH,
    BOUNDARY,
    INTERIOR,
    NO_MARK,
    ROWS_PATH,
    Groups,
    Kept,
    Vector,
    VectorsRefused,
    binary_of,
    parse,
    read,
    rows_of,
    text_of,
)
from dita.conformance.vectors.sources import MODULES, require_current, sources_sha256
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel
from dita.spec.vocabulary import Kind, Verdict

AGAIN = "`dita vectors`"
TASK = Task("vectors", "vectors", "sample", 1, 1, 1, 60, 0)


def never() -> bool:
    """There is time."""
    return False


@pytest.fixture(scope="module")
def kept() -> Kept:
    """The file in the repository."""
    return read()


@pytest.fixture(scope="module")
def flattens(kept: Kept) -> list[Vector]:
    """The vectors of FLATTEN, with its paths counted from 0."""
    names = [name for name, marks in kept.marks.items() for _ in marks]
    first = names.index("FLATTEN")
    return [one._replace(path=one.path - first) for one in kept.vectors() if names[one.path] == "FLATTEN"]


@pytest.fixture(scope="module")
def write(kept: Kept) -> Callable[..., Kept]:
    """A file that holds nothing but vectors of FLATTEN."""

    def written(vectors: Iterable[Vector], marks: tuple[str, ...] = kept.marks["FLATTEN"]) -> Kept:
        return Kept(kept.header, {"FLATTEN": marks}, tuple(rows_of(vectors)))

    return written


def problems(file: Kept) -> list[str]:
    """What is wrong with how a file covers FLATTEN."""
    found = coverage(file, (Kind.FLATTEN,))
    assert (found.taken == found.paths) == all("vectors take" not in problem for problem in found.problems)
    return list(found.problems)


# --- of what is installed -------------------------------------------------------------------------------------------


def test_they_were_made_from_what_is_installed(kept: Kept) -> None:
    """By these sources, this solver and the usual seed; the figures for people are those of the rows."""
    require_current(kept.header)

    figures = kept.header.figures
    assert kept.header.seed == SEED
    assert (figures["paths"], figures["beyond"]) == (len(kept.paths), len(kept.paths) - len(kept.reached))
    assert figures["vectors"] == len(kept.rows) == figures["interior"] + figures["boundary"]
    assert figures["bounds"] == sum(figures[f"bounds_{end}"] for end in ("met", "impossible", "given_up"))


def test_a_stale_header_is_refused_with_the_next_step(kept: Kept) -> None:
    """Other sources or another solver: the message says what to run."""
    with pytest.raises(VectorsRefused, match=f"stale: what they are made from changed since.*{AGAIN}"):
        require_current(kept.header._replace(sources=64 * "0"))
    with pytest.raises(VectorsRefused, match=f"stale: made with z3-solver 4.0, .* is installed.*{AGAIN}"):
        require_current(kept.header._replace(solver="z3-solver 4.0"))


def test_what_they_are_made_from_is_all_that_making_them_imports() -> None:
    """A process that has imported the maker has loaded these modules of ours, and no others with code in them."""
    code = "import sys, dita.conformance.vectors.generate; print(*[n for n in sys.modules if n.startswith('dita.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    packages = {name.rpartition(".")[0] for name in MODULES} | {"dita.conformance"}

    assert set(done.stdout.split()) - packages == set(MODULES)


def test_another_byte_of_a_module_is_another_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whichever module it is in; and a module that is gone is refused by its name."""
    before = sources_sha256()
    other = tmp_path / "orders.py"
    other.write_bytes(b"#")

    def moved(name: str) -> object:
        return SimpleNamespace(origin=str(other)) if name == "dita.reference.orders" else find_spec(name)

    def nowhere(name: str) -> None:
        """No module has this name."""

    monkeypatch.setattr(sources, "find_spec", moved)
    assert sources_sha256() != before
    monkeypatch.setattr(sources, "find_spec", nowhere)
    with pytest.raises(VectorsRefused, match=f"`{MODULES[0]}`: .* it is gone.*{AGAIN}"):
        sources_sha256()


# --- the two files --------------------------------------------------------------------------------------------------


def test_both_files_say_the_same_and_are_small(kept: Kept) -> None:
    """The binary that the crate replays is the text's; together they have at most 2 MB."""
    text, binary = ROWS_PATH.read_bytes(), BINARY_PATH.read_bytes()

    assert binary_of(kept) == binary
    assert text_of(*kept.header[:3], kept.header.figures, kept.marks, kept.rows).encode() == text
    assert len(text) + len(binary) <= BYTES_MAX == 2_000_000


def test_a_text_that_differs_from_the_binary_is_noticed(kept: Kept) -> None:
    """A row less, a word of a row more by one, or a mark less: the binary of it is another."""
    about, state, event, outcome, after = kept.rows[0]
    binary = BINARY_PATH.read_bytes()

    assert binary_of(replace(kept, rows=kept.rows[:-1])) != binary
    changed: Groups = (about, state, event, (*outcome[:-1], outcome[-1] + 1), after)
    assert binary_of(replace(kept, rows=(changed, *kept.rows[1:]))) != binary
    assert binary_of(replace(kept, marks={**kept.marks, "ENTER": (NO_MARK, *kept.marks["ENTER"][1:])})) != binary


def test_vectors_survive_their_rows(write: Callable[..., Kept], flattens: list[Vector]) -> None:
    """What is written is what is read, whatever vector stands before it."""
    assert list(write(flattens).vectors()) == flattens
    assert list(write(flattens[::-1]).vectors()) == flattens[::-1]


def rewritten(content: bytes, old: bytes, new: bytes) -> bytes:
    """The file with a piece of its body replaced, and a header that agrees."""
    first, _, body = content.partition(b"\n")
    assert old in body
    body = body.replace(old, new, 1)
    return json.dumps({**json.loads(first), "body": sha256(body).hexdigest()}).encode() + b"\n" + body


def test_a_file_that_was_not_written_so_is_refused(kept: Kept, tmp_path: Path) -> None:
    """Missing, endless, empty, without header, altered, cut short, of another form: each by its name."""
    content = ROWS_PATH.read_bytes()
    header, _, body = content.partition(b"\n")
    of_version_2 = header.replace(b'"version": 1', b'"version": 2')
    row = body.splitlines()[len(kept.marks)]
    path = tmp_path / "rows.txt"
    wrong = [
        (b"", "no header of version 1"),
        (b"[]\n", "no header of version 1"),
        (of_version_2 + b"\n" + body, "no header of version 1"),
        (content.replace(b'"rows": ', b'"row": ', 1), "no header of version 1"),
        (content[:-2], "is not what was written"),
        (content[:-2] + b"9\n", "is not what was written"),
        (rewritten(content, row + b"\n", b""), "rows, the header says"),
        (rewritten(content, row, row.replace(b"|", b" | | ")), "does not have 5 groups"),
        (rewritten(content, row, row.replace(b" ", b" x ", 1)), "more than integers and bars"),
    ]

    for file, says in wrong:
        path.write_bytes(file)
        with pytest.raises(VectorsRefused, match=f"`{path}`: .*{says}.*{AGAIN}"):
            read(path)
    with pytest.raises(VectorsRefused, match=f"No such file or directory; .*{AGAIN}"):
        read(tmp_path / "none.txt")
    with path.open("wb") as large:
        large.truncate((1 << 24) + 1)
    with pytest.raises(VectorsRefused, match="more than"):
        read(path)
    assert parse(content, "as it is") == kept


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (((18, 0, 1), (), (), (), ()), "path, purpose and base are"),
        (((-1, 0, 1), (), (), (), ()), "path, purpose and base are"),
        (((0, 2, 1), (), (), (), ()), "path, purpose and base are"),
        (((0, 0, 2), (), (), (), ()), "path, purpose and base are"),
        (((0, 0), (), (), (), ()), "path, purpose and base are"),
        (((0, 0, 1), (0, 2, 1), (), (), ()), "the words of the state do not fit"),
        (((0, 0, 1), (), (-1, 1, 7), (), ()), "the words of the input do not fit"),
        (((0, 0, 1), (), (), (0,), ()), "the words of the outcome do not fit"),
        (((0, 0, 1), (), (), (), (100_000, 1, 7)), "the words of the state after do not fit"),
        (((0, 0, 1), (), (0, 1, 1 << 63), (), ()), "a word of the input has more than 64 bits"),
    ],
)
def test_a_row_that_names_what_there_is_not_is_refused(kept: Kept, row: Groups, says: str) -> None:
    """A path, a place or a number that does not exist."""
    with pytest.raises(VectorsRefused, match=f"row 0: {says}.*{AGAIN}"):
        list(Kept(kept.header, {"FLATTEN": kept.marks["FLATTEN"]}, (row,)).vectors())


# --- coverage -------------------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_a_removed_path_is_noticed(write: Callable[..., Kept], flattens: list[Vector]) -> None:
    """No vector for one path; and the same with its mark removed, or with the path called impossible."""
    marks = write(flattens).marks["FLATTEN"]
    fewer = [vector for vector in flattens if vector.path != len(marks) - 1]
    taken = f"FLATTEN: vectors take `{len(marks) - 1}` of `{len(marks)}` paths; make them anew with {AGAIN}"

    assert problems(write(flattens)) == []
    assert problems(write(fewer)) == [taken]
    assert problems(write(fewer, (*marks[:-1], NO_MARK))) == [taken]
    listed = f"FLATTEN: the file does not list the `{len(marks)}` paths that there are; make them anew with {AGAIN}"
    assert problems(write(fewer, marks[:-1])) == [listed, taken]
    assert problems(write(fewer, (*marks[:-1], marks[0]))) == [taken]


def test_a_row_that_takes_another_path_than_it_says_is_noticed(
    write: Callable[..., Kept], flattens: list[Vector]
) -> None:
    """The row is named; what it really takes is what counts."""
    other = (flattens[0].path + 1) % 18
    first = flattens[0]._replace(path=other)

    assert problems(write([first, *flattens[1:]])) == [
        f"row 0 takes another path than its own, `{other}`; make them anew with {AGAIN}"
    ]


@pytest.mark.unmeasured
def test_a_path_of_no_kind_counts_too(kept: Kept) -> None:
    """What the step refuses by itself is explored and taken as well."""
    found = coverage(kept, (Kind.NONE,))

    assert (found.paths, found.taken, found.beyond) == (len(kept.marks["NONE"]), len(kept.marks["NONE"]), 0)
    assert coverage(replace(kept, rows=kept.rows[1:]), (Kind.SET_MODE,)).paths == 3


# --- replay ---------------------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_kernel_and_reference_give_what_the_vectors_say(kept: Kept, raw_kernel: RawKernel) -> None:
    """All of them, in every word of outcome and state."""
    done = replay(CallerMemory(raw_kernel), kept, never)

    assert done.findings == []
    assert done.complete
    assert (done.vectors, done.interior) == (len(kept.rows), kept.header.figures["interior"])
    assert sum(done.distribution.values()) == done.vectors


def test_a_changed_expectation_is_noticed(write: Callable[..., Kept], flattens: list[Vector]) -> None:
    """One word of an outcome or of a state after that is off by one: the reference does not say so."""
    number, one = next((n, v) for n, v in enumerate(flattens) if v.outcome.verdict == Verdict.ACCEPTED and v.changes)
    (place, value), *rest = one.changes
    wrong = {
        "outcome.quantity": one._replace(outcome=one.outcome._replace(quantity=one.outcome.quantity + 1)),
        "state.": one._replace(changes=((place, value + 1), *rest)),
    }

    for word, changed in wrong.items():
        done = replay(ReferenceStandIn(), write([*flattens[:number], changed, *flattens[number + 1 :]]), never)
        (finding,) = done.findings
        assert not done.complete
        assert finding.what.startswith(f"path vector {number}: the reference changed since: {word}")


def test_a_kernel_that_differs_is_noticed(write: Callable[..., Kept], flattens: list[Vector]) -> None:
    """In a word of the outcome or of the state; the replay ends after a few findings, or when time is up."""
    for in_outcome, word in ((True, "outcome."), (False, "state.")):
        blind = Canary(ReferenceStandIn(), kind=Kind.FLATTEN, hits=2, word=40, in_outcome=in_outcome)
        done = replay(blind, write(flattens), never)

        assert len(done.findings) == FINDINGS_MAX
        assert not done.complete
        assert f": {word}" in done.findings[0].what
        assert "reference `" in done.findings[0].what
    late = replay(ReferenceStandIn(), write(flattens), lambda: True)
    assert (late.vectors, late.complete, late.findings) == (1, False, [])


# --- as a part of conform, and as a layer for mutants ----------------------------------------------------------------


def task(monkeypatch: pytest.MonkeyPatch, **planted: object) -> TaskResult:
    """What the part of a conformance run comes to, with something else in place of these."""
    for name, stand_in in planted.items():
        of = "dita.conformance.vectors.coverage" if name == "coverage" else tasks.__name__  # imported where it is used
        monkeypatch.setattr(f"{of}.{name}", stand_in)
    return run_task(TASK, IMAGE_PATH)


def test_stale_vectors_are_no_evidence(monkeypatch: pytest.MonkeyPatch, kept: Kept) -> None:
    """The part is void, and says what to run."""
    stale = replace(kept, header=kept.header._replace(sources=64 * "0"))

    result = task(monkeypatch, read=lambda: stale)

    assert "stale" in result.void
    assert AGAIN in result.void
    assert result.compared == result.paths == result.paths_taken == 0


def test_paths_that_are_missing_are_no_evidence(
    monkeypatch: pytest.MonkeyPatch, write: Callable[..., Kept], flattens: list[Vector]
) -> None:
    """A file with the vectors of one kind: nothing is counted that is not there, and the part is void."""

    def of_flatten(file: Kept) -> Coverage:
        return coverage(file, (Kind.FLATTEN, Kind.SET_MODE))

    result = task(monkeypatch, read=lambda: write(flattens), coverage=of_flatten)

    assert (result.paths, result.paths_taken) == (21, 18)
    assert "SET_MODE: vectors take `0` of `3` paths" in result.void


def test_a_replay_that_compares_nothing_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not find the planted fault."""

    def blind(*_: object) -> Replayed:
        return Replayed(vectors=1, complete=True)

    def covered(file: Kept) -> Coverage:
        return Coverage(1, 1, 0, ())

    result = task(monkeypatch, replay=blind, coverage=covered)

    assert result.void == "`1` planted faults were not found"


def test_without_a_solver_there_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coverage cannot be counted, and nothing else is."""
    monkeypatch.setitem(sys.modules, "dita.conformance.vectors.coverage", None)

    result = run_task(TASK, IMAGE_PATH)

    assert "path vectors need both solvers" in result.void
    assert result.compared == result.paths_taken == 0


@pytest.mark.unmeasured
def test_a_replay_that_runs_out_of_time_is_no_evidence() -> None:
    """And is not counted as coverage."""
    result = run_task(replace(TASK, seconds=0), IMAGE_PATH)

    assert result.void == "path vectors were not finished in `0` seconds of processor time"
    assert result.paths_taken == 0


@pytest.mark.unmeasured
def test_mutants_are_asked_the_same(monkeypatch: pytest.MonkeyPatch, kept: Kept, raw_kernel: RawKernel) -> None:
    """Each vector is an exchange of a layer of its own; without the file no mutant is judged."""
    said = record(["vectors"], CallerMemory(raw_kernel))["vectors"]

    assert len(said) == len(kept.rows)
    assert all(exchange.start is not None for exchange in said)

    def gone() -> Kept:
        raise VectorsRefused("gone")

    monkeypatch.setattr(recording, "read", gone)
    with pytest.raises(TrafficVoid, match="layer `vectors`: gone"):
        record(["vectors"], CallerMemory(raw_kernel))


def test_purposes_are_told_apart(kept: Kept) -> None:
    """Every path that is taken has one vector from its inside, and most have some at bounds."""
    inside = [row[0][0] for row in kept.rows if row[0][1] == INTERIOR]

    assert sorted(set(inside)) == sorted(kept.reached)
    assert sum(row[0][1] == BOUNDARY for row in kept.rows) > len(kept.reached)
