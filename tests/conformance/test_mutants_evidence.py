"""The recorded evidence about mutants: it is there, speaks of these sources, and tells the truth where it is asked."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dita.conformance.defects import REPOSITORY
from dita.conformance.encoding import pack_outcome
from dita.conformance.exhaustive import broken_laws
from dita.conformance.mutants import campaign
from dita.conformance.mutants.bench import Bench, doubted
from dita.conformance.mutants.campaign import UNDECIDED, MutantsReport, Order, read_undecided, reported, to_do
from dita.conformance.mutants.catalogue import Catalogue, UnknownRevision, changed_since
from dita.conformance.mutants.children import Mark
from dita.conformance.mutants.edits import FAMILIES, Family, Mutant
from dita.conformance.mutants.examples import broken_by
from dita.conformance.mutants.kernel_list import LIST, ListStale, kernel_edits, list_anew
from dita.conformance.mutants.kernel_trial import replayed
from dita.conformance.mutants.matrix_text import matrix, summary
from dita.conformance.mutants.recording import Exchange
from dita.conformance.mutants.records import (
    FOLDER,
    Evidence,
    Record,
    RecordError,
    Witness,
    exchange_of,
    read_evidence,
    write_evidence,
)
from dita.conformance.mutants.trials import Answer
from dita.conformance.under_test import CallerMemory
from dita.kernel.loader import RawKernel
from dita.reference import step
from machine_profiles import commit_seed, rotating
from recorded_mutants import copied_sources, every_mutant, kept_evidence, recorded


@pytest.fixture(scope="module")
def every(repository: Path) -> Catalogue:
    """All mutants."""
    return every_mutant(repository)


@pytest.fixture(scope="module")
def evidence(repository: Path) -> Evidence:
    """What is recorded."""
    return kept_evidence(repository)


@pytest.fixture(scope="module")
def report(every: Catalogue, evidence: Evidence) -> MutantsReport:
    """What is reported of it."""
    return reported(every, evidence, 0)


@pytest.fixture(scope="module")
def bench(evidence: Evidence) -> Iterator[Bench]:
    """Where records are doubted."""
    made = Bench(evidence.witnesses)
    yield made
    made.close()


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A copy of the sources and the evidence, to be changed."""
    return copied_sources(repository, tmp_path)


def only(family: Family, mutants: list[Mutant]) -> Catalogue:
    """These mutants of one family, and none of the others."""
    return {name: mutants if name == family else [] for name in FAMILIES}


def sample(every: Catalogue, evidence: Evidence) -> list[tuple[Mutant, Record]]:
    """A few mutants of either side and of the predicates, others at every commit."""
    chosen: list[tuple[Mutant, Record]] = []
    for families, count in ((("kernel", "hand"), 2), (("reference",), 3), (("predicate",), 3)):
        rows = [(mutant, record) for mutant, record in recorded(every, evidence, "killed") if mutant.family in families]
        chosen += rotating(rows, count, commit_seed())
    return chosen + rotating(recorded(every, evidence, "equivalent"), 1, commit_seed())


# --- what the repository holds --------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_the_score_is_recorded_and_perfect(report: MutantsReport) -> None:
    """No mutant survives, far more than 200 were tried, at least 40 by hand; what the sources outran is said."""
    outrun = [problem for problem in report.problems if "run `dita mutants" in problem]

    assert report.problems == outrun
    assert report.figures["survived"] == 0
    assert report.figures["mutants"] >= 5_000
    assert report.figures["undecided"] <= 10
    assert sum(mutant.is_kernel for mutant, _ in report.records["hand"]) >= 40
    assert report.figures["current"] + report.figures["carried"] >= 0.8 * report.figures["mutants"]


def test_every_layer_kills_and_the_matrix_has_every_mutant(report: MutantsReport) -> None:
    """The matrix names each mutant with what each layer said; no layer is without kills."""
    lines = matrix(report).splitlines()

    assert len(lines) == 1 + sum(map(len, report.records.values()))
    assert {line.split("\t")[0] for line in lines[1:]} == {m.id for rows in report.records.values() for m, _ in rows}
    assert all(row.noticed > 0 for row in summary(report))


@pytest.mark.unmeasured
def test_both_sides_agree_on_every_witness(raw_kernel: RawKernel, evidence: Evidence) -> None:
    """What kills the mutants of one side is sound on both: the same answer, and no law broken."""
    exchanges: list[Exchange] = []
    for place in range(len(evidence.witnesses.steps)):
        before, event = evidence.witnesses.step(place)
        after, outcome = step(before, event)
        assert broken_laws(before, event, after, outcome, known=False) == []
        exchanges.append(exchange_of(before, event, pack_outcome(outcome), after))

    answer = replayed(CallerMemory(raw_kernel), exchanges, Mark(), laws=False)

    assert (answer.how, answer.steps) == ("survived", len(exchanges))
    assert len(exchanges) >= 20


