"""Signed certificates: whose signature counts, what it is over, and that two libraries read the same envelope."""

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from dita.conformance.signing import SigningKey, SigningKeyRefused
from dita.kernel.loader import RawKernel, installed_bindings, load_certified
from dita.kernel.signature import check_signature
from dita.spec.canonical import canonical_json
from dita.spec.certificate import PAPER, CertificateRefused, Refusal, Trust
from dita.spec.certificate_format import unwrap
from dita.spec.envelope import PAYLOAD_TYPE, Envelope, encode_envelope, pre_authentication_encoding
from sample_certificate import written_certificate

DSSE: Any = import_module("securesystemslib.dsse")  # the other library; its types are not its strength
SIGNER: Any = import_module("securesystemslib.signer")
PAYLOAD = canonical_json({"a": 1})
KEY, STRANGER = (SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))) for seed in (1, 2))
TRUSTED = Trust((KEY.public_key,), signature_required=True)

# RFC 8032, section 7.1, tests 1 and 2: public key, message, signature.
RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        ("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
         "d25bf5f0595bbe24655141438e7a100b"),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        ("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
         "387b2eaeb4302aeeb00d291612bb0c00"),
    ),
)  # fmt: skip

# DSSE, protocol.md, "Test Vectors": the key's point, type and payload, what is signed, and the signature.
DSSE_X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
DSSE_Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
DSSE_TYPE, DSSE_PAYLOAD = "http://example.com/HelloWorld", b"hello world"
DSSE_PAE = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
DSSE_SIGNATURE = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="


def reason_of(envelope: bytes, trust: Trust) -> Refusal | None:
    """Why these bytes are refused, or None."""
    try:
        check_signature(unwrap(envelope)[1], trust)
    except CertificateRefused as refused:
        return refused.reason
    return None


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A sound envelope, changed by hand and written canonically."""
    document = json.loads(KEY.sign(PAYLOAD))
    change(document)
    return canonical_json(document)


def test_the_published_vectors_of_ed25519_verify() -> None:
    """RFC 8032: the signatures there are valid, and each is invalid for the other's message."""
    for (key, message, signature), (_, other, _) in zip(RFC_8032, reversed(RFC_8032), strict=True):
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), bytes.fromhex(message))
        with pytest.raises(InvalidSignature):
            public.verify(bytes.fromhex(signature), bytes.fromhex(other))


def test_the_published_vector_of_the_envelope_verifies() -> None:
    """DSSE: type and payload of the published example are encoded as published, and its signature is over that."""
    assert pre_authentication_encoding(DSSE_TYPE, DSSE_PAYLOAD) == DSSE_PAE
    public = ec.EllipticCurvePublicNumbers(DSSE_X, DSSE_Y, ec.SECP256R1()).public_key()
    raw = base64.b64decode(DSSE_SIGNATURE)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(der, pre_authentication_encoding(DSSE_TYPE, DSSE_PAYLOAD), ec.ECDSA(SHA256()))


def test_no_two_pairs_are_signed_alike() -> None:
    """Moving a byte from the type to the payload changes what is signed: the lengths stand before both."""
    assert pre_authentication_encoding("ab", b"c") != pre_authentication_encoding("a", b"bc")
    assert pre_authentication_encoding("é", b"").startswith(b"DSSEv1 2 ")


def test_another_library_verifies_our_envelope() -> None:
    """Securesystemslib reads what we signed and accepts it with our public key, and not with a stranger's."""
    for key, accepted in ((KEY, True), (STRANGER, False)):
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
        other = SIGNER.SSlibKey.from_crypto(public, keyid=KEY.public_key)
        envelope = DSSE.Envelope.from_dict(json.loads(KEY.sign(PAYLOAD)))
        if accepted:
            assert list(envelope.verify([other], 1)) == [KEY.public_key]
        else:
            with pytest.raises(Exception, match="signatures"):
                envelope.verify([other], 1)


def test_we_verify_another_librarys_envelope() -> None:
    """What securesystemslib signs with its own key is accepted when that key is trusted, written in our form."""
    signer = SIGNER.CryptoSigner.generate_ed25519()
    public = signer.public_key.keyval["public"]
    envelope = DSSE.Envelope(PAYLOAD, PAYLOAD_TYPE, {})
    signature = bytes.fromhex(envelope.sign(signer).signature)

    content = encode_envelope(Envelope(PAYLOAD, public, signature))

    assert reason_of(content, Trust((public,), signature_required=True)) is None
    assert reason_of(content, TRUSTED) is Refusal.UNTRUSTED_KEY


