"""The kernel's vocabulary: phases, input kinds, verdicts, codes, commands. Numbers are part of the ABI and permanent.

Clause V1: every enumeration starts at 0 and has no gap; 0 is the empty or harmless member, so that an all-zero record
is canonical. Clause V2: a number once given to a name is never given to another.
"""

from enum import IntEnum
from typing import Final

SLOTS: Final = 16  # most trades that can be live at once
INSTRUMENTS: Final = 64  # most instruments that can be registered
LEGS: Final = 8  # most legs of an exit plan
TAILS: Final = 4  # finished trades a slot remembers until they are settled (clause F1; two is the least that is right)

# Clause U4: venue time that must have passed after an order's deadline before its absence can be believed.
ADMIT_MARGIN_NS: Final = 2_000_000_000
# Clause U4: every check of the resolution procedure, as one number that must match exactly.
ALL_CHECKS: Final = 0b1111111


class Phase(IntEnum):
    """Where the one trade of a slot stands (clause P1)."""

    IDLE = 0
    ENTRY_REQUESTED = 1
    ENTRY_WORKING = 2
    ENTRY_UNRESOLVED = 3
    POSITION_OPEN = 4
    EXIT_REQUESTED = 5
    EXIT_WORKING = 6
    EXIT_UNRESOLVED = 7


class Kind(IntEnum):
    """The 21 input kinds. 0 is no kind, so that a zeroed record is refused with BAD_KIND."""

    NONE = 0
    ENTER = 1
    EXIT = 2
    FLATTEN = 3
    CANCEL = 4
    SET_MODE = 5
    SET_LIMITS = 6
    REGISTER = 7
    SEED = 8
    ADOPT = 9
    SETTLE_FORCED = 10
    ORDER = 11
    REJECTED = 12
    UNKNOWN = 13
    NOT_FOUND = 14
    SILENT = 15
    EXTERNAL_CLOSE = 16
    SETTLE = 17
    INCOME = 18
    WALLET = 19
    POSITION = 20
    CALIBRATE = 21


class Verdict(IntEnum):
    """Clause R1. REFUSED: the state is untouched, no command. FLAGGED: no slot, no money moves. ACCEPTED: the rest."""

    REFUSED = 0
    FLAGGED = 1
    ACCEPTED = 2


class Code(IntEnum):
    """Why the kernel answered as it did. One name, one reason."""

    OK = 0
    LATE_FILL = 1
    EXIT_DEFERRED = 2
    ROLLED_BACK = 3
    IMPOSSIBLE = 4
    INCONSISTENT = 5
    OVER_CLOSE = 6
    UNKNOWN_ORDER = 7
    TERMINAL_STATE = 8
    SETTLE_MISMATCH = 9
    POSITION_MISMATCH = 10
    NO_CHANGE = 11
    STALE_ID = 12
    WRONG_LEG = 13
    STALE_SNAPSHOT = 14
    SLOT_BUSY = 15
    INSTRUMENT_BUSY = 16
    SLOT_LIMIT = 17
    NO_POSITION = 18
    EXIT_IN_PROGRESS = 19
    NOTHING_WORKING = 20
    MODE_REDUCE_ONLY = 21
    MODE_HALTED = 22
    CAPITAL_FROZEN = 23
    RECONCILE_REQUIRED = 24
    UNSETTLED_TRADE = 25
    LEVERAGE = 26
    BELOW_MINIMUM = 27
    NOT_LOT = 28
    NOT_DEFINITE = 29
    NOT_SEEDED = 30
    UNFIT_INSTRUMENT = 31
    OVERFLOW = 32
    BAD_VALUE = 33
    BAD_KIND = 34
    BAD_INDEX = 35


class Mode(IntEnum):
    """Clause M1. REDUCE_ONLY refuses ENTER; HALTED also EXIT; nothing refuses FLATTEN, CANCEL or the truth."""

    ACTIVE = 0
    REDUCE_ONLY = 1
    HALTED = 2


class Side(IntEnum):
    """Direction of a position."""

    NONE = 0
    LONG = 1
    SHORT = 2


class OrderSide(IntEnum):
    """Direction of an order."""

    NONE = 0
    BUY = 1
    SELL = 2


class Part(IntEnum):
    """The two halves of a trade that settle separately (clause F1)."""

    ENTRY = 0
    EXIT = 1


class RejectReason(IntEnum):
    """Why an order surely did not reach the book (clause X5)."""

    NOT_SENT = 0
    REFUSED = 1
    NO_POSITION = 2
    BLOCKED = 3
    THROTTLED = 4


class IncomeKind(IntEnum):
    """Money that moves outside trades (clause L4)."""

    FUNDING = 0
    TRANSFER = 1
    ADJUSTMENT = 2


class Reconcile(IntEnum):
    """What a RECONCILE command asks the runtime to read from the venue."""

    NONE = 0
    POSITION = 1
    WALLET = 2