def test_predicates_say_of_every_example_what_they_said(evidence: Evidence) -> None:
    """Each example that killed a mutant of a predicate still breaks the very predicates that it broke."""
    examples = evidence.witnesses.examples

    assert len(examples) >= 100
    for place, (_, broken) in enumerate(examples):
        assert broken_by(evidence.witnesses.example(place)) == broken


@pytest.mark.unmeasured
@pytest.mark.timeout(300)
def test_a_rotating_sample_of_records_tells_the_truth(every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """Kernels built and Python planted anew: what is recorded as killed is killed, what as equivalent is."""
    chosen = sample(every, evidence)

    assert len(chosen) >= 8
    assert [said for mutant, record in chosen if (said := doubted(bench, mutant, record))] == []


@pytest.mark.unmeasured
def test_a_false_record_is_noticed(every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """Mutants that nothing kills, recorded as killed by steps that kill others; and killed ones called equivalent."""
    same = next(row for row in recorded(every, evidence, "equivalent") if row[0].family == "reference")
    product = next(row for row in recorded(every, evidence, "equivalent") if row[0].family == "kernel")
    dead = next(row for row in recorded(every, evidence, "killed") if row[0].paths[0].endswith("control.py"))
    predicate = next(row for row in recorded(every, evidence, "equivalent") if row[0].family == "predicate")
    lies = [
        (same[0], replace(same[1], verdict="killed", witness=Witness("steps", 0))),
        (product[0], replace(product[1], verdict="killed", witness=Witness("steps", 0))),
        (predicate[0], replace(predicate[1], verdict="killed", witness=Witness("examples", 0))),
        (dead[0], replace(dead[1], verdict="equivalent", witness=None)),
        (dead[0], replace(dead[1], verdict="killed", witness=None)),
    ]

    assert [bool(doubted(bench, mutant, record)) for mutant, record in lies] == [True] * len(lies)


# --- changed, missing ---------------------------------------------------------------------------------------------


def test_only_what_changed_since_a_commit_is_chosen(repository: Path, every: Catalogue) -> None:
    """Since HEAD a clean tree has nothing to try; an unknown commit is refused by name."""
    shown = changed_since("HEAD", every, repository)

    assert all(len(shown[family]) <= len(every[family]) for family in FAMILIES)
    with pytest.raises(UnknownRevision, match="--since: `no-such-commit`"):
        changed_since("no-such-commit", every, repository)


def test_missing_evidence_is_missed(tree: Path, every: Catalogue) -> None:
    """Without its file a family is not tried, and the report is red."""
    (tree / FOLDER / "reference.jsonl").unlink()

    without = reported(only("reference", every["reference"]), read_evidence(tree), 0)

    assert without.figures["mutants"] == 0
    assert without.figures["missing"] > 1_000
    assert len(without.problems) == 2


def test_a_survivor_is_tried_every_time_and_what_is_undecided_is_not(every: Catalogue, evidence: Evidence) -> None:
    """A layer that comes later may notice it; current kills, and what nobody expects to notice, are left alone."""
    (mutant, record), (killed, _) = [row for row in recorded(every, evidence, "killed") if row[0].edit is not None][:2]
    undecided = [item for item in every["kernel"] if item.id in read_undecided()]
    kept = read_evidence()
    kept.put(mutant.family, replace(record, verdict="survived", witness=None))

    again = to_do(Order(), only("kernel", [mutant, killed, *undecided]), kept, REPOSITORY)

    assert [item.id for item, _ in again] == [mutant.id]
    assert undecided


# --- files ----------------------------------------------------------------------------------------------------------


def test_evidence_is_what_was_written(tree: Path, every: Catalogue, evidence: Evidence) -> None:
    """Written and read again it is the same, down to the bytes of its files."""
    before = {path.name: path.read_bytes() for path in sorted((tree / FOLDER).iterdir())}

    write_evidence(evidence, every, tree)

    assert {path.name: path.read_bytes() for path in sorted((tree / FOLDER).iterdir())} == before


@pytest.mark.parametrize(
    ("name", "number", "line"),
    [
        ("kernel.jsonl", 1, '{"format": "dita-mutants 0"}'),
        ("kernel.jsonl", 3, '["x"]'),
        ("reference.jsonl", 2, '["x","q","own",0,null,[]]'),
        ("predicate.jsonl", 2, '["x","k","own",99,null,[]]'),
        ("witnesses.json", 2, "nothing"),
    ],
)
def test_a_broken_file_is_refused_by_line(tree: Path, name: str, number: int, line: str) -> None:
    """Evidence that cannot be read is no evidence."""
    lines = (tree / FOLDER / name).read_text(encoding="utf-8").splitlines()
    lines[number - 1] = line
    (tree / FOLDER / name).write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(RecordError, match=f"{name}.*: no evidence of mutants"):
        read_evidence(tree)


def test_a_list_that_is_not_there_is_refused(tree: Path) -> None:
    """Without the list of the kernel's mutants nothing is counted."""
    (tree / LIST).unlink()

    with pytest.raises(ListStale, match="run `dita mutants --list-anew`"):
        kernel_edits(tree)


def test_a_list_made_anew_is_the_kept_one(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From what the tool once said the same bytes; a tool that fails or is missing leaves the list alone."""
    kept = json.loads((tree / LIST).read_text(encoding="utf-8"))
    said = [
        {
            "file": f"src/{name}.rs", "function": {"function_name": function} if function else None, "replacement": new,
            "span": {"start": {"line": start[0], "column": start[1]}, "end": {"line": end[0], "column": end[1]}},
        }
        for name, function, *place, new in kept["mutants"]
        for start, end in [(place[:2], place[2:])]
    ]  # fmt: skip
    (tree / "said.json").write_text(json.dumps(said), encoding="utf-8")
    tool = tree / "bin" / "cargo-mutants"
    tool.parent.mkdir()
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in *--version*) echo "{kept["tool"]}";; *) cat {tree / "said.json"};; esac\n',
        encoding="utf-8",
    )
    tool.chmod(0o755)
    before = (tree / LIST).read_bytes()
    (tree / LIST).unlink()
    cargo = shutil.which("cargo")
    assert cargo is not None
    monkeypatch.setenv("PATH", f"{tool.parent}:{Path(cargo).parent}:/usr/bin:/bin")

    assert list_anew(tree) == len(said) > 600
    assert (tree / LIST).read_bytes() == before

    tool.write_text("#!/bin/sh\necho no >&2; exit 1\n", encoding="utf-8")
    with pytest.raises(ListStale, match=r"failed:\nno"):
        list_anew(tree)
    tool.unlink()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(ListStale, match="cargo install cargo-mutants --locked"):
        list_anew(tree)
    assert (tree / LIST).read_bytes() == before


# --- what the report complains about --------------------------------------------------------------------------------


def complaints(mutant: Mutant, record: Record, tree: Path = REPOSITORY) -> list[str]:
    """What is reported of one mutant if this is its record."""
    kept = read_evidence(tree)
    kept.put(mutant.family, record)
    return reported(only(mutant.family, [mutant]), kept, 0, tree).problems


def test_survivors_and_timeouts_are_problems(every: Catalogue, evidence: Evidence) -> None:
    """A survivor is one by name; out of time is one unless a single step was shown to have no end."""
    mutant, record = next(row for row in recorded(every, evidence, "killed") if row[0].family == "reference")
    late = replace(record, verdict="timeout", witness=None, answers={"corpus": Answer("timeout", 3, 0)})

    survived = complaints(mutant, replace(record, verdict="survived", witness=None, note=""))
    out_of_time = complaints(mutant, replace(late, note="no end after 60 s of processor time"))
    endless = complaints(mutant, replace(late, note="endless: this step alone has no end either"))

    assert survived == [f"survived: {mutant.title} (no layer noticed it)"]
    assert out_of_time == [f"out of time: {mutant.title}: no end after 60 s of processor time"]
    assert endless == []


def test_undecided_mutants_are_few_reasoned_and_needed(
    tree: Path, every: Catalogue, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A surviving kernel mutant with a reason is undecided; too many, too short a reason, or a needless one is red."""
    mutant, record = next(row for row in recorded(every, evidence, "killed") if row[0].family == "kernel")
    path = tree / FOLDER / UNDECIDED
    alive = replace(record, verdict="survived", witness=None)

    path.write_text(json.dumps({mutant.id: "It is the same by an argument that nothing here can follow."}))
    needless, open_ = complaints(mutant, record, tree), complaints(mutant, alive, tree)
    monkeypatch.setattr(campaign, "UNDECIDED_MAX", 0)
    many = complaints(mutant, alive, tree)
    path.write_text(json.dumps({mutant.id: "so what"}))

    assert needless == [f"`{UNDECIDED}` names `{mutant.id}`, which is decided or no mutant; take it out"]
    assert open_ == []
    assert many == ["`1` mutants are undecided, at most 0 may be"]
    with pytest.raises(RecordError, match="give for each mutant's id the reason"):
        complaints(mutant, alive, tree)
