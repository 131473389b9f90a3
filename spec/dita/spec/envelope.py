"""The envelope of a signed certificate: DSSE, the form in which in-toto statements are signed.

A certificate file is the statement itself, or one of these around it. What is signed is not the text of the envelope
but its pre-authentication encoding, which binds the payload's type to its bytes and has a length before each, so that
no two pairs share it. Protocol: DSSE v1.0 (secure-systems-lab). Stricter here, since ``dita certify`` is the only
writer: exactly one signature, one way to write base64, and ``keyid`` is the public key in hexadecimal, a hint until
somebody trusts it.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, cast

from dita.spec.canonical import canonical_json
from dita.spec.certificate import CertificateRefused, Refusal

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
SIGNATURE_BYTES: Final = 64
_KEYS: Final = {"payload", "payloadType", "signatures"}
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload and who signed it."""

    payload: bytes
    public_key: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return pre_authentication_encoding(PAYLOAD_TYPE, self.payload)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """``DSSEv1``, then type and payload, each with its length in bytes before it (DSSE, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def encode_envelope(envelope: Envelope) -> bytes:
    """The bytes of a signed certificate file."""
    return canonical_json(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": envelope.public_key, "sig": base64.b64encode(envelope.signature).decode()},
            ],
        }
    )


def is_envelope(document: object) -> bool:
    """Whether a document says that it is an envelope and not the statement itself."""
    return isinstance(document, dict) and not _KEYS.isdisjoint(cast("dict[object, object]", document))


def decode_envelope(document: object) -> Envelope:
    """Read an envelope. Raises CertificateRefused: WRONG_FORMAT, WRONG_PAYLOAD_TYPE."""
    record = _record(document, "envelope", _KEYS)
    if record["payloadType"] != PAYLOAD_TYPE:
        raise CertificateRefused(
            Refusal.WRONG_PAYLOAD_TYPE, f"`payloadType` is `{record['payloadType']}`, expected `{PAYLOAD_TYPE}`"
        )
    signatures = record["signatures"]
    if not isinstance(signatures, list) or len(cast("list[object]", signatures)) != 1:
        raise _malformed("signatures", "expected a list of 1")
    signed = _record(cast("list[object]", signatures)[0], "signatures", {"keyid", "sig"})
    key = signed["keyid"]
    if not isinstance(key, str) or len(key) != 64 or not set(key) <= _HEX:
        raise _malformed("signatures.keyid", "expected a public key as 64 lower-case hexadecimal digits")
    signature = _bytes_of(signed["sig"], "signatures.sig")
    if len(signature) != SIGNATURE_BYTES:
        raise _malformed("signatures.sig", f"has `{len(signature)}` bytes, expected {SIGNATURE_BYTES}")
    return Envelope(_bytes_of(record["payload"], "payload"), key, signature)


def _record(value: object, field: str, keys: set[str]) -> dict[str, object]:
    if not isinstance(value, dict) or cast("dict[str, object]", value).keys() != keys:
        raise _malformed(field, f"expected an object with the fields {sorted(keys)}")
    return cast("dict[str, object]", value)


def _bytes_of(value: object, field: str) -> bytes:
    """Decode the one way to write these bytes: alphabet, padding and unused bits are as the encoder leaves them."""
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None or base64.b64encode(content).decode() != value:
        raise _malformed(field, "is not standard base64")
    return content


def _malformed(field: str, problem: str) -> CertificateRefused:
    return CertificateRefused(Refusal.WRONG_FORMAT, f"`{field}`: {problem}")
