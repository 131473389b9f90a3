"""What makes a whole run fail beside its obligations: an executor that is wrong or unchecked, a seed that differs."""

from collections.abc import Callable

import pytest

from dita.conformance.prove import proof
from dita.conformance.prove.core import KINDS, KindReport, Refutation
from dita.conformance.prove.executor_check import SIZES, ExecutorReport
from dita.conformance.prove.frame import SmallReport
from dita.conformance.prove.models import Found
from dita.conformance.prove.obligations import META
from dita.conformance.prove.proof import (
    INITIAL,
    SEEDS,
    ProveReport,
    Row,
    again,
    conclude,
    confirm,
    everything,
    main,
    parts,
    run_prove,
)
from dita.spec.certificate import REQUIRED_LAYERS
from dita.spec.vocabulary import Kind
from proof_runs import proved_run

AGREES = ExecutorReport(1, pairs=1, kinds=len(KINDS))


def proved(executor: ExecutorReport | None = AGREES) -> ProveReport:
    """A run in which every obligation is proved."""
    report = ProveReport("full", {item.id: Row(item, paths=1) for item in everything()}, executor=executor)
    for row in report.rows.values():
        if row.obligation.theorem == "core" and row.obligation not in META:
            row.witness = Found((), (), exact=True)
    return report


def problems(report: ProveReport) -> list[str]:
    """What a run is blamed for."""
    conclude(report, "")
    return report.problems


def test_a_run_that_is_right_has_no_problem() -> None:
    """Nothing is refuted, and the executor agrees."""
    assert problems(proved()) == []


@pytest.mark.parametrize(
    ("executor", "says"),
    [
        (None, "the executor was not held against CPython"),
        (ExecutorReport(2, pairs=1, kinds=len(KINDS)), "`1` of `2` pairs were compared"),
        (ExecutorReport(1, pairs=1, kinds=3), "`3` of `21` kinds were met"),
        (
            ExecutorReport(1, pairs=1, kinds=len(KINDS), mismatches=1, findings=["ENTER: no path holds"]),
            "no path holds",
        ),
    ],
)
def test_an_executor_that_is_wrong_or_unchecked_fails_the_run(executor: ExecutorReport | None, says: str) -> None:
    """However smoothly the solvers discharge everything."""
    (problem,) = problems(proved(executor))

    assert says in problem


def refuted_by_kind(obligation: str) -> KindReport:
    """A kind that refutes an obligation."""
    return KindReport(int(Kind.ENTER), refuted=[Refutation(obligation, int(Kind.ENTER), None)])


def refuted_by_law(obligation: str) -> SmallReport:
    """A law that is refuted."""
    return SmallReport(refuted=[(obligation, "somewhere")])


def unknown(obligation: str) -> SmallReport:
    """A solver that gave up."""
    return SmallReport(unknown=[obligation])


@pytest.mark.parametrize(
    ("found", "verdict"), [(refuted_by_kind, "refuted"), (refuted_by_law, "refuted"), (unknown, "unknown")]
)
def test_a_seed_with_another_verdict_fails_the_run(
    found: Callable[[str], KindReport | SmallReport], verdict: str
) -> None:
    """What one seed proves and another does not is not proved; what it proves again is counted once."""
    report = proved()
    confirm(report, SmallReport(tallies={"mode-is-obeyed": 7}))
    assert report.rows["mode-is-obeyed"].paths == 1

    confirm(report, found("mode-is-obeyed"))

    assert report.rows["mode-is-obeyed"].verdict == verdict
    assert len(problems(report)) == 1


def test_the_full_tier_asks_for_a_million_pairs_and_five_seeds() -> None:
    """Every tier compares pairs, and no certificate holds without them."""
    (rule,) = (rule for rule in REQUIRED_LAYERS if rule.name == "prove")

    assert SIZES["full"] >= 1_000_000
    assert SEEDS["full"] == 5
    assert min(SIZES.values()) >= 10_000
    assert {"executor_pairs", "seeds"} <= set(rule.positive)
    assert "executor_mismatches" in rule.zero


@pytest.mark.parametrize("part", ["frame", "lift", "laws"])
def test_a_part_by_itself_proves_what_is_its_own(part: str) -> None:
    """Every obligation of that theorem is proved, of the others none is said to be, but for the initial state's."""
    report = run_prove("quick", part=part)
    found = {name for name, row in report.rows.items() if row.verdict == "proved"}

    assert found | {INITIAL.id} == {INITIAL.id, *(item.id for item in everything() if item.theorem == part)}
    assert {row.verdict for name, row in report.rows.items() if name not in found} == {"vacuous"}


def test_a_kind_by_itself_is_proved_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``--part SET_MODE`` takes its three paths, refutes nothing, and says so."""
    assert main(["--part", Kind.SET_MODE.name]) == 0

    told = capsys.readouterr().out
    assert "'paths': 3, " in told
    assert "'refuted': 0, 'unknown': 0, " in told


def test_another_seed_repeats_every_part() -> None:
    """Nothing is asked with one seed only, and the second solver is not asked again."""
    repeated = again(7)

    assert sorted(part.name for part in repeated) == sorted(part.name for part in parts("full", 0))
    assert all(part.keywords.get("second", False) is False for part in repeated)
    assert all(7 in part.arguments or any(getattr(a, "seed", 0) == 7 for a in part.arguments) for part in repeated)


@pytest.mark.parametrize(
    ("only", "part", "says"),
    [("no-such-law", "", "`no-such-law` is no obligation"), ("", "NOWHERE", "`NOWHERE` is no part")],
)
def test_what_is_no_part_of_the_proof_is_refused(only: str, part: str, says: str) -> None:
    """Before anything is proved."""
    with pytest.raises(ValueError, match=says):
        run_prove("quick", only=only, part=part)


@pytest.mark.parametrize(("refuted", "status"), [("", 0), ("mode-is-obeyed", 1)])
def test_the_module_names_what_is_refuted(
    refuted: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 unless everything is proved; tier, obligation and part go to the run as they were given."""
    asked: list[tuple[str, str, str]] = []

    def instead(tier: str, *, only: str, part: str) -> ProveReport:
        asked.append((tier, only, part))
        return proved_run(refuted)

    monkeypatch.setattr(proof, "run_prove", instead)

    assert main(["--tier", "full", "--only", "mode-is-obeyed", "--part", "ENTER"]) == status

    assert asked == [("full", "mode-is-obeyed", "ENTER")]
    assert f"refuted: {refuted}\n" in capsys.readouterr().out
