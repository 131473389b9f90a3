"""Boost: a factor on the leverage, from the scan of the policy, else from the feature map, at most threefold."""

from dataclasses import dataclass, field
from typing import Final, final

from dita.runtime.foreign_numbers import NotANumber, positive_units
from dita.runtime.gates.rule import Entry, Held, News, Passed, Verdict
from dita.spec.decisions import Check, Feature
from dita.spec.scales import RATIO_SCALE

BOOST_MAX_PPM: Final = 3 * RATIO_SCALE


@final
@dataclass(frozen=True, slots=True)
class Boost:
    """The scan is what the policy says of this entry (``Open.boost``), the feature map what is known of the symbol.

    Where both are missing the factor is 1, and the record says that it was missing: missing is neither 0 nor a reason
    not to trade. A factor that is there and is no positive finite number is no factor: the entry is held.
    """

    check: Check = field(default=Check.BOOST, init=False)
    boost_max_ppm: int = BOOST_MAX_PPM

    def start(self) -> None:
        """Nothing."""

    def see(self, state: None, news: News) -> None:
        """Nothing."""

    def judge(self, state: None, entry: Entry) -> tuple[None, Verdict]:
        """See ``Gate``."""
        said, source = entry.boost, "scan"
        if said is None:
            said, source = entry.features.get(Feature.BOOST), "features"
        if said is None:
            return state, Passed({"boost_source": "missing", "boost_ppm": RATIO_SCALE})
        number = positive_units(said, RATIO_SCALE)
        if isinstance(number, NotANumber):
            return state, Held(number.reason, {"name": "boost", "value": number.shown, "boost_source": source})
        boost_ppm = min(int(number), self.boost_max_ppm)
        facts: dict[str, int | str] = {"boost_source": source, "boost_ppm": boost_ppm, "said_ppm": int(number)}
        return state, Passed(facts, boost_ppm)
