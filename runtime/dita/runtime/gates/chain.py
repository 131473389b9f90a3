"""The gates in their row, with the states that they own, for each symbol."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, final

from dita.runtime.gates.rule import Entry, Gate, Held, News, Verdict
from dita.spec.decisions import Check
from dita.spec.scales import RATIO_SCALE


class Judged(NamedTuple):
    """What the row said of an entry: the verdict of each gate that was asked; the last one is held if any is."""

    verdicts: tuple[tuple[Check, Verdict], ...]
    boost_ppm: int

    @property
    def held(self) -> tuple[Check, Held] | None:
        """Who held it and why, if anybody did."""
        if self.verdicts and isinstance(self.verdicts[-1][1], Held):
            return self.verdicts[-1][0], self.verdicts[-1][1]
        return None


@final
class Chain:
    """Asks the gates in the order of their checks, whatever the order in which they are given."""

    def __init__(self, gates: Sequence[Gate[Any]], symbols: Iterable[str]) -> None:
        self._gates = tuple(sorted(gates, key=lambda gate: gate.check))
        checks = [gate.check for gate in self._gates]
        if len(set(checks)) != len(checks):
            raise ValueError(f"gates: `{', '.join(check.name for check in checks)}` names one twice")
        self._states: dict[str, list[Any]] = {symbol: [gate.start() for gate in self._gates] for symbol in symbols}

    def see(self, symbol: str, news: News) -> None:
        """News of one symbol, for every gate. A symbol that is not traded is nobody's business."""
        states = self._states.get(symbol)
        if states is not None:
            states[:] = [gate.see(state, news) for gate, state in zip(self._gates, states, strict=True)]

    def see_all(self, news: News) -> None:
        """News of every symbol."""
        for symbol in self._states:
            self.see(symbol, news)

    def judge(self, entry: Entry) -> Judged:
        """Ask one gate after the other; none behind the first that holds."""
        states = self._states[entry.symbol]
        verdicts: list[tuple[Check, Verdict]] = []
        boost_ppm = RATIO_SCALE
        for number, gate in enumerate(self._gates):
            states[number], verdict = gate.judge(states[number], entry)
            verdicts.append((gate.check, verdict))
            if isinstance(verdict, Held):
                break
            boost_ppm = boost_ppm * verdict.boost_ppm // RATIO_SCALE
        return Judged(tuple(verdicts), boost_ppm)
