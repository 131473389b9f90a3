"""The rows of all families, step by step. Pure: nothing goes in but steps, in their order, from the first on.

``Projector.project`` appends to lists by family; whoever takes them away keeps memory bounded. A snapshot of the engine
is a row of the first step of each UTC minute by the rows' own times.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, final

from dita.runtime.projection.account import account_moves, intents
from dita.runtime.projection.decided import decisions
from dita.runtime.projection.engine_view import engine_snapshot
from dita.runtime.projection.memory import Memory
from dita.runtime.projection.names import Names
from dita.runtime.projection.orders import order_steps
from dita.runtime.projection.steps import Step, figures_of
from dita.runtime.projection.trades import fills, legs, trade_steps
from dita.spec.published import FAMILIES
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import State

SNAPSHOT_EVERY_NS: Final = 60 * NANOSECONDS_PER_SECOND
_ORDINAL: Final = 2  # the place of a row's ordinal, in every family


@final
class Projector:
    """One journal's. ``rows``: what has been made since they were last taken, by family, in order."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.memory = Memory()
        self.rows: dict[str, list[Any]] = {family: [] for family in FAMILIES}
        self._minute = -1

    def project(self, step: Step, state: Callable[[], State]) -> None:
        """Append what a step says. ``state`` gives the whole state after it, and is seldom asked."""
        names, mine = self.names, self.memory.begin(step)
        after = figures_of(step.slot, step.trade)
        filled = list(fills(step, names, mine, after))
        for family, made in (
            ("decision_events", decisions(step, names) if step.notes else ()),
            ("intent_events", intents(step, names)),
            ("order_events", order_steps(step, names)),
            ("fill_events", filled),
            ("trade_events", trade_steps(step, names, mine, after)),
            ("trade_exit_legs", legs(step, names, mine, filled)),
            ("account_events", account_moves(step, names)),
        ):
            self._add(family, made)
        self.memory.end(step, mine)
        minute = step.wall_ns // SNAPSHOT_EVERY_NS
        if minute != self._minute:
            self._minute = minute
            made_now = engine_snapshot(state(), self.memory, names, position=step.position, wall_ns=step.wall_ns)
            self.rows["engine_snapshots"].append(made_now)

    def take(self) -> dict[str, list[Any]]:
        """What was made since the last time."""
        taken, self.rows = self.rows, {family: [] for family in FAMILIES}
        return taken

    def _add(self, family: str, made: Iterable[Any]) -> None:
        """Number a step's rows; most steps have one of a family, or none."""
        into = self.rows[family]
        for ordinal, row in enumerate(made):
            into.append(row if ordinal == 0 else row._replace(ordinal=ordinal))
