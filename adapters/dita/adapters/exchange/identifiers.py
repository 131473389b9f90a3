"""Order numbers: 63-bit snowflakes whose upper bits are the creation time (observed on public BingX samples)."""

from typing import Final

SNOWFLAKE_EPOCH_MS: Final = 1_288_834_974_657
_SEQUENCE_BITS: Final = 22


def snowflake_ms(number: int) -> int:
    """The creation time inside an order number, in UTC milliseconds."""
    return (number >> _SEQUENCE_BITS) + SNOWFLAKE_EPOCH_MS


class Snowflakes:
    """Hands out strictly growing numbers, also when the clock stands still or steps back."""

    def __init__(self) -> None:
        self._last = 0

    def take(self, now_ms: int) -> int:
        """The next number; ``now_ms`` is UTC milliseconds and must not lie before the snowflake epoch."""
        if now_ms < SNOWFLAKE_EPOCH_MS:
            raise ValueError(f"now_ms: `{now_ms}` lies before the snowflake epoch {SNOWFLAKE_EPOCH_MS}, pass UTC time")
        candidate = ((now_ms - SNOWFLAKE_EPOCH_MS) << _SEQUENCE_BITS) | 1
        self._last = candidate if candidate > self._last else self._last + 1
        return self._last
