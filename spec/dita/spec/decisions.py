"""Why a trade that a policy wanted was or was not made: who decided, for which reason, and what features are called.

Records of decisions carry these names. As in ``dita.spec.vocabulary`` numbers begin at 0 without a gap, 0 is the
harmless member, and a number once given to a name is never given to another.
"""

from enum import IntEnum, StrEnum


class Check(IntEnum):
    """Who looks at an entry, in the order in which they do: the first that holds it ends the row."""

    NONE = 0
    POLICY = 1  # what it said is something that can be meant
    RUNTIME = 2  # the runtime may open a trade here and now
    STALE_DATA = 3
    SESSION_LIMITS = 4
    DIRECTION = 5
    ORDER_BOOK = 6
    BOOST = 7
    SIZING = 8
    KERNEL = 9


class Reason(IntEnum):
    """One name, one reason. All but PASSED mean that the entry is not made."""

    PASSED = 0
    # POLICY
    POLICY_RAISED = 1
    NOT_A_DECISION = 2
    NOT_FINITE = 3  # also BOOST and SIZING: a number that is none
    NOT_POSITIVE = 4  # also BOOST and SIZING
    # RUNTIME
    NOT_OPENING = 5  # the session ends, or its start is not over
    NO_RISK = 6  # the journal failed, or kernel and reference disagree
    KEPT_BACK = 7  # dead-man timer, readings after a stall
    NO_FREE_SLOT = 8
    INSTRUMENT_BUSY = 9
    REJECTED_LATELY = 10
    # STALE_DATA
    NO_QUOTE = 11
    QUOTE_STALE = 12
    QUOTE_LATE = 13
    # SESSION_LIMITS
    DAILY_LOSS = 14
    DAILY_TRADES = 15
    COOLING_DOWN = 16
    # DIRECTION
    DC_TOO_FEW_TICKS = 17
    DC_CONTRADICT = 18
    # ORDER_BOOK
    BOOK_UNKNOWN = 19
    BOOK_STALE = 20
    BOOK_EMPTY = 21
    BOOK_AGAINST = 22
    # SIZING
    BELOW_PRICE_FLOOR = 23
    ABOVE_MARGIN = 24
    ABOVE_LEVERAGE = 25
    BELOW_SMALLEST_ORDER = 26
    # KERNEL
    KERNEL_REFUSED = 27


class Feature(StrEnum):
    """What a feature map may say of a symbol."""

    BOOST = "boost"  # multiplies leverage
