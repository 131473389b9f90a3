"""The checker by itself: one small file that imports no DITA, with the same list of layers, over real files."""

import ast
import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dita.conformance import check_certificate
from dita.conformance.check_certificate import REQUIRED, main, read_sources
from dita.kernel.abi import ABI_VERSION
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec import certificate as spec
from dita.spec.assumptions import ASSUMPTIONS
from dita.spec.certificate import REQUIRED_LAYERS, TIERS
from dita.spec.certificate_format import PREDICATE_TYPE, SUBJECT_NAME
from dita.spec.envelope import PAYLOAD_TYPE
from sample_certificate import written_certificate

CHECKER = Path(check_certificate.__file__)
LINES_MAX = 420


def said(certificate: Path, *options: str, image: Path = IMAGE_PATH) -> tuple[int, str]:
    """The exit status, and what was printed."""
    lines: list[str] = []
    return main([str(certificate), str(image), *options], lines.append), "".join(lines)


def imported(source: str) -> set[str]:
    """The top-level names that a module imports."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


@pytest.fixture
def certificate(raw_kernel: RawKernel, tmp_path: Path) -> Path:
    """A certificate that holds, unsigned."""
    return written_certificate(tmp_path / "out", installed_bindings(raw_kernel))


def test_it_is_small_and_needs_nothing_but_python(certificate: Path, repository: Path) -> None:
    """At most 420 lines, the standard library only; it runs where nothing is installed, and prints its table."""
    source = CHECKER.read_text()
    assert source.count("\n") <= LINES_MAX
    assert imported(source) <= sys.stdlib_module_names
    assert "dita" in imported("from dita.spec import canonical"), "and would be noticed"

    command = [sys.executable, "-I", "-S", str(CHECKER), str(certificate), str(IMAGE_PATH)]
    done = subprocess.run(
        [*command, "--sources", str(repository)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
    quick = [name for name, rule in REQUIRED.items() if "quick" in rule.tiers]
    for name in (*quick, "image", "kernel_rs", "spec/dita/spec"):
        assert f"ok  {name} " in done.stdout
    assert "checks held" in done.stdout


def test_its_list_of_layers_is_the_specs() -> None:
    """The same layers and rules, whatever their order; version, types and tiers as well. Add a row to both."""
    mine = {name: {field: set(value) for field, value in rule._asdict().items()} for name, rule in REQUIRED.items()}
    theirs = {
        rule.name: {field: set(getattr(rule, field)) for field in ("positive", "zero", "equal", "depends_on", "tiers")}
        for rule in REQUIRED_LAYERS
    }

    assert mine == theirs
    assert (check_certificate.ABI_VERSION, check_certificate.TIERS) == (ABI_VERSION, TIERS)
    assert check_certificate.PAYLOAD_TYPE == PAYLOAD_TYPE
    assert {PREDICATE_TYPE, SUBJECT_NAME} <= {
        node.value for node in ast.walk(ast.parse(CHECKER.read_text())) if isinstance(node, ast.Constant)
    }
    assert {field.name for field in dataclasses.fields(spec.Bindings)} == {*check_certificate.BINDINGS, "image_sha256"}


def test_a_layer_missing_from_either_list_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a layer that is required by the spec alone."""
    monkeypatch.setitem(globals(), "REQUIRED_LAYERS", (*REQUIRED_LAYERS, spec.LayerRule("battery", ("kinds",), ())))

    with pytest.raises(AssertionError, match="battery"):
        test_its_list_of_layers_is_the_specs()


def test_it_hashes_a_checkout_as_the_build_does(raw_kernel: RawKernel, repository: Path) -> None:
    """The hashes of this clone are those that loader and build have of it, and the assumptions those of the spec."""
    sources = read_sources(repository)
    bindings = dataclasses.asdict(installed_bindings(raw_kernel))

    assert dict(sources.hashes) == {name: bindings[name] for name in sources.hashes}
    assert len(sources.hashes) == 5
    assert [tuple(one) for one in sources.assumed] == list(ASSUMPTIONS)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("spec/dita/spec/laws.py", "STALE_SOURCE"),
        ("reference_py/dita/reference/step.py", "STALE_SOURCE"),
        ("adapters/dita/adapters/logic/resolve.py", "STALE_SOURCE"),
        ("conformance/dita/conformance/boundary.py", "STALE_SOURCE"),
        ("kernel_rs/src/step.rs", "WRONG_SOURCE"),
        ("kernel_rs/build_kernel.py", "WRONG_SOURCE"),
    ],
)
def test_one_changed_source_is_refused(
    certificate: Path, repository: Path, tmp_path: Path, name: str, reason: str
) -> None:
    """A checkout with one more line in one file is not the one that was certified."""
    copy = tmp_path / "checkout"
    skip = shutil.ignore_patterns("target", "__pycache__", "*.image")
    for folder in (*check_certificate.PACKAGES.values(), "kernel_rs"):
        shutil.copytree(repository / folder, copy / folder, ignore=skip)
    assert said(certificate, "--sources", str(copy))[0] == 0
    with (copy / name).open("a") as file:
        file.write("\n")

    status, text = said(certificate, "--sources", str(copy))

    assert (status, text.split(":")[0]) == (1, f"REFUSED {reason}")


def test_what_is_not_there_is_named(certificate: Path, tmp_path: Path) -> None:
    """A certificate, an image, evidence or a checkout that is missing: status 1 and which."""
    for status, text in (
        said(tmp_path / "none.json"), said(certificate, image=tmp_path / "none.image"),
        said(certificate, "--sources", str(tmp_path / "nowhere")),
    ):  # fmt: skip
        assert status == 1
        assert text.startswith("REFUSED MISSING: ")
    (certificate.parent / "evidence" / "prove.json").unlink()

    assert said(certificate)[1].startswith("REFUSED EVIDENCE_MISSING: layer `prove`")
