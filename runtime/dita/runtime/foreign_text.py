"""Text of policies: how much of it is kept. What a policy says may be of any length and of any characters."""

import json
from typing import Final

WHY_BYTES: Final = 1200  # in the journal; a note may have 4096


def shortened(text: object, bytes_max: int = WHY_BYTES) -> str:
    """As much of the beginning as takes at most so many bytes in a note, whose JSON is ASCII: an emoji takes twelve.

    What is no text is none.
    """
    if not isinstance(text, str):
        return ""
    taken = 0
    for at, character in enumerate(text[:bytes_max]):
        taken += len(json.dumps(character)) - 2  # without the quotes
        if taken > bytes_max:
            return text[:at]
    return text[:bytes_max]
