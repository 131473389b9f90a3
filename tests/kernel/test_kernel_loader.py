"""The loader's door: only the image that its certificate names gets in, and every refusal has a name."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dita.kernel.image import IMAGE_PATH, ImageRefusal, ImageRefused, map_image, seal
from dita.kernel.loader import (
    LOAD_MILLISECONDS_MAX,
    CertifiedKernel,
    RawKernel,
    installed_bindings,
    load_certified,
    load_for_conformance,
    package_sha256,
)
from dita.spec.canonical import sha256_hex
from dita.spec.certificate import Bindings, CertificateRefused, Refusal

WriteCertificate = Callable[[Path, Bindings], Path]

LOAD = """
import sys
from pathlib import Path
from dita.kernel.image import ImageRefused
from dita.kernel.loader import load_certified, load_for_conformance
from dita.spec.certificate import CertificateRefused
try:
    if len(sys.argv) == 2:
        load_for_conformance(Path(sys.argv[1]))
    else:
        load_certified(Path(sys.argv[2]), Path(sys.argv[1]))
    print("LOADED")
except (CertificateRefused, ImageRefused) as refusal:
    print(refusal.reason.name)
"""


def load_in_new_process(image: Path, certificate: Path | None = None) -> str:
    """What the loader says in a process of its own: LOADED or the refusal's name."""
    command = [sys.executable, "-c", LOAD, str(image), *([str(certificate)] if certificate else [])]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
def certificate(raw_kernel: RawKernel, write_certificate: WriteCertificate, tmp_path: Path) -> Path:
    """A sound certificate for the built image, with its evidence, in a folder of its own."""
    return write_certificate(tmp_path / "out", installed_bindings(raw_kernel))


def test_a_certified_image_is_loaded(certificate: Path, raw_kernel: RawKernel) -> None:
    """With a sound certificate the loader gives the kernel and a clearance that names both files (clause K1)."""
    kernel = load_certified(certificate)

    assert kernel.raw is raw_kernel
    assert kernel.clearance.image_sha256 == sha256_hex(IMAGE_PATH.read_bytes())
    assert kernel.clearance.certificate_sha256 == sha256_hex(certificate.read_bytes())
    assert not kernel.clearance.reduce_only
    assert load_in_new_process(IMAGE_PATH, certificate) == "LOADED"


TIMED = """
import sys, time
from pathlib import Path
from dita.kernel.loader import load_certified
began = time.process_time_ns()
load_certified(Path(sys.argv[1]))
print(time.process_time_ns() - began)
"""


