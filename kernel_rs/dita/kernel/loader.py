"""The only door to the kernel: an image that is what its certificate says, or none.

``load_certified`` gives a :class:`CertifiedKernel`, which nothing else can make, with the clearance that order-sending
code demands. ``load_for_conformance`` gives the bare image to those who test it; it carries no clearance, so nothing
can be traded on it. Theory of operation: seal and hash (``image``), compare with the certificate's subject *before* any
of the image's code runs, map it, ask it who it is (``abi``), then hold the rest of the certificate against what is
installed. A signature is checked where there is one, and demanded where the caller's ``Trust`` demands it.
"""

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from _cffi_backend import FFI

from dita.kernel.abi import Expected, KernelFunctions, expected, header_lines
from dita.kernel.image import IMAGE_PATH, ImageRefusal, ImageRefused, SealedImage, map_image, seal
from dita.kernel.signature import check_signature
from dita.spec.canonical import sha256_hex, tree_sha256
from dita.spec.certificate import PAPER, REQUIRED_LAYERS, Bindings, CertificateRefused, Refusal, Statement, Trust
from dita.spec.certificate_check import check_subject, verify
from dita.spec.certificate_format import CERTIFICATE_BYTES_MAX, EVIDENCE_BYTES_MAX, decode_statement, unwrap
from dita.spec.clearance import Clearance

EVIDENCE_FOLDER: Final = "evidence"
"""Name of the folder beside the certificate that holds ``<layer>.json``."""

LOAD_MILLISECONDS_MAX: Final = 50
"""What loading may take in all: reading, sealing, hashing, mapping, holding the certificate against what is here."""

_NO_DIGEST: Final = "0" * 64
_KEY: Final = object()


@final
@dataclass(frozen=True, slots=True)
class RawKernel:
    """A mapped image that answered the identity questions; no statement about its behaviour."""

    ffi: FFI
    lib: KernelFunctions
    image_sha256: str
    abi_version: int
    layout_sha256: str
    source_sha256: str


@final
class CertifiedKernel:
    """A mapped image together with the certificate that held for it. Made by ``load_certified`` only."""

    __slots__ = ("clearance", "raw", "statement")

    def __init__(self, raw: RawKernel, statement: Statement, clearance: Clearance, *, key: object) -> None:
        """Refuse everybody but the loader with TypeError."""
        if key is not _KEY:
            raise TypeError("a certified kernel is made by `load_certified` only")
        self.raw = raw
        self.statement = statement
        self.clearance = clearance

    def __repr__(self) -> str:
        """Name the image and the tier."""
        return f"CertifiedKernel(image_sha256={self.raw.image_sha256!r}, tier={self.statement.tier!r})"


def load_certified(certificate_path: Path, image_path: Path = IMAGE_PATH, trust: Trust = PAPER) -> CertifiedKernel:
    """Load the image if its certificate holds.

    ``trust`` says whether the certificate must be signed, and by whom. Evidence is read from ``evidence/<layer>.json``
    beside the certificate. Raises CertificateRefused or ImageRefused, each with a named reason; then nothing may be
    traded but a flattening, which needs no kernel.
    """
    content = _read_certificate(certificate_path)
    stated, envelope = unwrap(content)
    check_signature(envelope, trust)
    statement = decode_statement(stated)
    sealed = seal(image_path)
    try:
        check_subject(statement, sealed.sha256)
    except CertificateRefused:
        sealed.close()
        raise
    raw = _load(sealed)
    layers = {*(rule.name for rule in REQUIRED_LAYERS), *(layer.name for layer in statement.layers)}
    verify(statement, installed_bindings(raw), _read_evidence(certificate_path.parent / EVIDENCE_FOLDER, layers))
    signed = envelope is not None and envelope.public_key in trust.keys
    clearance = Clearance(raw.image_sha256, sha256_hex(content), reduce_only=False, signed=signed)
    return CertifiedKernel(raw, statement, clearance, key=_KEY)


def load_for_conformance(image_path: Path = IMAGE_PATH) -> RawKernel:
    """Load an image to test it. Raises ImageRefused. The result certifies nothing and clears nothing."""
    return _load(seal(image_path))


