"""Every obligation is refuted by its defect: one that is not is named, and what was refuted is not asked again."""

from pathlib import Path

import pytest

from dita.conformance.defects import Defect
from dita.conformance.prove import break_all as module
from dita.conformance.prove.break_all import break_all
from dita.conformance.prove.breaking import Broken, NotNoticed
from dita.conformance.prove.counterexample import Explanation
from dita.conformance.prove.killers import KILLERS

NAMES = ("mode-is-obeyed", "silence-asks", "seed-is-the-wallet")


class Breaking:
    """A stand-in for planting: remembers what it was asked, and does not notice what it is told to overlook."""

    def __init__(self, overlooked: str = "") -> None:
        self.overlooked = overlooked
        self.asked: list[str] = []

    def __call__(self, obligation: str, defect: Defect, part: str, hunt_seconds: float) -> Broken:
        """Refute, or overlook."""
        assert hunt_seconds == 0  # a trace from the blank state is for who asks about one of them
        self.asked.append(obligation)
        if obligation == self.overlooked:
            raise NotNoticed(f"`{obligation}` is not refuted")
        return Broken(obligation, defect, part, Explanation(obligation, "", False, None, None), {})


def test_each_is_broken_by_its_own_defect(tmp_path: Path) -> None:
    """In the order asked, with the defect and the part that the table of killers names."""
    kills = break_all(None, NAMES, tmp_path, Breaking())

    assert [(kill.obligation, kill.defect, kill.part) for kill in kills] == [
        (name, KILLERS[name].defect, KILLERS[name].part) for name in NAMES
    ]
    assert not any(kill.problem or kill.kept for kill in kills)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """What was refuted is read back; what was not is asked again, and named again."""
    first, second = Breaking("silence-asks"), Breaking("silence-asks")
    told: list[tuple[int, int]] = []

    break_all(None, NAMES, tmp_path, first)
    kills = break_all(lambda _, done, todo: told.append((done, todo)), NAMES, tmp_path, second)

    assert sorted(first.asked) == sorted(NAMES)
    assert second.asked == ["silence-asks"]
    assert [kill.obligation for kill in kills if kill.problem] == ["silence-asks"]
    assert sum(kill.kept for kill in kills) == 2
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_another_proof_is_broken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a refutation depends on is what a proof depends on, and the patch."""
    break_all(None, NAMES, tmp_path, Breaking())
    again = Breaking()
    monkeypatch.setattr(module, "solver_versions", lambda: {"z3": "another", "cvc5": "1"})

    break_all(None, NAMES, tmp_path, again)

    assert sorted(again.asked) == sorted(NAMES)


def test_an_obligation_without_a_killer_survives(tmp_path: Path) -> None:
    """It is named, not left out."""
    (kill,) = break_all(None, ["nobody"], tmp_path, Breaking())

    assert "`nobody` is no obligation" in kill.problem
