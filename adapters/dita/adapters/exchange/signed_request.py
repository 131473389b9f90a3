"""Reading and verifying one REST request, as the venue's own document describes it and nothing of ours implements.

The text that is signed is ``k=v`` joined by ``&`` in the order *received*, values decoded, ``signature`` left out; a
form body follows the query without a separator. HMAC-SHA256 over it, lower-case hex (BingX, signature rules).
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from dita.adapters.exchange.config import RequestRules
from dita.adapters.exchange.errors import SIGNATURE_MISMATCH, SIGNATURE_MISSING, VenueError, bad_parameter

_PARAMETERS_MAX: Final = 100
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_DIGITS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class RawRequest:
    """What arrived. ``query`` is the text after the question mark, still encoded."""

    method: str
    path: str
    query: str
    content_type: str
    body: bytes
    api_key: str


class Parameters:
    """Decoded parameters of one request, each name once."""

    __slots__ = ("_values", "pairs_signed", "signature", "signature_is_last")

    def __init__(self, query: list[tuple[str, str]], body: list[tuple[str, str]], separator: str) -> None:
        pairs = query + body
        if len(pairs) > _PARAMETERS_MAX:
            raise bad_parameter("parameters", len(pairs), f"are too many, send at most {_PARAMETERS_MAX}")
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if name in self._values:
                raise bad_parameter(name, value, "appears twice, send it once")
            self._values[name] = value
        self.signature = self._values.pop("signature", "")
        self.signature_is_last = bool(pairs) and pairs[-1][0] == "signature"
        texts = ["&".join(f"{name}={value}" for name, value in part if name != "signature") for part in (query, body)]
        self.pairs_signed = separator.join(text for text in texts if text)

    def get(self, name: str) -> str:
        """The value, or an empty text; an empty value counts as absent (ccxt sends ``orderId=``)."""
        return self._values.get(name, "")

    def either(self, *names: str) -> str:
        """The first value that is present among several spellings."""
        for name in names:
            value = self._values.get(name, "")
            if value:
                return value
        return ""

    def required(self, name: str) -> str:
        """The value. Raises 109400 when it is absent or empty."""
        value = self._values.get(name, "")
        if not value:
            raise bad_parameter(name, value, "is missing, send it")
        return value

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number between two bounds, or the default when absent. Raises 109400."""
        text = self._values.get(name, "")
        if not text:
            return default
        if len(text) > _DIGITS_MAX + 3 or not text.isascii() or not text.isdigit():
            raise bad_parameter(name, text, "is not a whole number")
        number = int(text)
        if not least <= number <= most:
            raise bad_parameter(name, text, f"is outside {least} to {most}")
        return number

    def flag(self, name: str) -> bool:
        """True or false, absent is false. Raises 109400 on other text."""
        text = self._values.get(name, "").lower()
        if text not in ("", "true", "false"):
            raise bad_parameter(name, text, "is neither true nor false")
        return text == "true"


def read_parameters(request: RawRequest) -> Parameters:
    """Decode query and body. Raises ``VenueError`` 109400 on anything malformed."""
    query = list(_pairs(request.query))
    if not request.body:
        return Parameters(query, [], "")
    if request.content_type.startswith(_JSON):
        return Parameters(query, _json_pairs(request.body), "&")
    if request.content_type.startswith(_FORM) or not request.content_type:
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            raise bad_parameter("body", "", "is not UTF-8 text") from None
        return Parameters(query, list(_pairs(text)), "")
    raise bad_parameter("content-type", request.content_type, f"is unknown, use {_FORM} or the query")


def verify_signature(parameters: Parameters, secret: str, rules: RequestRules) -> None:
    """Raise 100412 without a signature and 100001 with a wrong one."""
    if not parameters.signature:
        raise VenueError(SIGNATURE_MISSING, "Null signature")
    expected = hmac.new(secret.encode(), parameters.pairs_signed.encode(), hashlib.sha256).hexdigest()
    given = parameters.signature
    if not given.isascii() or not hmac.compare_digest(expected, given):
        raise VenueError(SIGNATURE_MISMATCH, "Signature verification failed due to signature mismatch")
    if rules.signature_last and not parameters.signature_is_last:
        raise VenueError(SIGNATURE_MISMATCH, "Signature verification failed: signature must be the last parameter")


def receive_window_ms(parameters: Parameters, rules: RequestRules) -> int:
    """How old the request may be; 0 asks for the default, too much is capped."""
    asked = parameters.integer("recvWindow", 0, 0, 10**9)
    return min(asked or rules.receive_window_default_ms, rules.receive_window_max_ms)


def timestamp_ms(parameters: Parameters) -> int:
    """When the request was made. Raises 109400 when it is missing or no number."""
    text = parameters.get("timestamp")
    if not text or not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
        raise bad_parameter("timestamp", text, "is missing or not in milliseconds")
    return int(text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    if not text:
        return
    for piece in text.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        try:
            yield unquote(name, errors="strict"), unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise bad_parameter(name, value, "is not UTF-8 behind its percent signs") from None


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    """Top-level scalars of a JSON object in the order sent, numbers as the text sent."""
    try:
        # Numbers stay text, so nothing is rounded; bodies are bounded, and so is the depth the parser can reach.
        parsed: object = json.loads(body, parse_int=str, parse_float=str, object_pairs_hook=_object_items)
    except (ValueError, RecursionError):
        raise bad_parameter("body", "", "is not JSON") from None
    if not isinstance(parsed, _Items):
        raise bad_parameter("body", "", "is not a JSON object")
    return _scalars(parsed.items)


def parameters_from_json(item: Mapping[str, object]) -> Parameters:
    """The parameters of one order inside a list of orders; its numbers have been read as text."""
    return Parameters(_scalars(item.items()), [], "")


def _scalars(items: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in items:
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, str):
            pairs.append((name, value))
        elif value is not None:
            raise bad_parameter(name, "", "is nested, send JSON text instead")
    return pairs


class _Items:
    """A JSON object as the pairs that were written."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[str, object]]) -> None:
        self.items = items


def _object_items(items: list[tuple[str, object]]) -> _Items:
    return _Items(items)
