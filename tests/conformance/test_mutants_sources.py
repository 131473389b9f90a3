"""What evidence about mutants depends on, and what becomes of it when that changes."""

from pathlib import Path

import pytest

from dita.conformance.mutants.edits import mutants_of
from dita.conformance.mutants.kernel_list import STEP_CODE, kernel_edits, stale_sources
from dita.conformance.mutants.operators import edits_of
from dita.conformance.mutants.records import Record, Status, status_of
from dita.conformance.mutants.sources import own_of, rest_of
from dita.conformance.mutants.trials import Verdict
from recorded_mutants import copied_sources

pytestmark = pytest.mark.unmeasured

CONTROL = "reference_py/dita/reference/control.py"


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A copy of the sources, to be changed."""
    roots = ("kernel_rs", "reference_py", "spec", "conformance/mutants")
    return copied_sources(repository, tmp_path, roots)


def edited(tree: Path, path: str, old: str, new: str) -> None:
    """Change a file of the copy, in which the old text stands."""
    text = (tree / path).read_text(encoding="utf-8")
    assert old in text
    (tree / path).write_text(text.replace(old, new, 1), encoding="utf-8")


def statuses(repository: Path, tree: Path, verdict: Verdict) -> dict[str, set[Status]]:
    """What becomes, in a changed copy, of evidence about each function of a module that is current here."""
    found: dict[str, set[Status]] = {}
    here, there = ({m.id: m for m in mutants_of("reference", edits_of(CONTROL, (root / CONTROL).read_bytes()))}
                   for root in (repository, tree))  # fmt: skip
    for name, mutant in there.items():
        assert mutant.edit is not None
        own = own_of(here[name], repository) if name in here else ""
        record = Record(name, verdict, own, rest_of("reference", repository))
        found.setdefault(mutant.edit.function, set()).add(status_of(mutant, record, tree))
    return found


def merged(found: dict[str, set[Status]]) -> set[Status]:
    """All that became of any function."""
    return {status for some in found.values() for status in some}


def test_a_comment_leaves_evidence_current(repository: Path, tree: Path) -> None:
    """Comments, docstrings and line numbers are no part of what evidence depends on."""
    edited(tree, CONTROL, '"""The operator', '"""All that the operator')
    edited(tree, CONTROL, "\n\n\ndef calibrate", "\n\n\n# a remark\n\n\ndef calibrate")

    assert merged(statuses(repository, tree, "equivalent")) == {"current"}


@pytest.mark.parametrize(("verdict", "elsewhere"), [("killed", "carried"), ("equivalent", "stale")])
def test_a_kill_outlives_a_change_elsewhere_and_a_proof_does_not(
    repository: Path, tree: Path, verdict: Verdict, elsewhere: Status
) -> None:
    """What was said of the changed function itself is stale, and of what stands outside of functions in its file."""
    edited(tree, CONTROL, "require(event.mode != focus", "require(focus.account.mode != focus")

    found = statuses(repository, tree, verdict)

    assert found.pop("set_mode") == found.pop("") == {"stale"}
    assert merged(found) == {elsewhere}


def test_only_what_trials_import_counts(repository: Path, tree: Path) -> None:
    """A module of the specification that neither step nor predicates import may change; one that they do may not."""
    edited(tree, "spec/dita/spec/certificate.py", "import", "import os\nimport")
    assert all(rest_of(side, tree) == rest_of(side, repository) for side in ("kernel", "reference", "predicate"))

    rest_of.cache_clear()
    edited(tree, "spec/dita/spec/scales.py", "BOUND: Final", "BOUND_ONCE: Final")

    assert rest_of("kernel", tree) == rest_of("kernel", repository)
    assert rest_of("reference", tree) != rest_of("reference", repository)
    assert rest_of("predicate", tree) != rest_of("predicate", repository)


def test_a_changed_kernel_waits_for_its_list(tree: Path) -> None:
    """A changed source file of the kernel takes its mutants from the list until they are listed anew."""
    edited(tree, "kernel_rs/src/control.rs", "event.mode != focus.account.mode", "focus.account.mode != event.mode")

    assert stale_sources(tree) == ["control"]
    listed = {Path(edit.path).stem for edit in kernel_edits(tree)}
    assert listed <= set(STEP_CODE) - {"control"}
    assert listed >= {"orders", "trades", "books", "lifecycle", "ledger", "step"}


def test_evidence_depends_on_code_and_not_on_tests(tmp_path: Path) -> None:
    """A module of tests is no part of what a trial of the kernel runs, nor the line that names it; any other is."""

    def rest(name: str, code: str, tests: str, more: str = "") -> str:
        source = tmp_path / name / "kernel_rs" / "src"
        source.mkdir(parents=True)
        (source / "lib.rs").write_text(f"mod code;\n#[cfg(test)]\nmod checks;\n{more}")
        (source / "code.rs").write_text(code)
        (source / "checks.rs").write_text(tests)
        return rest_of("kernel", tmp_path / name)

    before = rest("a", "fn f() {}", "fn t() {}")

    assert rest("b", "fn f() {}  // more", "fn u() {}", "#[cfg(test)]\nmod other;\n") == before
    assert rest("c", "fn g() {}", "fn t() {}") != before
