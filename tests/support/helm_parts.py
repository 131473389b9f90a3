"""A helm for tests, and what it holds back."""

from dita.runtime.helm import Helm
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import SLOTS, Mode
from scripted_venue import EngineRoom

LEVERAGE_MAX_PPM = 3_000_000


class Kept:
    """Reasons that keep entries back."""

    def __init__(self) -> None:
        self.reasons: set[str] = set()

    @property
    def kept_back(self) -> tuple[str, ...]:
        """See ``Holds``."""
        return tuple(sorted(self.reasons))

    def keep_back(self, reason: str) -> None:
        """See ``Holds``."""
        self.reasons.add(reason)

    def release(self, reason: str) -> None:
        """See ``Holds``."""
        self.reasons.discard(reason)


def limits_of(slot_limit: int) -> Input:
    return inputs.set_limits(slot_limit=slot_limit, leverage_max_ppm=LEVERAGE_MAX_PPM, tolerance=0)


def helm_of(
    room: EngineRoom, *, settled: Mode = Mode.ACTIVE, slot_limit: int = SLOTS, kept: Kept | None = None
) -> Helm:
    """The helm of an engine room, as a start makes it: from what its journal says."""
    return Helm(room.engine, room.alerts, kept or Kept(), settled, slot_limit, limits_of, room.carrier.exits.may_exit)
