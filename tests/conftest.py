"""What tests of every room share: the built image, a certificate made for it, and the clearance that goes with it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.conformance.signing import SigningKey
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import CertifiedKernel, RawKernel, installed_bindings, load_certified, load_for_conformance
from dita.spec.certificate import Bindings, Statement, Trust
from dita.spec.clearance import Clearance
from machine_profiles import register
from sample_certificate import sample_certificate, written_certificate

register()
pytest_plugins = ["leftovers"]

REPOSITORY = Path(__file__).parents[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is measured: tests of the judge's room and of the commands that run it, but for those marked not to.

    Where several run at once, each takes a file at a time, and begins with what may take longest: last of all, all the
    others would wait for it.
    """
    for item in items:
        room, name = item.path.parent.name, item.path.name
        judges = room == "conformance" or (room == "runtime" and name.startswith("test_cli"))
        if judges and item.get_closest_marker("unmeasured") is None:
            item.add_marker(pytest.mark.measured)
    if hasattr(config, "workerinput"):
        longest = Counter[Path]()
        for item in items:
            longest[item.path] = max(longest[item.path], may_take(item))
        items.sort(key=lambda item: longest[item.path], reverse=True)


def may_take(item: pytest.Item) -> int:
    """The seconds that a test says it may take; 0 where it says nothing."""
    said = item.get_closest_marker("timeout")
    return said.args[0] if said else 0


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder with pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def raw_kernel() -> RawKernel:
    """The built image, mapped into this process; `make build` makes it."""
    return load_for_conformance(IMAGE_PATH)


@pytest.fixture(scope="session")
def make_certificate() -> Callable[[Bindings], tuple[Statement, dict[str, bytes]]]:
    """``sample_certificate`` for tests that change a part of it."""
    return sample_certificate


@pytest.fixture(scope="session")
def write_certificate() -> Callable[[Path, Bindings], Path]:
    """Write a sample certificate and its evidence into a folder; gives the certificate's path."""
    return written_certificate


@pytest.fixture(scope="session")
def certified_kernel(
    raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path], tmp_path_factory: pytest.TempPathFactory
) -> CertifiedKernel:
    """The built image through the real loader, on a sample certificate: for tests of what stands behind the kernel."""
    return load_certified(write_certificate(tmp_path_factory.mktemp("certified"), installed_bindings(raw_kernel)))


@pytest.fixture(scope="session")
def signed_kernel(raw_kernel: RawKernel, tmp_path_factory: pytest.TempPathFactory) -> CertifiedKernel:
    """The same on a certificate that is signed by a key that is trusted."""
    key = SigningKey.generate()
    path = written_certificate(tmp_path_factory.mktemp("signed"), installed_bindings(raw_kernel), key)
    return load_certified(path, trust=Trust((key.public_key,), signature_required=True))


@pytest.fixture(scope="session")
def clearance(certified_kernel: CertifiedKernel) -> Clearance:
    """A clearance as the loader gives it out; tests make none themselves either."""
    return certified_kernel.clearance