def test_loading_takes_less_than_its_bound(certificate: Path) -> None:
    """In a new process, all from reading to clearance: the median of three is below the bound, in processor time."""
    took: list[int] = []
    for _ in range(3):
        command = [sys.executable, "-c", TIMED, str(certificate)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        took.append(int(done.stdout))

    assert sorted(took)[1] < LOAD_MILLISECONDS_MAX * 1_000_000, took


def test_one_flipped_byte_is_refused_before_it_runs(certificate: Path, tmp_path: Path) -> None:
    """Every changed byte makes it another binary; code that would end the process does not get to run."""
    content = bytearray(IMAGE_PATH.read_bytes())
    for position in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1
        image = tmp_path / f"flipped-{position}.image"
        image.write_bytes(changed)

        assert load_in_new_process(image, certificate) == "WRONG_BINARY"


def test_no_certificate_no_kernel(tmp_path: Path) -> None:
    """A certificate that does not exist is MISSING, one that cannot be read UNREADABLE."""
    with pytest.raises(CertificateRefused) as missing:
        load_certified(tmp_path / "certificate.json")
    with pytest.raises(CertificateRefused) as unreadable:
        load_certified(tmp_path)

    assert (missing.value.reason, unreadable.value.reason) == (Refusal.MISSING, Refusal.UNREADABLE)


def test_an_old_certificate_is_refused(
    raw_kernel: RawKernel, write_certificate: WriteCertificate, tmp_path: Path
) -> None:
    """A certificate written when the spec was another is STALE_SOURCE, whatever its evidence says (clause K5)."""
    bindings = installed_bindings(raw_kernel)
    old = replace(bindings, spec_sha256="0" * 64)

    with pytest.raises(CertificateRefused) as refusal:
        load_certified(write_certificate(tmp_path / "old", old))

    assert refusal.value.reason is Refusal.STALE_SOURCE


def test_hand_edited_counts_are_refused(certificate: Path) -> None:
    """Counts changed in the certificate alone are COUNTS_DIFFER, in the evidence alone EVIDENCE_CHANGED."""
    sound = certificate.read_bytes()
    assert sound.count(b'"transitions":7') == 1
    certificate.write_bytes(sound.replace(b'"transitions":7', b'"transitions":7000'))
    with pytest.raises(CertificateRefused) as in_certificate:
        load_certified(certificate)
    certificate.write_bytes(sound)
    evidence = certificate.parent / "evidence" / "explore.json"
    evidence.write_bytes(evidence.read_bytes().replace(b'"transitions":3', b'"transitions":3000'))
    with pytest.raises(CertificateRefused) as in_evidence:
        load_certified(certificate)

    assert (in_certificate.value.reason, in_evidence.value.reason) == (
        Refusal.COUNTS_DIFFER,
        Refusal.EVIDENCE_CHANGED,
    )


def test_lost_evidence_is_refused(certificate: Path) -> None:
    """An evidence file that is gone is EVIDENCE_MISSING; one that cannot be read is EVIDENCE_UNREADABLE."""
    evidence = certificate.parent / "evidence" / "explore.json"
    evidence.unlink()
    with pytest.raises(CertificateRefused) as missing:
        load_certified(certificate)
    evidence.mkdir()
    with pytest.raises(CertificateRefused) as unreadable:
        load_certified(certificate)

    assert (missing.value.reason, unreadable.value.reason) == (Refusal.EVIDENCE_MISSING, Refusal.EVIDENCE_UNREADABLE)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    """A missing file is MISSING; a file that is no shared object is UNLOADABLE."""
    text = tmp_path / "text.image"
    text.write_text("hello")

    with pytest.raises(ImageRefused) as missing:
        load_for_conformance(tmp_path / "none.image")

    assert missing.value.reason is ImageRefusal.MISSING
    assert load_in_new_process(text) == "UNLOADABLE"


def test_a_process_holds_one_image(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """A second, different image is refused, the first one given again."""
    other = tmp_path / "other.image"
    other.write_bytes(IMAGE_PATH.read_bytes() + b"\0")

    with pytest.raises(ImageRefused) as refusal:
        load_for_conformance(other)

    assert refusal.value.reason is ImageRefusal.ANOTHER_IMAGE
    assert load_for_conformance(IMAGE_PATH) is raw_kernel


def test_a_sealed_image_cannot_change(tmp_path: Path) -> None:
    """After sealing, neither a write to the memory file nor a new file at the path changes what will be mapped."""
    path = tmp_path / "kernel.image"
    path.write_bytes(IMAGE_PATH.read_bytes())
    image = seal(path)
    path.write_bytes(b"exchanged")
    try:
        with pytest.raises(PermissionError):
            os.pwrite(image.descriptor, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(image.descriptor, 0)

        assert os.pread(image.descriptor, 1 << 26, 0) == IMAGE_PATH.read_bytes()
        assert image.sha256 == sha256_hex(IMAGE_PATH.read_bytes())
    finally:
        image.close()


def test_no_import_statement_reaches_the_kernel(raw_kernel: RawKernel) -> None:
    """After loading, the image's module is not in the table of modules and cannot be imported by name."""
    assert raw_kernel.lib.dita_abi_version() == raw_kernel.abi_version
    with pytest.raises(ModuleNotFoundError):
        __import__("dita_kernel_image")


def test_only_the_loader_makes_a_certified_kernel(certified_kernel: CertifiedKernel) -> None:
    """Constructing one from the parts of another is a TypeError."""
    with pytest.raises(TypeError, match="load_certified"):
        CertifiedKernel(certified_kernel.raw, certified_kernel.statement, certified_kernel.clearance, key=object())


def test_a_mapped_image_is_never_the_one_before(tmp_path: Path) -> None:
    """Two images mapped one after the other through the low-level door answer each for itself."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom dita.kernel.image import map_image, seal\n"
        "a = map_image(seal(Path(sys.argv[1])))\nb = map_image(seal(Path(sys.argv[1])))\n"
        "print(a.lib is b.lib, a.lib.dita_abi_version() == b.lib.dita_abi_version())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(IMAGE_PATH)], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["False", "True"]


def test_package_hash_sees_every_file() -> None:
    """The hash of an installed package needs no import, and a package that is not there is an error."""
    assert len(package_sha256("dita.spec")) == 64
    assert package_sha256("dita.spec") != package_sha256("dita.reference")
    with pytest.raises(ModuleNotFoundError, match=r"dita\.nothing"):
        package_sha256("dita.nothing")


def test_mapping_a_closed_copy_is_refused(tmp_path: Path) -> None:
    """A sealed copy that was given up cannot be mapped."""
    path = tmp_path / "kernel.image"
    path.write_bytes(b"\x7fELF no more")
    image = seal(path)
    try:
        with pytest.raises(ImageRefused) as refusal:
            map_image(image)
    finally:
        image.close()

    assert refusal.value.reason is ImageRefusal.UNLOADABLE
