"""The key that signs certificates, held so that no repr, log line or exception shows it; its file is the caller's."""

from typing import Final, Self, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from dita.spec.envelope import PAYLOAD_TYPE, Envelope, encode_envelope, pre_authentication_encoding

KEY_BYTES_MAX: Final = 4096


class SigningKeyRefused(ValueError):
    """The bytes are no key to sign with; the message says why and what to do, and nothing of what they are."""


@final
class SigningKey:
    """An Ed25519 private key."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """A new key, from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, content: bytes) -> Self:
        """Read PKCS 8 in PEM, unencrypted. Raises SigningKeyRefused."""
        try:
            key = load_pem_private_key(content, password=None)
        except TypeError:
            raise SigningKeyRefused("it is protected by a password; make a key with `dita keygen`") from None
        except (ValueError, UnsupportedAlgorithm):
            raise SigningKeyRefused("it is no private key in PEM; make one with `dita keygen`") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningKeyRefused("it is no Ed25519 key; make one with `dita keygen`")
        return cls(key)

    def to_pem(self) -> bytes:
        """The key itself, for a file that only its owner reads."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public_key(self) -> str:
        """What others need to check with: 64 hexadecimal digits, no secret."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, statement: bytes) -> bytes:
        """The certificate file: the statement in its envelope."""
        signature = self._key.sign(pre_authentication_encoding(PAYLOAD_TYPE, statement))
        return encode_envelope(Envelope(statement, self.public_key, signature))

    def __repr__(self) -> str:
        """The public key only."""
        return f"SigningKey(public_key={self.public_key!r})"

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Refuse to be copied into another process or file."""
        raise TypeError("a signing key is not pickled")
