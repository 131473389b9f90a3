"""Whether a certificate's signature may be believed: pure comparison and one call into a library."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dita.spec.certificate import CertificateRefused, Refusal, Trust
from dita.spec.envelope import Envelope


def check_signature(envelope: Envelope | None, trust: Trust) -> None:
    """Hold the envelope of a certificate, or its absence, against whom one trusts (clause K6).

    Raises CertificateRefused: UNSIGNED, UNTRUSTED_KEY, BAD_SIGNATURE. Where a signature is required and no key is
    trusted, every key is untrusted.
    """
    if envelope is None:
        if trust.signature_required:
            raise CertificateRefused(Refusal.UNSIGNED, "it carries no signature")
        return
    if envelope.public_key not in trust.keys and (trust.keys or trust.signature_required):
        raise CertificateRefused(Refusal.UNTRUSTED_KEY, f"it is signed with `{envelope.public_key}`")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(envelope.public_key))
        key.verify(envelope.signature, envelope.signed_bytes)
    except (InvalidSignature, ValueError):
        raise CertificateRefused(Refusal.BAD_SIGNATURE, f"`{envelope.public_key}` did not sign these bytes") from None
