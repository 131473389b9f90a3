"""The two judges of a certificate on disk: the loader, and the checker that knows nothing of DITA."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dita.conformance.check_certificate import Refused, Sources, check, read_sources
from dita.conformance.signing import SigningKey
from dita.kernel import loader
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel, installed_bindings, load_certified
from dita.spec.certificate import PAPER, CertificateRefused, Trust
from dita.spec.certificate_format import encode_statement
from sample_certificate import sample_certificate

KEY, STRANGER = (SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))) for seed in (1, 2))
TRUSTED = Trust((KEY.public_key,), signature_required=True)


@dataclass(frozen=True, slots=True)
class Case:
    """What lies on disk, and whom the reader trusts."""

    certificate: bytes
    image: bytes
    evidence: Mapping[str, bytes]
    trust: Trust = PAPER

    @classmethod
    def sound(cls, raw: RawKernel) -> Self:
        """An unsigned certificate of the built image that holds."""
        statement, evidence = sample_certificate(installed_bindings(raw))
        return cls(encode_statement(statement), IMAGE_PATH.read_bytes(), evidence)

    def signed(self) -> Self:
        """The same, signed by a key that is trusted, for a reader who demands it."""
        return replace(self, certificate=KEY.sign(self.certificate), trust=TRUSTED)


@dataclass(slots=True)
class Judges:
    """Both, over one folder: a file is written only when it differs from what lies there already."""

    folder: Path
    sources: Sources
    _written: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def loader(self, case: Case) -> str:
        """The loader's reason, or an empty text when it loads."""
        self._put("certificate.json", case.certificate)
        self._put("kernel.image", case.image)
        for name in [name for name in self._written if name.startswith("evidence/")]:
            if name.removeprefix("evidence/").removesuffix(".json") not in case.evidence:
                (self.folder / name).unlink()
                del self._written[name]
        for name, content in case.evidence.items():
            self._put(f"evidence/{name}.json", content)
        try:
            load_certified(self.folder / "certificate.json", self.folder / "kernel.image", case.trust)
        except CertificateRefused as refused:
            return refused.reason.name
        return ""

    def checker(self, case: Case) -> str:
        """The checker's reason, or an empty text when all holds."""
        try:
            check(case.certificate, case.image, case.evidence, self.sources)
        except Refused as refused:
            return refused.name
        return ""

    def _put(self, name: str, content: bytes) -> None:
        before = self._written.get(name)
        if before is content:
            return
        path = self.folder / name
        if before is not None and len(before) == len(content):
            with path.open("r+b") as file:  # in place: to cut a file off and fill it anew costs the system far more
                file.write(content)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        self._written[name] = content


def make_judges(folder: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Judges:
    """The judges. What the loader hashes of the installed packages stays as it is meanwhile, so it is hashed once."""
    monkeypatch.setattr(loader, "package_sha256", cache(loader.package_sha256))
    return Judges(folder, read_sources(repository))