def installed_bindings(raw: RawKernel) -> Bindings:
    """What a certificate for this image, here and now, has to name."""
    return Bindings(
        image_sha256=raw.image_sha256,
        spec_sha256=package_sha256("dita.spec"),
        reference_sha256=package_sha256("dita.reference"),
        logic_sha256=package_sha256("dita.adapters.logic"),
        conformance_sha256=package_sha256("dita.conformance"),
        abi_version=raw.abi_version,
        layout_sha256=raw.layout_sha256,
        source_sha256=raw.source_sha256,
    )


def package_sha256(name: str) -> str:
    """SHA-256 over the files of an installed package, found without importing it; compiled files do not count.

    Raises ModuleNotFoundError when it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"package `{name}` is not installed; install the whole of `dita`")
    files: dict[str, bytes] = {}
    for location in spec.submodule_search_locations:
        folder = Path(location)
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return tree_sha256(files)


class _Process:
    """What this process has mapped: one image for its life."""

    mapped: SealedImage | None = None
    kernel: RawKernel | None = None


def _load(sealed: SealedImage) -> RawKernel:
    mapped = _Process.mapped
    if mapped is None:
        _Process.mapped = sealed
        _Process.kernel = _identify(sealed, expected())
    else:
        sealed.close()
        if mapped.sha256 != sealed.sha256:
            raise ImageRefused(
                ImageRefusal.ANOTHER_IMAGE, f"`{mapped.sha256}` is mapped, `{sealed.sha256}` was asked for"
            )
    if _Process.kernel is None:
        raise ImageRefused(ImageRefusal.UNLOADABLE, f"`{sealed.sha256}` was refused before in this process")
    return _Process.kernel


def _identify(sealed: SealedImage, wanted: Expected) -> RawKernel:
    module = map_image(sealed)
    ffi: FFI = module.ffi
    lib: KernelFunctions = module.lib
    abi_version = lib.dita_abi_version()
    if abi_version != wanted.abi_version:
        raise ImageRefused(ImageRefusal.FOREIGN_ABI, f"version `{abi_version}`, expected `{wanted.abi_version}`")
    layout = ffi.new("uint8_t[32]")
    lib.dita_layout_fingerprint(layout)
    layout_sha256 = bytes(ffi.buffer(layout)).hex()
    if layout_sha256 != wanted.layout_sha256:
        raise ImageRefused(ImageRefusal.FOREIGN_LAYOUT, f"rust says `{layout_sha256}`, spec `{wanted.layout_sha256}`")
    difference = _first_difference(header_lines(ffi), wanted.layout_lines)
    if difference is not None:
        raise ImageRefused(ImageRefusal.FOREIGN_LAYOUT, f"c says `{difference[0]}`, spec `{difference[1]}`")
    source = ffi.new("uint8_t[32]")
    lib.dita_source_digest(source)
    source_sha256 = bytes(ffi.buffer(source)).hex()
    if source_sha256 == _NO_DIGEST:
        raise ImageRefused(ImageRefusal.NO_SOURCE_DIGEST, "its source digest is all zero")
    return RawKernel(ffi, lib, sealed.sha256, abi_version, layout_sha256, source_sha256)


def _first_difference(found: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, str] | None:
    for left, right in zip(found, wanted, strict=False):
        if left != right:
            return left, right
    if len(found) != len(wanted):
        return f"{len(found)} lines", f"{len(wanted)} lines"
    return None


def _read_certificate(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(CERTIFICATE_BYTES_MAX + 1)
    except FileNotFoundError as problem:
        raise CertificateRefused(Refusal.MISSING, f"`{path}` does not exist") from problem
    except OSError as problem:
        raise CertificateRefused(Refusal.UNREADABLE, f"`{path}`: {problem.strerror}") from problem


def _read_evidence(folder: Path, layers: Iterable[str]) -> dict[str, bytes]:
    evidence: dict[str, bytes] = {}
    for layer in layers:
        path = folder / f"{layer}.json"
        try:
            with path.open("rb") as file:
                evidence[layer] = file.read(EVIDENCE_BYTES_MAX + 1)
        except FileNotFoundError:
            continue  # verify names the layer that lacks it
        except OSError as problem:
            raise CertificateRefused(Refusal.EVIDENCE_UNREADABLE, f"`{path}`: {problem.strerror}") from problem
    return evidence
