"""The refusals of the venue: a code, a text, and sometimes an HTTP status (BingX API reference, error codes)."""

from typing import Final, Self

SIGNATURE_MISMATCH: Final = 100001
NO_PERMISSION: Final = 100004
API_MISUSE: Final = 100400
KEY_EXPIRED: Final = 100401
NO_SUCH_PATH: Final = 100404
RATE_LIMITED: Final = 100410
SIGNATURE_MISSING: Final = 100412
KEY_UNKNOWN: Final = 100413
BAD_PARAMETER: Final = 109400
RECENT_SAME_ORDER: Final = 109201
BELOW_MINIMUM_OR_DUPLICATE: Final = 101400
INSUFFICIENT_MARGIN: Final = 101204
NOT_ENOUGH_POSITION: Final = 101205
POST_ONLY_WOULD_TAKE: Final = 101215
REDUCE_ONLY_WOULD_INCREASE: Final = 101290
LEVERAGE_OVER_MAXIMUM: Final = 101414
SYMBOL_PAUSED: Final = 101415
TOO_MANY_ORDERS: Final = 101419
MODE_SWITCH_REFUSED: Final = 104103
SYMBOL_UNKNOWN: Final = 109425
OVER_PRECISE: Final = 110425
BAD_STOP_PRICE: Final = 110411
BAD_TAKE_PROFIT_PRICE: Final = 110413
CLOSE_QUANTITY_CLAIMED: Final = 110424
ORDER_DOES_NOT_EXIST: Final = 80016
ALREADY_DONE: Final = 80018
BAD_TOPIC: Final = 80015
TOO_MANY_TOPICS: Final = 80403

DUPLICATE_TEXT: Final = "clientOrderID unique check failed"
TIMESTAMP_TEXT: Final = "timestamp is invalid"
RECENT_TEXT: Final = "the same order number is only allowed to be submitted once within 1 second"


class VenueError(Exception):
    """One refused request. ``status`` is the HTTP status, 200 for every business refusal."""

    def __init__(self, code: int, text: str, status: int = 200) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status

    def __reduce__(self) -> tuple[type[Self], tuple[int, str, int]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.code, self.text, self.status)


def bad_parameter(field: str, value: object, expected: str) -> VenueError:
    """109400 that names the field, the value and what would have been accepted."""
    shown = str(value)[:64]
    return VenueError(BAD_PARAMETER, f"Invalid parameters, {field}: `{shown}` {expected}")
