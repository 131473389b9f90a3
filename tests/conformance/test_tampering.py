"""One wrong byte, anywhere in certificate, evidence or image: refused by both judges, by name.

Each tampering replaces one byte by another, which a seed of the commit draws. At a commit every byte of an unsigned
certificate and of all evidence is replaced, and a rotating part of the other bytes; in a campaign (``make gate``) each
byte of everything. In the certificate that is more than ten thousand already.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from certificate_judges import Case, Judges, make_judges
from dita.kernel import loader
from dita.kernel.image import SealedImage
from dita.kernel.loader import RawKernel
from dita.spec.certificate import Statement
from machine_profiles import commit_seed, is_campaign, seconds

pytestmark = pytest.mark.unmeasured

SIGNED_EVERY, IMAGE_EVERY = 6, 150
TAMPERINGS_MIN = 10_000


@pytest.fixture
def judges(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judges:
    """Both judges, over a folder of their own."""
    return make_judges(tmp_path, repository, monkeypatch)


def tampered(content: bytes, rng: Random, every: int = 1) -> Iterator[bytes]:
    """The content with one other byte, at every place, or from a drawn one on at each so manieth."""
    for place in range(rng.randrange(every), len(content), every):
        changed = bytearray(content)
        near = rng.random() < 0.5  # a digit for a digit lies better than a byte that is no text
        changed[place] ^= rng.choice((1, 2, 3, 4)) if near else rng.randrange(1, 256)
        yield bytes(changed)


def tamperings(sound: Case, rng: Random) -> Iterator[tuple[str, Case]]:
    """What was touched, and the case."""
    signed = sound.signed()
    thin = not is_campaign()
    for content in tampered(sound.certificate, rng):
        yield "certificate", replace(sound, certificate=content)
    for name, evidence in sound.evidence.items():
        for content in tampered(evidence, rng):
            yield "evidence", replace(sound, evidence={**sound.evidence, name: content})
    for content in tampered(signed.certificate, rng, SIGNED_EVERY if thin else 1):
        yield "signed certificate", replace(signed, certificate=content)
    for content in tampered(sound.image, rng, IMAGE_EVERY if thin else 1):
        yield "image", replace(sound, image=content)


@pytest.mark.timeout(seconds(240))
def test_no_tampered_byte_is_accepted(judges: Judges, raw_kernel: RawKernel) -> None:
    """Each of more than ten thousand tamperings is refused by the loader, and by the checker, with a reason.

    The checker does not judge signatures: of a signed certificate it may accept what only the signature or its key
    would tell.
    """
    seed = commit_seed()
    rng, sound = Random(seed), Case.sound(raw_kernel)
    assert judges.loader(sound) == judges.checker(sound) == ""
    tried: Counter[str] = Counter()
    reasons: Counter[tuple[str, str, str]] = Counter()
    for what, case in tamperings(sound, rng):
        tried[what] += 1
        loads, checks = judges.loader(case), judges.checker(case)
        assert loads, f"seed {seed}: the loader accepts tampering {tried[what]} of the {what}"
        assert checks or loads in ("BAD_SIGNATURE", "UNTRUSTED_KEY"), f"seed {seed}: {tried[what]} of the {what}"
        reasons[what, loads, checks] += 1

    sys.stdout.write(f"tamperings by seed {seed}: {dict(tried)}\n")  # pytest shows it when the test fails
    assert tried.total() >= TAMPERINGS_MIN
    assert {what for what, loads, _ in reasons if loads == "WRONG_BINARY"} >= {"image"}
    assert {key for key in reasons if key[0] == "evidence"} == {("evidence", *["EVIDENCE_CHANGED"] * 2)}
    assert len({loads for what, loads, _ in reasons if what == "certificate"}) >= 8


def test_a_judge_that_accepts_is_noticed(
    judges: Judges, raw_kernel: RawKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: a loader that does not compare the image's hash lets a tampered image through."""
    sound = Case.sound(raw_kernel)
    broken = next(tampered(sound.image, Random(1), len(sound.image)))
    assert judges.loader(replace(sound, image=broken)) == "WRONG_BINARY"

    def careless(sealed: SealedImage) -> RawKernel:
        sealed.close()
        return raw_kernel

    def credulous(_statement: Statement, _image_sha256: str) -> None:
        return

    monkeypatch.setattr(loader, "check_subject", credulous)
    monkeypatch.setattr(loader, "_load", careless)

    assert judges.loader(replace(sound, image=broken)) == ""
