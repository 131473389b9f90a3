"""Obeys the operator's switch (``dita halt``, ``dita resume``), within a twentieth of a second and at every start.

The mode comes first, then every working entry is cancelled, then, if that is wanted, every position closed.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from dita.adapters.journal import Switch, SwitchTo, read_switch
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.spec import inputs
from dita.spec.vocabulary import Mode, Phase

_LOOK_SECONDS: Final = 0.05
_MODES: Final = {SwitchTo.REDUCE_ONLY: Mode.REDUCE_ONLY, SwitchTo.HALTED: Mode.HALTED, SwitchTo.FLAT: Mode.REDUCE_ONLY}


def mode_of(switch: Switch | None) -> Mode:
    """The least that the kernel's mode must be."""
    return Mode.ACTIVE if switch is None else _MODES[switch.to]


@final
class KillSwitch:
    """Looks at the switch of a journal. ``settled`` is the mode that is wanted without it."""

    def __init__(
        self, engine: Engine, journal_path: Path, alerts: Alerts, settled: Mode, may_exit: Callable[[int], bool]
    ) -> None:
        """``may_exit``: whether a slot's position may be closed now, or its exits must wait after a failure."""
        self._engine = engine
        self._path = journal_path
        self._alerts = alerts
        self._settled = settled
        self._may_exit = may_exit
        self._obeyed: Switch | None = None

    @property
    def wanted(self) -> Mode:
        """By settings and switch."""
        return max(self._settled, mode_of(read_switch(self._path)))

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Once."""
        switch = read_switch(self._path)
        if switch != self._obeyed:
            self._obeyed = switch
            said = "cleared" if switch is None else f"{switch.to.value}, {switch.why}"
            self._alerts.raise_(Alert.SWITCH, f"the operator's switch: {said}")
            await self._set(max(self._settled, mode_of(switch)))
        if switch is not None and switch.to is SwitchTo.FLAT:
            await self._flatten()

    async def _set(self, mode: Mode) -> None:
        if mode is Mode.ACTIVE or self._engine.state.account.mode > mode:
            if self._engine.state.account.mode != mode and self._engine.may_add_risk:
                await self._engine.apply(inputs.set_mode(mode))
        else:
            await self._engine.reduce_only(mode)

    async def _flatten(self) -> None:
        for number, slot in enumerate(self._engine.state.slots):
            if slot.phase != Phase.IDLE and not slot.flatten and self._may_exit(number):
                if slot.phase >= Phase.EXIT_REQUESTED and slot.exit.everything:
                    continue  # an order for everything is under way
                await self._engine.apply(inputs.flatten(slot=number, instrument=slot.instrument, trade=slot.trade))
