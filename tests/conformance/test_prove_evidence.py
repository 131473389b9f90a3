"""A proof is kept under everything that it depends on, and under nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from dita.conformance.prove.depends import Sources, digests, source_of
from dita.conformance.prove.evidence import PROVED_BY, keep, kept, key_of

pytestmark = pytest.mark.unmeasured

SOLVERS = {"z3": "1", "cvc5": "2"}
KEY = key_of("quick", 0, SOLVERS)


def edited(module: str, old: str, new: str) -> Sources:
    """The sources with one text replaced in one module."""

    def read(name: str) -> str | None:
        text = source_of(name)
        if name != module:
            return text
        assert text is not None
        assert old in text
        return text.replace(old, new)

    return read


def test_everything_that_the_parts_import_counts() -> None:
    """What a process has loaded once it has imported the parts: no module of ours with a file is left out."""
    code = f"import sys, {', '.join(PROVED_BY)}; print(*[name for name in sys.modules if name.startswith('dita.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name for name in done.stdout.split() if source_of(name) is not None}

    assert "dita.reference.step" in loaded  # it is looked up by its name, not imported by it
    assert len(loaded) > 40
    assert loaded <= set(digests(PROVED_BY))


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("dita.reference.books", "known.quantity != event.quantity", "known.quantity < event.quantity"),
        ("dita.spec.slot_invariants", "remaining(slot) >= 0", "remaining(slot) >= -1"),
        ("dita.spec.scales", "RATIO_SCALE", "RATIO_SCALES"),
        ("dita.conformance.prove.merging", "merged(tree.yes)", "merged(tree.no)"),
        ("dita.conformance.prove.executor_pairs", "RUN_LENGTH: Final = 250", "RUN_LENGTH: Final = 2"),
        ("dita.conformance.prove.proof", '"quick": 40', '"quick": 41'),
        ("dita.conformance.generate", "import random", "import random, math"),
    ],
)
def test_a_change_of_what_a_proof_depends_on_is_another_name(module: str, old: str, new: str) -> None:
    """Reference, predicate, number, executor, check of the executor, what is counted, and how pairs are drawn."""
    assert key_of("quick", 0, SOLVERS, edited(module, old, new)) != KEY


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("dita.spec.certificate", "class LayerRule", "class RuleOfALayer"),
        ("dita.spec.clauses", "Clause(", "Rule("),
        ("dita.spec.environment", "def filled", "def filled_up"),
        ("dita.conformance.prove.killers", "KILLERS", "KILLER"),
        ("dita.conformance.prove.coverage", "class Question", "class Asked"),
        ("dita.reference.orders", "# --- snapshots", "# --- what orders say"),
        ("dita.reference.orders", "The entry rests on the book", "The entry is on the book"),
    ],
)
def test_what_a_proof_does_not_depend_on_leaves_its_name(module: str, old: str, new: str) -> None:
    """Other modules of the specification and of the judge, a comment, a docstring."""
    assert key_of("quick", 0, SOLVERS, edited(module, old, new)) == KEY


def test_tier_seed_solver_and_interpreter_are_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them alone makes another name."""
    names = {KEY, key_of("ci", 0, SOLVERS), key_of("quick", 1, SOLVERS), key_of("quick", 0, {**SOLVERS, "z3": "2"})}
    monkeypatch.setattr(sys, "version", "another")

    assert len({*names, key_of("quick", 0, SOLVERS)}) == 5


def test_a_file_that_is_no_proof_is_not_read(tmp_path: Path) -> None:
    """What was kept is read back; torn, foreign or renamed files are nothing."""
    keep("one", {"rows": {}}, tmp_path)
    assert kept("one", tmp_path) == {"rows": {}, "key": "one"}

    (tmp_path / "torn.json").write_text('{"rows": {')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "two.json").write_text((tmp_path / "one.json").read_text())

    assert [kept(name, tmp_path) for name in ("torn", "list", "two", "none")] == [None] * 4
