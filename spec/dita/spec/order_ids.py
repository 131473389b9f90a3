"""Order identity as text on the wire: ``(trade, slot, attempt)`` maps both ways to the venue's client order id.

Clause I1. The venue lower-cases client order ids, allows 1 to 40 characters and is safe only with ``[a-z0-9-]``
(BingX, place order; observed). A ``tag`` names the journal that gave out the trade numbers, so that two journals on one
account, or a journal begun anew, can never produce the same id.
"""

import re
from typing import Final, NamedTuple

from dita.spec.scales import ATTEMPT_MAX, TRADE_ID_MAX
from dita.spec.vocabulary import SLOTS

_TAG: Final = re.compile(r"[a-z][a-z0-9]{3,11}\Z")
_ID: Final = re.compile(r"([a-z][a-z0-9]{3,11})-([0-9a-f]{1,11})-([0-9a-f])-([0-9a-f]{1,6})\Z")


class OrderKey(NamedTuple):
    """The kernel's name of one order: attempt 0 is the entry, n the n-th exit."""

    trade: int
    slot: int
    attempt: int


def client_order_id(tag: str, key: OrderKey) -> str:
    """Text of at most 40 characters that the venue echoes unchanged. Raises ValueError on a foreign tag or number."""
    if not _TAG.match(tag):
        raise ValueError(f"tag: `{tag}` is not 4 to 12 characters of a-z and 0-9 that begin with a letter")
    if not (1 <= key.trade <= TRADE_ID_MAX and 0 <= key.slot < SLOTS and 0 <= key.attempt <= ATTEMPT_MAX):
        raise ValueError(f"order key: `{key}` is out of range")
    return f"{tag}-{key.trade:x}-{key.slot:x}-{key.attempt:x}"


def parse_client_order_id(tag: str, text: str) -> OrderKey | None:
    """The key behind an id that this journal gave out, or None: then the order is not ours."""
    match = _ID.match(text)
    if match is None or match[1] != tag:
        return None
    key = OrderKey(int(match[2], 16), int(match[3], 16), int(match[4], 16))
    if client_order_id_is_canonical(tag, key, text):
        return key
    return None


def client_order_id_is_canonical(tag: str, key: OrderKey, text: str) -> bool:
    """Whether ``text`` is exactly what ``client_order_id`` makes of ``key`` (no leading zeros, numbers in range)."""
    in_range = 1 <= key.trade <= TRADE_ID_MAX and key.attempt <= ATTEMPT_MAX
    return in_range and client_order_id(tag, key) == text
