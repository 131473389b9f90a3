"""The fault plan at work: each stage of the server asks for the kinds that can happen there, and the book counts.

A fault that is counted has really happened.
"""

import random
from collections.abc import Sequence

from dita.adapters.exchange.faults import CERTAIN, Fault, FaultKind, FaultPlan, FrameFault, Occasion, TimedFault


class _Armed:
    """A fault with its counters."""

    __slots__ = ("fault", "fired", "seen")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.fired = 0


class FaultBook:
    """The plan at work. Equal seeds and equal occasions give equal faults."""

    def __init__(self, plan: FaultPlan, seed: int) -> None:
        self._random = random.Random(f"faults {seed}")
        self._by_kind: dict[type[object], list[_Armed]] = {}
        self._fired: dict[str, int] = {}
        self.arm(plan.faults)

    def arm(self, faults: Sequence[Fault]) -> None:
        """Add faults to a running exchange; their occasions are counted from now."""
        for fault in faults:
            self._by_kind.setdefault(type(fault), []).append(_Armed(fault))
            self._fired.setdefault(fault.kind, 0)

    def disarm(self) -> None:
        """From now on nothing goes wrong; the counts stay."""
        self._by_kind.clear()

    @property
    def armed(self) -> bool:
        """Whether anything can still go wrong."""
        return bool(self._by_kind)

    @property
    def fired(self) -> dict[str, int]:
        """How often each planned kind has happened."""
        return dict(self._fired)

    def fire(
        self, kind: type[FaultKind], on: Occasion, now_ms: int, client_id: str = "", symbol: str = "", event: str = ""
    ) -> FaultKind | None:
        """The fault of this kind that happens on this occasion, or None. Counting is part of asking."""
        armed = self._by_kind.get(kind)
        if not armed:
            return None
        for entry in armed:
            fault = entry.fault
            if isinstance(fault, kind) and self._happens(entry, on, now_ms, client_id, symbol, event):
                self._fired[fault.kind] += 1
                return fault
        return None

    def _happens(self, entry: _Armed, on: Occasion, now_ms: int, client_id: str, symbol: str, event: str) -> bool:
        fault, when = entry.fault, entry.fault.when
        if fault.on not in (on, "any") or (when.symbol and when.symbol != symbol):
            return False
        if when.client_id_prefix and not client_id.startswith(when.client_id_prefix):
            return False
        if isinstance(fault, FrameFault) and fault.event not in ("", event):
            return False
        if isinstance(fault, TimedFault) and fault.at_ms > now_ms:
            return False
        if now_ms < when.from_ms or (when.until_ms and now_ms >= when.until_ms):
            return False
        entry.seen += 1
        if (when.nth and entry.seen != when.nth) or (when.every and entry.seen % when.every):
            return False
        if when.times and entry.fired >= when.times:
            return False
        if when.chance_ppm < CERTAIN and self._random.randrange(CERTAIN) >= when.chance_ppm:
            return False
        entry.fired += 1
        return True
