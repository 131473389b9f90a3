"""The reference's state as the kernel's bytes, kept up to date by rewriting only what a step may touch.

Clause S1 says a step touches the account, one instrument and one slot. Comparing the whole image with the whole kernel
state after every step therefore also finds a kernel that touched something else.
"""

import struct
from typing import Final, final

from dita.runtime.packing import packed_account, packed_instrument, packed_slot
from dita.spec.inputs import Input
from dita.spec.layout import WORD_BYTES, pack, size_of, word_names
from dita.spec.state import Account, Instrument, Slot, State

_INSTRUMENTS_AT: Final = size_of(Account)
_INSTRUMENT_BYTES: Final = size_of(Instrument)
_SLOT_BYTES: Final = size_of(Slot)


@final
class StateImage:
    """The packed state."""

    def __init__(self, state: State) -> None:
        self._content = bytearray(pack(state))
        self._slots_at = _INSTRUMENTS_AT + len(state.instruments) * _INSTRUMENT_BYTES

    @property
    def content(self) -> bytes:
        """All bytes, as ``pack`` would make them anew."""
        return bytes(self._content)

    def update(self, before: State, after: State, event: Input) -> None:
        """Follow one step of the reference. Nothing is copied for a refused one."""
        if after is before:
            return
        content = self._content
        if after.account is not before.account:
            content[0:_INSTRUMENTS_AT] = packed_account(after.account)
        i = event.instrument
        if after.instruments[i] is not before.instruments[i]:
            start = _INSTRUMENTS_AT + i * _INSTRUMENT_BYTES
            content[start : start + _INSTRUMENT_BYTES] = packed_instrument(after.instruments[i])
        i = event.slot
        if after.slots[i] is not before.slots[i]:
            start = self._slots_at + i * _SLOT_BYTES
            content[start : start + _SLOT_BYTES] = packed_slot(after.slots[i])


def first_difference(left: bytes, right: bytes) -> tuple[str, int, int]:
    """Name of the first word in which two packed states differ, and both values; lengths count as a word."""
    if len(left) != len(right):
        return "length", len(left), len(right)
    for index, name in enumerate(word_names(State)):
        at = index * WORD_BYTES
        if left[at : at + WORD_BYTES] != right[at : at + WORD_BYTES]:
            return name, struct.unpack_from("<q", left, at)[0], struct.unpack_from("<q", right, at)[0]
    return "nothing", 0, 0
