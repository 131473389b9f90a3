"""When the venue created an order, read from its id.

BingX order ids are snowflakes with Twitter's epoch (verified on the venue's own samples: the documented cancel sample
1736011869418901234 decodes to its `time` field exactly).
"""

from typing import Final

from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

_EPOCH_MS: Final = 1_288_834_974_657
_SEQUENCE_BITS: Final = 22
_ID_MAX: Final = (1 << 63) - 1


def created_ns(order_id: str) -> int | None:
    """Creation time in UTC nanoseconds, or None when the text is no such id."""
    if not order_id.isascii() or not order_id.isdigit() or len(order_id) > 19:
        return None
    number = int(order_id)
    if not 1 << _SEQUENCE_BITS <= number <= _ID_MAX:
        return None
    return ((number >> _SEQUENCE_BITS) + _EPOCH_MS) * NANOSECONDS_PER_MILLISECOND
