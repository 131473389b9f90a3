"""Planted defects of the kernel: each is built, and certify refuses the image with a counterexample."""

from pathlib import Path

import pytest

from dita.conformance.defects import (
    Defect,
    PatchRefused,
    build_image,
    defects,
    planted,
    require_applicable,
    run_python,
)
from dita.conformance.hunt import hunt

pytestmark = pytest.mark.unmeasured

CERTIFIED = ("kernel-partial-fill-overwrites", "kernel-slot-limit-ignored")
KERNEL_DEFECTS = [defect for defect in defects() if defect.name in CERTIFIED]
"""Two go through the whole of certify; `dita mutants` tries all there are, by every layer."""

CERTIFY = """
import sys
from pathlib import Path
from dita.conformance.certify import run_certify, summary
from dita.conformance.conform import Sizes
from dita.conformance.layers import LayerRunner, conform_layer
from dita.spec.certificate import REQUIRED_LAYERS

rules = [rule for rule in REQUIRED_LAYERS if rule.name == "conform"]
sizes = Sizes("sample", 3_000, 1, 0, 60, 3_000, 10_000, 2)
layers = (LayerRunner("conform", conform_layer),)
report = run_certify("quick", Path(sys.argv[1]), Path("out"), layers=layers, required=rules, sizes=sizes)
sys.stdout.write(summary(report))
raise SystemExit(0 if report.ok else 1)
"""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("defect", KERNEL_DEFECTS, ids=lambda defect: defect.name)
def test_a_kernel_with_a_defect_is_refused(defect: Defect) -> None:
    """The image of the patched tree builds, and certify finds the divergence, prints it and writes no certificate."""
    with planted(defect) as tree:
        image = build_image(tree)
        found = run_python(tree, ["-c", CERTIFY, str(image)], seconds=200)
        written = (tree / "out" / "certificate.json").exists()

    assert found.returncode == 1, found.stdout + found.stderr
    assert "divergences" in found.stdout
    assert "differs: " in found.stdout
    assert '"format": "dita-trace"' in found.stdout
    assert not written


def test_both_known_kernel_defects_are_there() -> None:
    """The overwriting partial fill and the ignored slot limit stay planted."""
    assert {defect.name for defect in KERNEL_DEFECTS} >= {"kernel-partial-fill-overwrites", "kernel-slot-limit-ignored"}


def test_every_patch_still_applies() -> None:
    """A patch that no longer applies is red, whoever changed the tree under it."""
    with planted(None) as tree:
        for defect in defects():
            require_applicable(defect, tree)


def test_a_patch_that_does_not_apply_is_refused(tmp_path: Path) -> None:
    """The planted defect of the mechanism: a patch for text that is not there."""
    stale = KERNEL_DEFECTS[0].path.read_text(encoding="utf-8").replace("-            entry", "-            other")
    folder = tmp_path / "defects"
    folder.mkdir()
    (folder / "stale.patch").write_text(stale, encoding="utf-8")

    with pytest.raises(PatchRefused, match="no longer applies"), planted(defects(folder)[0]):
        pass
    with planted(None) as tree, pytest.raises(PatchRefused, match="no longer applies"):
        require_applicable(defects(folder)[0], tree)


def test_an_empty_folder_and_a_wordless_patch_are_refused(tmp_path: Path) -> None:
    """No defects at all, or a patch that does not say what it breaks, proves nothing."""
    folder = tmp_path / "defects"
    folder.mkdir()
    with pytest.raises(PatchRefused, match="holds no patch"):
        defects(folder)
    (folder / "mute.patch").write_text("--- a/x\n+++ b/x\n", encoding="utf-8")
    with pytest.raises(PatchRefused, match="begins with a sentence"):
        defects(folder)


def test_the_product_knows_nothing_of_defects() -> None:
    """Hunting in this process runs the unpatched reference."""
    assert hunt(99, 2_000).laws == []