ROWS: list[tuple[str, bytes, Trust, Refusal | None]] = [
    ("signed by a trusted key", KEY.sign(PAYLOAD), TRUSTED, None),
    ("signed by one of two trusted keys", KEY.sign(PAYLOAD), replace(TRUSTED, keys=("0" * 64, KEY.public_key)), None),
    ("signed where nobody asks for it", KEY.sign(PAYLOAD), PAPER, None),
    ("unsigned where nobody asks for it", PAYLOAD, PAPER, None),
    ("unsigned where keys are known but none is asked for", PAYLOAD, Trust((KEY.public_key,)), None),
    ("unsigned", PAYLOAD, TRUSTED, Refusal.UNSIGNED),
    ("signed by a stranger", STRANGER.sign(PAYLOAD), TRUSTED, Refusal.UNTRUSTED_KEY),
    ("signed by a stranger where keys are known", STRANGER.sign(PAYLOAD), Trust((KEY.public_key,)),
     Refusal.UNTRUSTED_KEY),
    ("signed where nobody is trusted", KEY.sign(PAYLOAD), Trust((), signature_required=True), Refusal.UNTRUSTED_KEY),
    ("signed by a stranger in our name",
     edited(lambda d: d["signatures"][0].update(sig=json.loads(STRANGER.sign(PAYLOAD))["signatures"][0]["sig"])),
     TRUSTED, Refusal.BAD_SIGNATURE),
    ("another payload under the signature",
     edited(lambda d: d.update(payload=base64.b64encode(canonical_json({"a": 2})).decode())), TRUSTED,
     Refusal.BAD_SIGNATURE),
    ("another payload under the signature on paper",
     edited(lambda d: d.update(payload=base64.b64encode(canonical_json({"a": 2})).decode())), PAPER,
     Refusal.BAD_SIGNATURE),
    ("a key that is no point", edited(lambda d: d["signatures"][0].update(keyid="f" * 64)), PAPER,
     Refusal.BAD_SIGNATURE),
    ("another payload type", edited(lambda d: d.update(payloadType="application/json")), TRUSTED,
     Refusal.WRONG_PAYLOAD_TYPE),
    ("no signature", edited(lambda d: d.update(signatures=[])), TRUSTED, Refusal.WRONG_FORMAT),
    ("two signatures", edited(lambda d: d.update(signatures=d["signatures"] * 2)), TRUSTED, Refusal.WRONG_FORMAT),
    ("a short signature", edited(lambda d: d["signatures"][0].update(sig="AAAA")), TRUSTED, Refusal.WRONG_FORMAT),
    ("unused bits set", edited(lambda d: d["signatures"][0].update(sig="A" * 85 + "B==")), TRUSTED,
     Refusal.WRONG_FORMAT),
    ("a payload in another alphabet", edited(lambda d: d.update(payload="-_==")), TRUSTED, Refusal.WRONG_FORMAT),
    ("a further field", edited(lambda d: d.update(note="trust me")), TRUSTED, Refusal.WRONG_FORMAT),
    ("a field fewer", edited(lambda d: d.pop("payloadType")), TRUSTED, Refusal.WRONG_FORMAT),
    ("a space added", KEY.sign(PAYLOAD).replace(b":", b": ", 1), TRUSTED, Refusal.NOT_CANONICAL),
]  # fmt: skip


@pytest.mark.parametrize(("content", "trust", "reason"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_signature_is_judged_by_name(content: bytes, trust: Trust, reason: Refusal | None) -> None:
    """Who signed what, and whom one trusts, decide: accepted, or refused with exactly this reason (clause K6)."""
    assert reason_of(content, trust) is reason


def test_the_loader_demands_what_it_is_told_to(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """Live: unsigned and strangers' certificates are refused. Paper: unsigned is enough, and the clearance says so."""
    bindings = installed_bindings(raw_kernel)
    unsigned = written_certificate(tmp_path / "unsigned", bindings)
    ours = written_certificate(tmp_path / "ours", bindings, KEY)
    strangers = written_certificate(tmp_path / "strangers", bindings, STRANGER)

    refused: list[Refusal] = []
    for path in (unsigned, strangers):
        with pytest.raises(CertificateRefused) as refusal:
            load_certified(path, trust=TRUSTED)
        refused.append(refusal.value.reason)

    assert refused == [Refusal.UNSIGNED, Refusal.UNTRUSTED_KEY]
    assert load_certified(ours, trust=TRUSTED).clearance.signed
    assert load_certified(ours, trust=TRUSTED).clearance.narrowed().signed
    assert not load_certified(unsigned).clearance.signed
    assert not load_certified(strangers).clearance.signed, "a signature by whom nobody trusts is none"


def test_a_key_is_read_back_and_never_shown() -> None:
    """PEM and back is the same key; its text, its repr and its copies tell nothing but the public half."""
    pem = KEY.to_pem()
    again = SigningKey.from_pem(pem)
    secret = pem.splitlines()[1].decode()

    assert again.public_key == KEY.public_key
    assert again.sign(PAYLOAD) == KEY.sign(PAYLOAD)
    assert repr(KEY) == str(KEY) == f"SigningKey(public_key='{KEY.public_key}')"
    with pytest.raises(TypeError, match="not pickled"):
        copy.copy(KEY)
    with pytest.raises(SigningKeyRefused) as refused:
        SigningKey.from_pem(pem.replace(b"M", b"N", 1))
    assert secret not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_cannot_sign_is_refused_by_name() -> None:
    """No key, a public key, another kind of key, one behind a password: each says what it is and what to do."""
    from cryptography.hazmat.primitives import serialization as form

    other = ec.generate_private_key(ec.SECP256R1())
    pem, pkcs8 = form.Encoding.PEM, form.PrivateFormat.PKCS8
    locked = other.private_bytes(pem, pkcs8, form.BestAvailableEncryption(b"word"))
    public = other.public_key().public_bytes(pem, form.PublicFormat.SubjectPublicKeyInfo)
    plain = other.private_bytes(pem, pkcs8, form.NoEncryption())
    for content, says in (
        (b"", "no private key"), (b"\xff" * 100, "no private key"), (public, "no private key"),
        (plain, "no Ed25519 key"), (locked, "protected by a password"),
    ):  # fmt: skip
        with pytest.raises(SigningKeyRefused, match=says):
            SigningKey.from_pem(content)
