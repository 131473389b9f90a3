"""The kernel's records out of its bytes, many times faster than ``dita.spec.layout.unpack``, and equal to it.

Written out by hand, and held against the layout by a test. A slot's tails seldom change: they are kept while their
bytes are the same.
"""

import struct
from typing import Final

from dita.spec.state import Account, Closed, Entry, Exit, Half, Ledger, Plan, Slot, Tail
from dita.spec.vocabulary import LEGS, TAILS

_FLAT: Final = 10  # words of a slot before its entry
_TAIL_WORDS: Final = 13
_ACCOUNT: Final = struct.Struct(f"<{len(Account._fields) - 1 + len(Ledger._fields)}q")
_LIVE: Final = struct.Struct(f"<{_FLAT + 7 + 7 + 5 + 2 + LEGS}q")
_TAILS: Final = struct.Struct(f"<{TAILS * _TAIL_WORDS}q")


def account_of(content: bytes) -> Account:
    """The account in its bytes. Raises struct.error when the length is another."""
    words = _ACCOUNT.unpack(content)
    return Account._make((*words[:10], Ledger._make(words[10:])))


def slot_of(content: bytes, known: tuple[bytes, Slot] | None = None) -> Slot:
    """The slot in its bytes. ``known``: what it was before. Raises struct.error when the length is another."""
    words = _LIVE.unpack_from(content)
    tail_content = content[_LIVE.size :]
    same = known is not None and known[0][_LIVE.size :] == tail_content
    return Slot._make(
        (
            *words[:10],
            Entry._make(words[10:17]),
            Exit._make(words[17:24]),
            Closed._make(words[24:29]),
            Plan(words[29], words[30], words[31:]),
            known[1].tails if known is not None and same else _tails(_TAILS.unpack(tail_content)),
        )
    )


def _tails(words: tuple[int, ...]) -> tuple[Tail, ...]:
    return tuple(
        Tail(
            words[at], words[at + 1], words[at + 2], Half._make(words[at + 3 : at + 7]),
            Half._make(words[at + 7 : at + 11]), words[at + 11], words[at + 12],
        )
        for at in range(0, len(words), _TAIL_WORDS)
    )  # fmt: skip
