"""Fast encoders for the differential loop: the bytes of ``dita.spec.layout``, part by part.

``layout.pack`` walks any record; here each record's words are spread by hand, twenty times faster, so that the whole
state can be compared after every step. ``tests/conformance/test_encoding.py`` holds the two against each other.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, cast

from dita.spec.inputs import Input
from dita.spec.layout import size_of, word_names
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, State, Tail

INPUT_BYTES: Final = size_of(Input)
OUTCOME_BYTES: Final = size_of(Outcome)
ACCOUNT_BYTES: Final = size_of(Account)
INSTRUMENT_BYTES: Final = size_of(Instrument)
SLOT_BYTES: Final = size_of(Slot)
STATE_BYTES: Final = size_of(State)
INSTRUMENTS_AT: Final = ACCOUNT_BYTES
SLOTS_AT: Final = STATE_BYTES - SLOT_BYTES * len(State().slots)

_INPUT: Final = struct.Struct(f"<{INPUT_BYTES // 8}q")
_OUTCOME: Final = struct.Struct(f"<{OUTCOME_BYTES // 8}q")
_ACCOUNT: Final = struct.Struct(f"<{ACCOUNT_BYTES // 8}q")
_INSTRUMENT: Final = struct.Struct(f"<{INSTRUMENT_BYTES // 8}q")
_TAIL: Final = struct.Struct("<13q")
_HEAD: Final = struct.Struct(f"<{SLOT_BYTES // 8 - 13 * len(Slot().tails)}q")
_SCALARS: Final = len(Input._fields) - 1  # all but the ratios


def scalars(event: Input) -> list[int]:
    """All words of an input but the ratios."""
    return list(cast("tuple[int, ...]", event[:_SCALARS]))


def with_scalars(words: Sequence[int], ratios: tuple[int, ...]) -> Input:
    """The inverse of ``scalars``."""
    return Input._make((*words, ratios))


def pack_input(event: Input) -> bytes:
    """The bytes of an input. Raises struct.error if a word does not fit 64 bits."""
    return _INPUT.pack(*event[:_SCALARS], *event.ratios)


def unpack_input(data: bytes) -> Input:
    """The input behind ``data``."""
    words = _INPUT.unpack(data)
    return with_scalars(words[:_SCALARS], words[_SCALARS:])


def pack_outcome(outcome: Outcome) -> bytes:
    """The bytes of an outcome."""
    return _OUTCOME.pack(*outcome)


def unpack_outcome(data: bytes) -> Outcome:
    """The outcome behind ``data``."""
    return Outcome(*_OUTCOME.unpack(data))


def write_account(buffer: bytearray, account: Account) -> None:
    """Encode the account in place."""
    _ACCOUNT.pack_into(buffer, 0, *account[:-1], *account.ledger)


def write_instrument(buffer: bytearray, index: int, instrument: Instrument) -> None:
    """Encode one instrument in place."""
    _INSTRUMENT.pack_into(buffer, INSTRUMENTS_AT + index * INSTRUMENT_BYTES, *instrument)


def write_slot(buffer: bytearray, index: int, slot: Slot, before: Slot | None) -> None:
    """Encode one slot in place; tails that are the same object as in ``before`` are left as they are."""
    at = SLOTS_AT + index * SLOT_BYTES
    plan = slot.plan
    _HEAD.pack_into(
        buffer, at, *slot[:10], *slot.entry, *slot.exit, *slot.closed, plan.legs, plan.next_leg, *plan.ratios
    )
    if before is None or slot.tails is not before.tails:
        at += _HEAD.size
        for tail in slot.tails:
            _TAIL.pack_into(buffer, at, *_tail_words(tail))
            at += _TAIL.size


def _tail_words(tail: Tail) -> Iterator[int]:
    yield from tail[:3]
    yield from tail.entry
    yield from tail.exit
    yield from tail[5:]


def write_state(buffer: bytearray, state: State) -> None:
    """Encode a whole state in place; a small world's missing slots and instruments stay as they are in the buffer."""
    write_account(buffer, state.account)
    for index, instrument in enumerate(state.instruments):
        write_instrument(buffer, index, instrument)
    for index, slot in enumerate(state.slots):
        write_slot(buffer, index, slot, None)


def write_changes(buffer: bytearray, before: State, after: State, event: Input) -> None:
    """Bring a buffer that holds ``before`` to ``after``: only what the step may have touched is encoded.

    That nothing else changed is not assumed: the reference keeps the other parts as the same objects, and a caller
    compares the whole buffer with the other side.
    """
    if after is before:
        return
    if after.account is not before.account:
        write_account(buffer, after.account)
    i, k = event.instrument, event.slot
    if after.instruments[i] is not before.instruments[i]:
        write_instrument(buffer, i, after.instruments[i])
    if after.slots[k] is not before.slots[k]:
        write_slot(buffer, k, after.slots[k], before.slots[k])


def fresh_buffer(state: State) -> bytearray:
    """A full-size buffer that holds the state; what a small world lacks is blank."""
    buffer = bytearray(_BLANK)
    write_state(buffer, state)
    return buffer


def _blank() -> bytes:
    buffer = bytearray(STATE_BYTES)
    write_state(buffer, State())
    return bytes(buffer)


_BLANK: Final = _blank()


def state_word_name(word: int) -> str:
    """Dotted name of the state's ``word``-th word."""
    return word_names(State)[word]


def first_difference(ours: bytes | bytearray, theirs: bytes | bytearray) -> int | None:
    """Index of the first 64-bit word that differs, or None."""
    for word in range(min(len(ours), len(theirs)) // 8):
        if ours[8 * word : 8 * word + 8] != theirs[8 * word : 8 * word + 8]:
            return word
    return None


def word_at(data: bytes | bytearray, word: int) -> int:
    """The value of one word."""
    return int.from_bytes(data[8 * word : 8 * word + 8], "little", signed=True)
