"""Request signing: HMAC-SHA256 over the raw parameters, sorted by key, signature last.

BingX, "Signature authentication"; the server verifies over the order and the *decoded* values it receives and does not
sort again, so what is sent must be, byte for byte, what was signed (observed on the demo venue, 2026-05).
"""

import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")
_VALUE: Final = re.compile(r"[\x20-\x7e]*\Z")


def canonical_text(parameters: Mapping[str, str]) -> str:
    """``k=v`` joined by ``&``, keys in ASCII order, values raw. Raises ValueError for a key or value that cannot be."""
    for key, value in parameters.items():
        if not _KEY.match(key) or key == "signature":
            raise ValueError(f"parameter name: `{key}` is not usable; use letters and digits, and not `signature`")
        if not _VALUE.match(value):
            raise ValueError(f"{key}: the value holds characters outside printable ASCII")
        if "&" in value or "=" in value:
            raise ValueError(f"{key}: the value holds `&` or `=`, which the signed text cannot tell from its own")
    return "&".join(f"{key}={parameters[key]}" for key in sorted(parameters))


def sign(secret: SecretStr, canonical: str) -> str:
    """Lower-case hexadecimal HMAC-SHA256 of the raw canonical text.

    The secret is bare only inside this expression: no frame of ours ever has it as a variable that a trace could show.
    """
    return hmac.digest(secret.get_secret_value().encode(), canonical.encode(), "sha256").hex()


def wire_query(canonical: str, signature: str) -> str:
    """What goes after the question mark: the canonical text with its values percent-encoded, the signature last."""
    pairs = (part.partition("=") for part in canonical.split("&")) if canonical else ()
    encoded = [f"{key}={quote(value, safe='')}" for key, _, value in pairs]
    return "&".join([*encoded, f"signature={signature}"])


def signed_query(secret: SecretStr, parameters: Mapping[str, str]) -> str:
    """Sort, sign and encode ``parameters`` (which hold the timestamp already). Raises ValueError."""
    canonical = canonical_text(parameters)
    return wire_query(canonical, sign(secret, canonical))


def plain_query(parameters: Mapping[str, str]) -> str:
    """The query of a public call: sorted and encoded, unsigned. Raises ValueError."""
    canonical = canonical_text(parameters)
    pairs = (part.partition("=") for part in canonical.split("&")) if canonical else ()
    return "&".join(f"{key}={quote(value, safe='')}" for key, _, value in pairs)
