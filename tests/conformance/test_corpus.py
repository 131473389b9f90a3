"""The corpus grows by itself: a result that nobody has shown yet is found, kept as a short trace, and shown by it."""

from pathlib import Path

import pytest

from dita.conformance import corpus as room
from dita.conformance.corpus import main, shown_by, undeclared
from dita.conformance.matrix import declared_results
from dita.spec.state import State
from dita.spec.trace import parse_trace
from dita.spec.vocabulary import Kind

SEED, STEPS = 7, 3_000
LINES = 12  # of a trace of the corpus, at most


@pytest.mark.unmeasured
def test_what_is_not_declared_is_kept_as_a_short_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Were entries never declared, traffic would show them: each result once, in few inputs, which show it again."""
    known = {result for result in declared_results() if result.kind != Kind.ENTER.name}
    monkeypatch.setattr(room, "CORPUS", tmp_path / "corpus")
    monkeypatch.setattr(room, "declared_results", lambda: known)

    assert main([str(SEED), str(STEPS)]) == 0

    kept = sorted((tmp_path / "corpus").iterdir())
    told = capsys.readouterr().out.splitlines()
    traces = [parse_trace(path.read_text(encoding="utf-8").splitlines()) for path in kept]
    shown = [{result for result in shown_by(trace.inputs, trace.start) if result.kind == "ENTER"} for trace in traces]
    different = {result for results in shown for result in results}
    assert len(kept) == len(told) >= 5
    assert all(shown)
    assert len(different) >= len(kept)
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= LINES for path in kept)


def test_a_grown_corpus_has_nothing_to_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the folder is known: the same traffic again adds no file."""
    known = {result for result in declared_results() if result.kind != Kind.ENTER.name}
    monkeypatch.setattr(room, "CORPUS", tmp_path / "corpus")
    monkeypatch.setattr(room, "declared_results", lambda: known)
    main([str(SEED), str(STEPS)])
    files = {path.name: path.read_bytes() for path in (tmp_path / "corpus").iterdir()}

    main([str(SEED), str(STEPS)])

    assert {path.name: path.read_bytes() for path in (tmp_path / "corpus").iterdir()} == files


def test_all_results_are_declared() -> None:
    """Traffic shows nothing that is not declared."""
    assert list(undeclared(set(declared_results()), SEED, STEPS)) == []


def test_a_result_is_what_the_reference_says() -> None:
    """A trace without inputs shows nothing."""
    assert list(shown_by([], State())) == []
