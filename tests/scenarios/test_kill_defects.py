"""Kills at moments chosen so that known defects bite: the judge passes the restart, and with a defect it does not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.conformance.defects import defects, planted, run_python
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from kill_check import MOMENTS

DEFECTS = {defect.name: defect for defect in defects() if defect.name.startswith("runtime-")}
BITES = {  # at which moment, and what is said then
    "runtime-order-before-journal": ("before the row is durable", "lost track of an order: ADOPT"),
    "runtime-row-counted-early": ("before the row is durable", "rows are counted"),
    "runtime-unanswered-is-unsent": ("before the order is heard of", "lost track of an order: ADOPT"),
}
WriteCertificate = Callable[[Path, Bindings], Path]


@pytest.fixture
def certificate(tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate) -> Path:
    """A certificate that holds for the built image, and for a copy of it."""
    return write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))


@pytest.mark.timeout(200)
@pytest.mark.parametrize("moment", list(MOMENTS))
def test_a_kill_at_a_chosen_moment_converges(moment: str, tmp_path: Path, certificate: Path) -> None:
    """Killed before an order is journaled, or before anything is heard of it: the restart is flat and exact."""
    assert MOMENTS[moment](tmp_path, certificate) == []


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", list(BITES))
def test_a_planted_defect_is_seen(name: str, repository: Path, tmp_path: Path, certificate: Path) -> None:
    """Sent or counted before it is journaled; believed unsent because unanswered: the same judge is red then."""
    (moment, said), check = BITES[name], repository / "tests" / "support" / "kill_check.py"
    with planted(DEFECTS[name]) as tree:
        shutil.copy(IMAGE_PATH, tree / "kernel_rs" / "dita" / "kernel")  # the defects are in Python
        found = run_python(tree, [str(check), moment, str(tmp_path), str(certificate)], seconds=180)
    assert found.returncode == 1, found.stdout + found.stderr
    assert moment in found.stdout
    assert said in found.stdout


def test_every_defect_of_the_runtime_has_its_moment() -> None:
    """A patch that no test plants, and a moment that no defect bites at, would prove nothing."""
    assert set(DEFECTS) == set(BITES)
    assert {moment for moment, _ in BITES.values()} == set(MOMENTS)
