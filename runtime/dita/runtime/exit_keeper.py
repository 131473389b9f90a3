"""A rejected exit is tried again, later and later, for ever: 1 s doubling to 30 s, an alert after the fifth."""

import asyncio
from typing import Final, final

from dita.runtime.alerts import Alert, Alerts
from dita.runtime.background import Background
from dita.runtime.engine import Engine
from dita.runtime.lockstep import Stepped
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.state import Slot
from dita.spec.vocabulary import SLOTS, Kind, Phase

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 30.0
ALERT_AFTER: Final = 5


@final
class ExitKeeper:
    """Keeps exits back after failures, and closes again what was to be closed whole (clause U5)."""

    def __init__(self, engine: Engine, alerts: Alerts, background: Background) -> None:
        self._engine = engine
        self._alerts = alerts
        self._background = background
        self._failures = [0] * SLOTS
        self._held = [0] * SLOTS  # trade whose exits must wait, 0: none

    def may_exit(self, slot: int) -> bool:
        """Whether an exit may be tried now."""
        return self._held[slot] == 0

    def watch(self, event: Input, stepped: Stepped) -> None:
        """Look at every accepted step."""
        number = event.slot
        before, after = stepped.before.slots[number], stepped.after.slots[number]
        if after.phase == Phase.IDLE or after.exit.quantity > before.exit.quantity:
            self._failures[number] = 0
            self._held[number] = 0
            return
        failed = event.kind in (Kind.REJECTED, Kind.NOT_FOUND) and before.phase >= Phase.EXIT_REQUESTED
        if not failed or after.phase != Phase.POSITION_OPEN:
            return
        self._failures[number] += 1
        count = self._failures[number]
        if count == ALERT_AFTER:
            self._alerts.raise_(Alert.EXIT_REJECTED, f"trade `{after.trade}`: {count} exits in a row were rejected")
        delay = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (count - 1))
        self._held[number] = after.trade
        self._background.start(self._again(number, after.trade, delay), f"exit again {after.trade}")

    @staticmethod
    def _wants_out(slot: Slot) -> bool:
        """Whether everything was to be closed: a flatten pends, or the order for everything never came to be.

        The kernel forgets a flatten when it submits for everything (clause X3); its failure does not bring it back.
        """
        never_was = slot.exit.everything == 1 and slot.exit.done == 1 and slot.exit.quantity == 0
        return slot.phase == Phase.POSITION_OPEN and (slot.flatten == 1 or never_was)

    def resume(self, number: int) -> None:
        """At a start: a pending flatten of the last process is tried at once."""
        slot = self._engine.state.slots[number]
        if self._wants_out(slot):
            self._held[number] = slot.trade
            self._background.start(self._again(number, slot.trade, 0), f"exit again {slot.trade}")

    async def _again(self, number: int, trade: int, delay: float) -> None:
        await asyncio.sleep(delay)
        if self._held[number] == trade:
            self._held[number] = 0
        slot = self._engine.state.slots[number]
        if slot.trade == trade and self._wants_out(slot):
            await self._engine.apply(inputs.flatten(slot=number, instrument=slot.instrument, trade=trade))
