"""What tests of every room share: the built image, a certificate made for it, and the clearance that goes with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import CertifiedKernel, RawKernel, installed_bindings, load_certified, load_for_conformance
from dita.spec.canonical import sha256_hex
from dita.spec.certificate import REQUIRED_LAYERS, Bindings, Evidence, Layer, LayerRule, Statement
from dita.spec.certificate_format import encode_evidence, encode_statement
from dita.spec.clearance import Clearance
from machine_profiles import register

register()

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder with pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def raw_kernel() -> RawKernel:
    """The built image, mapped into this process; `make build` makes it."""
    return load_for_conformance(IMAGE_PATH)


def passing_counts(rule: LayerRule) -> dict[str, int]:
    """Counts that satisfy a layer's rule."""
    return {**dict.fromkeys(rule.positive, 7), **dict.fromkeys(rule.zero, 0)}


def sample_certificate(bindings: Bindings) -> tuple[Statement, dict[str, bytes]]:
    """A statement that holds for the bindings, with made-up evidence for every required layer."""
    evidence: dict[str, bytes] = {}
    layers: list[Layer] = []
    for rule in REQUIRED_LAYERS:
        counts = passing_counts(rule)
        depends_on = {name: str(getattr(bindings, name)) for name in rule.depends_on}
        evidence[rule.name] = encode_evidence(Evidence(rule.name, counts, depends_on, {"made_by": "a test"}))
        layers.append(Layer(rule.name, counts, sha256_hex(evidence[rule.name])))
    statement = Statement(bindings, "quick", {"rustc": "0"}, tuple(layers), ("the compiler is right",))
    return statement, evidence


@pytest.fixture(scope="session")
def make_certificate() -> Callable[[Bindings], tuple[Statement, dict[str, bytes]]]:
    """``sample_certificate`` for tests that change a part of it."""
    return sample_certificate


@pytest.fixture(scope="session")
def write_certificate() -> Callable[[Path, Bindings], Path]:
    """Write a sample certificate and its evidence into a folder; gives the certificate's path."""

    def write(folder: Path, bindings: Bindings) -> Path:
        statement, evidence = sample_certificate(bindings)
        (folder / "evidence").mkdir(parents=True)
        for name, content in evidence.items():
            (folder / "evidence" / f"{name}.json").write_bytes(content)
        path = folder / "certificate.json"
        path.write_bytes(encode_statement(statement))
        return path

    return write


@pytest.fixture(scope="session")
def certified_kernel(
    raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path], tmp_path_factory: pytest.TempPathFactory
) -> CertifiedKernel:
    """The built image through the real loader, on a sample certificate: for tests of what stands behind the kernel."""
    return load_certified(write_certificate(tmp_path_factory.mktemp("certified"), installed_bindings(raw_kernel)))


@pytest.fixture(scope="session")
def clearance(certified_kernel: CertifiedKernel) -> Clearance:
    """A clearance as the loader gives it out; tests make none themselves either."""
    return certified_kernel.clearance
