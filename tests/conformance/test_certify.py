"""A certificate is written exactly when every layer held, and it is the one that the verifier accepts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dita.conformance import certify
from dita.conformance.certify import CERTIFICATE_NAME, main, run_certify, summary
from dita.conformance.layers import LAYERS, LayerOrder, LayerOutcome, LayerRunner
from dita.kernel.image import IMAGE_PATH, ImageRefused
from dita.kernel.loader import RawKernel
from dita.spec.certificate import REQUIRED_LAYERS, LayerRule, Part

STUB_RULE = LayerRule("stub", positive=("things",), zero=("faults",))
ONE = (Part("all", {"things": 1, "faults": 0}),)


def stub(counts: dict[str, int], *problems: str) -> LayerRunner:
    """A layer that counted this."""
    return LayerRunner(
        "stub", lambda _: LayerOutcome("stub", (Part("all", counts),), {"note": "made by a test"}, problems)
    )


GOOD = stub({"things": 3, "faults": 0})


def read(folder: Path) -> dict[str, bytes]:
    """The evidence of a folder by layer."""
    return {path.stem: path.read_bytes() for path in (folder / "evidence").glob("*.json")}


def test_a_layer_with_a_problem_refuses_and_says_why(tmp_path: Path) -> None:
    """One problem in one layer: no certificate, the reason by name."""
    report = run_certify("quick", IMAGE_PATH, tmp_path, layers=(stub({"things": 3, "faults": 0}, "cut"),), required=())

    assert not report.ok
    assert report.refusals == ("stub: cut",)
    assert list(tmp_path.iterdir()) == []
    assert "refused: stub: cut" in summary(report)


@pytest.mark.parametrize(
    ("counts", "says"),
    [({"things": 0, "faults": 0}, "LAYER_EMPTY"), ({"faults": 0}, "LAYER_EMPTY"), ({"things": 1}, "LAYER_FAILED"),
     ({"things": 1, "faults": 1}, "LAYER_FAILED")],
)  # fmt: skip
def test_empty_or_failed_counts_refuse(tmp_path: Path, counts: dict[str, int], says: str) -> None:
    """A layer that counted nothing, or a fault, refuses even when it reports no problem (clause K4)."""
    report = run_certify("quick", IMAGE_PATH, tmp_path, layers=(stub(counts),), required=(STUB_RULE,))

    assert not report.ok
    assert says in report.refusals[0]


def test_a_required_layer_that_is_not_run_refuses(tmp_path: Path) -> None:
    """The list of required layers is the spec's, not the runner's."""
    report = run_certify("quick", IMAGE_PATH, tmp_path, layers=(GOOD,), required=(STUB_RULE, LayerRule("more", (), ())))

    assert report.refusals == ("more: required, but no layer of that name was run",)


def test_a_refusal_leaves_no_older_certificate(tmp_path: Path) -> None:
    """A certificate of an earlier run does not outlive a failed one."""
    first = run_certify("quick", IMAGE_PATH, tmp_path, layers=(GOOD,), required=(STUB_RULE,))
    assert first.ok

    run_certify("quick", IMAGE_PATH, tmp_path, layers=(stub({}, "broken"),), required=(STUB_RULE,))

    assert not (tmp_path / CERTIFICATE_NAME).exists()


def test_an_image_that_changes_during_the_run_refuses(tmp_path: Path) -> None:
    """Evidence about one image does not certify the bytes that replaced it."""
    image = tmp_path / "kernel.image"
    image.write_bytes(IMAGE_PATH.read_bytes())

    def swap(order: LayerOrder) -> LayerOutcome:
        order.image.write_bytes(order.image.read_bytes() + b"\0")
        return LayerOutcome("stub", ONE, {})

    report = run_certify("quick", image, tmp_path / "out", layers=(LayerRunner("stub", swap),), required=(STUB_RULE,))

    assert not report.ok
    assert "changed while the layers ran" in report.refusals[0]


def test_layers_get_the_image_and_a_seed_of_its_hash(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """Another image meets other random traces; the same image the same ones."""
    seen: list[LayerOrder] = []

    def spy(order: LayerOrder) -> LayerOutcome:
        seen.append(order)
        return LayerOutcome("stub", ONE, {})

    run_certify("ci", IMAGE_PATH, tmp_path, layers=(LayerRunner("stub", spy),), required=(STUB_RULE,))

    assert [(order.tier, order.image) for order in seen] == [("ci", IMAGE_PATH)]
    assert seen[0].seed == int(raw_kernel.image_sha256[:8], 16)


def test_no_image_no_certificate(tmp_path: Path) -> None:
    """A missing image is an error."""
    with pytest.raises(ImageRefused):
        run_certify("quick", tmp_path / "none.image", tmp_path, layers=(GOOD,), required=(STUB_RULE,))


def test_the_command_exits_by_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_with: Callable[[LayerRunner], None]
) -> None:
    """Exit 0 with a certificate, 1 with the reasons printed."""
    said: list[str] = []
    run_with(GOOD)
    assert main(["--out", str(tmp_path)], said.append) == 0
    run_with(stub({}, "cut"))
    assert main(["--out", str(tmp_path)], said.append) == 1

    assert "certified: " in said[0]
    assert "refused: stub: cut" in said[1]


@pytest.fixture
def run_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[LayerRunner], None]:
    """Let the command run one given layer."""
    real = run_certify

    def use(layer: LayerRunner) -> None:
        def instead(tier: str, image: Path, out: Path) -> certify.CertifyReport:
            return real("quick" if tier == "quick" else "ci", image, out, layers=(layer,), required=(STUB_RULE,))

        monkeypatch.setattr(certify, "run_certify", instead)

    return use


def test_every_layer_that_runs_has_its_rule() -> None:
    """No layer is run without a rule for what it must have counted."""
    rules = {rule.name for rule in REQUIRED_LAYERS}

    assert [layer.name for layer in LAYERS if layer.name not in rules] == []
