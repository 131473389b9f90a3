"""Money bugs put back, the predecessor's among them: a scenario of the battery turns red, and says what is wrong."""

import shutil
from pathlib import Path

import pytest

from dita.conformance.defects import defects, planted, run_python
from dita.kernel.image import IMAGE_PATH
from machine_profiles import commit_seed, rotating

DEFECTS = {defect.name: defect for defect in defects()}
FOUND: dict[str, tuple[str, str]] = {
    "battery-seed-from-a-constant": ("round_trip", "no rest within 60 s: wallet minus capital is 7500000000000"),
    "battery-fee-booked-late": ("round_trip", "ORDER of trade 1 moved capital by 0, it realised -499800833"),
    "battery-funding-sign-lost": ("funding", "no rest within 60 s: wallet minus capital is -"),
    "battery-income-counted-again": ("transfers", "no rest within 60 s: wallet minus capital is"),
    "battery-exit-rounded-down": ("two_legs_one_way", "no rest within 60 s: the exchange holds"),
    "battery-guess-confirmed-too-early": ("seeded_off_position", "no rest within 60 s: wallet minus capital is"),
    "battery-forgotten-rows-unsettled": ("refused_though_taken", "trades without their fill rows"),
    "battery-any-fee-agrees": ("fees_off", "+  ENTER 4 BTC long"),
    "battery-settled-unreconciled": ("reconciled_at_once", "-  ! capital frozen"),
}
"""What is planted, the scenario that shows it, and what is said of it."""
SAMPLE = 3  # of them planted at profile commit, rotating with the commit; a campaign plants all


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", rotating(list(FOUND), SAMPLE, commit_seed()))
def test_a_planted_money_bug_is_found(name: str, repository: Path) -> None:
    """By the scenario named, in these words."""
    scenario, says = FOUND[name]
    with planted(DEFECTS[name]) as tree:
        shutil.copy(IMAGE_PATH, tree / "kernel_rs" / "dita" / "kernel")  # the defects are in Python
        script = repository / "tests" / "support" / "battery_run.py"
        done = run_python(tree, [str(script), scenario], seconds=100)
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout, done.stdout


def test_every_defect_of_the_battery_is_planted() -> None:
    """A patch that no test plants would prove nothing."""
    assert {name for name in DEFECTS if name.startswith("battery-")} == set(FOUND)
