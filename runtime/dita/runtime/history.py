"""What the runtime must know of the past besides the state: kept along with every input, and part of a snapshot."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self, final

from dita.runtime.lockstep import Stepped
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.state import State
from dita.spec.vocabulary import Kind


@final
@dataclass(slots=True)
class History:
    """Follows every input that was journaled, live and in a replay alike. At most an entry a slot and a trade."""

    seeded_ns: int = 0  # venue time of the seed; 0: not seeded yet
    starts: dict[int, int] = field(default_factory=dict[int, int])  # live or unsettled trade: our time of its ENTER
    submits: dict[int, tuple[OrderKey, int]] = field(default_factory=dict[int, tuple[OrderKey, int]])
    """The newest order of each slot, and the venue time after which it may not be written any more."""

    def observe(self, event: Input, stepped: Stepped, *, send_by_ns: int, wall_ns: int) -> None:
        """Take one input in."""
        outcome = stepped.outcome
        if event.kind == Kind.SEED:
            self.seeded_ns = event.time_ns
        if outcome.moves and event.kind == Kind.ENTER:  # an adopted one began at a time nobody knows
            self.starts[event.trade] = wall_ns
        if outcome.submit:
            key = OrderKey(outcome.trade, outcome.slot, outcome.attempt)
            self.submits[outcome.slot] = (key, send_by_ns)

    def keep(self, state: State) -> None:
        """Forget the starts of trades that the state does not remember either."""
        wanted = set(_remembered_trades(state))
        self.starts = {trade: start for trade, start in self.starts.items() if trade in wanted}

    def to_text(self) -> str:
        """As a snapshot keeps it."""
        document = {
            "seeded_ns": self.seeded_ns,
            "starts": sorted(self.starts.items()),
            "submits": sorted((*key, send_by_ns) for key, send_by_ns in self.submits.values()),
        }
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Back again. Raises ValueError."""
        try:
            document = json.loads(text)
            starts = {int(trade): int(start) for trade, start in document["starts"]}
            submits = {
                int(slot): (OrderKey(int(trade), int(slot), int(attempt)), int(send_by_ns))
                for trade, slot, attempt, send_by_ns in document["submits"]
            }
            return cls(int(document["seeded_ns"]), starts, submits)
        except (KeyError, TypeError) as error:
            raise ValueError(f"history: `{text[:80]}` is not what `to_text` gives") from error


def _remembered_trades(state: State) -> Iterable[int]:
    for slot in state.slots:
        yield slot.trade
        for tail in slot.tails:
            yield tail.trade
