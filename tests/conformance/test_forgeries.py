"""Every forgery is refused by name, by the loader and by the checker that knows nothing of DITA."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certificate_judges import KEY, STRANGER, TRUSTED, Case, Judges, make_judges
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.canonical import canonical_json
from dita.spec.certificate import REQUIRED_LAYERS, TIERS, Refusal
from dita.spec.certificate_format import encode_statement
from forgeries import FORGERIES, Change
from sample_certificate import sample_certificate


@pytest.fixture(scope="module")
def judges(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judges]:
    """Both judges, over a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        yield make_judges(tmp_path_factory.mktemp("forged"), repository, patch)


@pytest.fixture(scope="module")
def sound(raw_kernel: RawKernel) -> Case:
    """A certificate that holds."""
    return Case.sound(raw_kernel)


def test_both_judges_accept_what_is_sound(judges: Judges, sound: Case) -> None:
    """Unsigned and signed, nothing is refused: every refusal below is the forgery's."""
    for case in (sound, sound.signed(), replace(sound.signed(), trust=sound.trust)):
        assert (judges.loader(case), judges.checker(case)) == ("", "")


def test_every_tier_has_its_layers(judges: Judges, sound: Case, raw_kernel: RawKernel) -> None:
    """A certificate of the full tier holds with all that there are; one of another tier does without some."""
    named: dict[str, set[str]] = {}
    for tier in TIERS:
        statement, evidence = sample_certificate(installed_bindings(raw_kernel), tier)
        case = replace(sound, certificate=encode_statement(statement), evidence=evidence)
        assert (judges.loader(case), judges.checker(case)) == ("", "")
        named[tier] = {layer.name for layer in statement.layers}

    assert named["quick"] == named["ci"] < named["full"] == {rule.name for rule in REQUIRED_LAYERS}


@pytest.mark.parametrize(("reason", "change"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES])
def test_a_forgery_is_refused_by_both(
    judges: Judges, sound: Case, raw_kernel: RawKernel, reason: Refusal, change: Change
) -> None:
    """The files on disk are judged: the loader names the reason of the table, and so does the checker."""
    certificate, evidence = change(*sample_certificate(installed_bindings(raw_kernel)))
    case = replace(sound, certificate=certificate, evidence=evidence)

    assert judges.loader(case) == reason.name
    assert judges.checker(case) == reason.name


@pytest.mark.parametrize(("reason", "change"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES])
def test_a_signature_makes_no_forgery_true(
    judges: Judges, sound: Case, raw_kernel: RawKernel, reason: Refusal, change: Change
) -> None:
    """The same under a signature by the trusted key itself: whoever signs nonsense has signed nonsense."""
    certificate, evidence = change(*sample_certificate(installed_bindings(raw_kernel)))
    case = replace(sound, certificate=KEY.sign(certificate), evidence=evidence, trust=TRUSTED)

    assert judges.loader(case) == reason.name
    assert judges.checker(case) == reason.name


def enveloped(change: Callable[[dict[str, Any]], object]) -> Callable[[Case], Case]:
    """A signed certificate whose envelope was changed by hand."""

    def forge(case: Case) -> Case:
        document = json.loads(case.certificate)
        change(document)
        return replace(case, certificate=canonical_json(document))

    return forge


def payload_of(change: Callable[[dict[str, Any]], object]) -> Callable[[Case], Case]:
    """A signed certificate whose statement was changed under the signature."""

    def edit(document: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(document["payload"]))
        change(statement)
        document["payload"] = base64.b64encode(canonical_json(statement)).decode()

    return enveloped(edit)


def unsigned(case: Case) -> Case:
    """The statement without its envelope."""
    return replace(case, certificate=base64.b64decode(json.loads(case.certificate)["payload"]))


SIGNED: list[tuple[str, Callable[[Case], Case], str, str]] = [
    ("no signature at all", unsigned, "UNSIGNED", ""),
    ("a wrong key", lambda case: replace(case, certificate=STRANGER.sign(unsigned(case).certificate)),
     "UNTRUSTED_KEY", ""),
    ("a stranger's signature in our name",
     enveloped(lambda d: d["signatures"][0].update(sig=json.loads(STRANGER.sign(b"x"))["signatures"][0]["sig"])),
     "BAD_SIGNATURE", ""),
    ("our signature of something else",
     enveloped(lambda d: d["signatures"][0].update(sig=json.loads(KEY.sign(b"x"))["signatures"][0]["sig"])),
     "BAD_SIGNATURE", ""),
    ("a larger tier under the signature", payload_of(lambda s: s["predicate"].update(tier="ci")),
     "BAD_SIGNATURE", "EVIDENCE_STALE"),
    ("another image under the signature", payload_of(lambda s: s["subject"][0]["digest"].update(sha256="9" * 64)),
     "BAD_SIGNATURE", "WRONG_BINARY"),
    ("another payload type", enveloped(lambda d: d.update(payloadType="text/plain")),
     "WRONG_PAYLOAD_TYPE", "WRONG_PAYLOAD_TYPE"),
    ("a second signature", enveloped(lambda d: d["signatures"].append(d["signatures"][0])),
     "WRONG_FORMAT", "WRONG_FORMAT"),
    ("a signature that is no list", enveloped(lambda d: d.update(signatures={})), "WRONG_FORMAT", "WRONG_FORMAT"),
    ("a payload that is no text", enveloped(lambda d: d.update(payload=1)), "WRONG_FORMAT", "WRONG_FORMAT"),
    ("a payload with a line break", enveloped(lambda d: d.update(payload=d["payload"][:76] + "\n" + d["payload"][76:])),
     "WRONG_FORMAT", "WRONG_FORMAT"),
    ("an envelope in an envelope", lambda case: replace(case, certificate=KEY.sign(case.certificate)),
     "WRONG_FORMAT", "WRONG_FORMAT"),
    ("another binary under a sound certificate", lambda case: replace(case, image=case.image + b"\0"),
     "WRONG_BINARY", "WRONG_BINARY"),
    ("evidence edited under a sound signature",
     lambda case: replace(case, evidence={**case.evidence, "prove": case.evidence["prove"] + b"\n"}),
     "EVIDENCE_CHANGED", "EVIDENCE_CHANGED"),
]  # fmt: skip


@pytest.mark.parametrize(("forge", "loader", "checker"), [row[1:] for row in SIGNED], ids=[row[0] for row in SIGNED])
def test_a_forged_signature_is_refused(
    judges: Judges, sound: Case, forge: Callable[[Case], Case], loader: str, checker: str
) -> None:
    """Where a signature is demanded, by the loader's name for it; the checker judges all but whose it is."""
    case = forge(sound.signed())

    assert (judges.loader(case), judges.checker(case)) == (loader, checker)


def test_there_are_enough_forgeries() -> None:
    """At least 25 ways to lie, none told twice, and every reason that a file can give is among them."""
    names = [*(row[0] for row in FORGERIES), *(row[0] for row in SIGNED)]

    assert len(set(names)) == len(names) >= 25
    reasons = {row[1].name for row in FORGERIES} | {row[2] for row in SIGNED}
    assert reasons == {reason.name for reason in Refusal} - {"MISSING"}
