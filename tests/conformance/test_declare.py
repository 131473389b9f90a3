"""The matrix is declared from what both sides showed, and from nothing where they differ."""

from pathlib import Path

import pytest

from dita.conformance import declare
from dita.conformance.corpus import corpus, run_corpus
from dita.conformance.declare import main, observed_results
from dita.conformance.exhaustive import Enumeration, World
from dita.conformance.matrix import declared_results, matrix_text, results_of
from dita.conformance.under_test import CallerMemory, Canary, ReferenceStandIn, StepUnderTest
from dita.kernel.loader import RawKernel
from dita.spec.vocabulary import Kind

FEW = corpus()[:40]


@pytest.fixture
def few_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the corpus, without the worlds and boundary vectors that other tests run."""

    def no_worlds(size: str) -> tuple[World, ...]:
        return ()

    def no_boundary(kernel: StepUnderTest, *_: object) -> Enumeration:
        return Enumeration()

    monkeypatch.setattr(declare, "corpus", lambda: FEW)
    monkeypatch.setattr(declare, "worlds", no_worlds)
    monkeypatch.setattr(declare, "run_boundary", no_boundary)


@pytest.mark.usefixtures("few_traces")
def test_what_was_seen_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raw_kernel: RawKernel
) -> None:
    """The file holds the results of the run, all of which are declared already."""
    seen = results_of(run_corpus(CallerMemory(raw_kernel), FEW).distribution)
    monkeypatch.setattr(declare, "MATRIX_PATH", tmp_path / "matrix.json")

    assert main() == 0

    assert 0 < len(seen) < len(declared_results())
    assert seen <= set(declared_results())
    assert (tmp_path / "matrix.json").read_text(encoding="utf-8") == matrix_text(seen)
    assert capsys.readouterr().out.startswith(f"{len(seen)} results, ")


@pytest.mark.usefixtures("few_traces")
def test_nothing_is_declared_where_the_sides_differ() -> None:
    """The planted defect: one word of one answer is off."""
    blind = Canary(ReferenceStandIn(), kind=Kind.ENTER, hits=1, word=0, in_outcome=True)

    with pytest.raises(RuntimeError, match="the two sides disagree: corpus "):
        observed_results(blind)
