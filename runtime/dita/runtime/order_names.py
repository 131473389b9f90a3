"""What our orders are called at the venue: a key of the kernel under the journal's tag, while the journal is written.

Once it is not, closing orders may still leave, and the next process knows nothing of them: it counts on from the last
row, and would give their ids out again. The venue refuses a used id, and asked for it shows the old order, so the new
one could never be settled. What the journal may not know of therefore carries a tag of its own, the journal's with an
ending; the next process knows the family by it, and sees its fills as what they are to it, closes that nothing in its
journal explains (EXTERNAL_CLOSE).
"""

from random import Random
from typing import Final, final

from dita.spec.order_ids import OrderKey, client_order_id, parse_client_order_id

_REMEMBERED: Final = 4096
_ENDINGS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def make_spare_tag(tag: str, rng: Random) -> str:
    """A tag for what the journal of ``tag`` may not know of. Give ``random.SystemRandom()`` in live use."""
    return tag + "".join(rng.choice(_ENDINGS) for _ in range(2))


@final
class OrderNames:
    """Of one process. ``tag`` is the journal's, ``spare_tag`` one of ``make_spare_tag``."""

    def __init__(self, tag: str, spare_tag: str) -> None:
        self.tag = tag
        self.spare_tag = spare_tag
        self._unjournaled: dict[OrderKey, None] = {}

    def give(self, key: OrderKey, *, is_journaled: bool) -> str:
        """The id of an order that is about to be sent for the first time."""
        if not is_journaled:
            self._unjournaled[key] = None
            if len(self._unjournaled) > _REMEMBERED:
                del self._unjournaled[next(iter(self._unjournaled))]
        return self.of(key)

    def of(self, key: OrderKey) -> str:
        """The id under which an order of ours was or will be sent."""
        return client_order_id(self.spare_tag if key in self._unjournaled else self.tag, key)

    def key_of(self, text: str) -> OrderKey | None:
        """The key behind an id of this process or of this journal, None for anybody else's."""
        return parse_client_order_id(self.tag, text) or parse_client_order_id(self.spare_tag, text)
