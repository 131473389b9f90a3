"""A line for every change of state: of a slot, of the mode, of a contract that has to be reconciled."""

import logging
from typing import Final, final

from dita.adapters.journal import Journal
from dita.runtime.flights import Flights
from dita.runtime.lockstep import Stepped
from dita.runtime.logs import FIELDS
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.vocabulary import Code, Kind, Mode, Phase

log: Final = logging.getLogger(__name__)


@final
class StateLog:
    """An engine observer. ``flights`` know what the venue calls an order."""

    def __init__(self, journal: Journal, flights: Flights) -> None:
        self._journal = journal
        self._flights = flights

    def observe(self, event: Input, stepped: Stepped) -> None:
        """Of one step."""
        outcome = stepped.outcome
        for old, new in outcome.transitions:
            self._slot(event, stepped, old, new)
        before, after = stepped.before.account, stepped.after.account
        if before.mode != after.mode:
            old_mode, new_mode = Mode(before.mode).name, Mode(after.mode).name
            self._say(event, f"mode: {old_mode}→{new_mode}", {"from": old_mode, "to": new_mode})
        if before.unreconciled != after.unreconciled:
            self._say(
                event,
                f"contracts to reconcile: {before.unreconciled}→{after.unreconciled}, {self._symbol(event)}",
                {"from": before.unreconciled, "to": after.unreconciled, "symbol": self._symbol(event)},
            )

    def _slot(self, event: Input, stepped: Stepped, old: Phase, new: Phase) -> None:
        number, outcome = event.slot, stepped.outcome
        slot = stepped.after.slots[number] if new != Phase.IDLE else stepped.before.slots[number]
        attempt = slot.exit.attempt if max(old, new) > Phase.POSITION_OPEN else 0
        key = OrderKey(slot.trade or event.trade, number, attempt)
        order = client_order_id(self._journal.meta.tag, key)
        flight = self._flights.of(key)
        venue_order = "" if flight is None else flight.order_id
        symbol = self._symbol(event)
        self._say(
            event,
            f"slot {number} trade {key.trade} {symbol} order {order}{f' ({venue_order})' if venue_order else ''}:"
            f" {old.name}→{new.name}, {Code(outcome.code).name}",
            {
                "slot": number, "trade": key.trade, "symbol": symbol, "order": order, "venue_order": venue_order,
                "from": old.name, "to": new.name, "code": Code(outcome.code).name,
            },
        )  # fmt: skip

    def _symbol(self, event: Input) -> str:
        return self._journal.symbols.get(event.instrument, "")

    def _say(self, event: Input, text: str, fields: dict[str, object]) -> None:
        kind, row = Kind(event.kind).name, self._journal.position + 1
        log.info("%s by %s, row %d", text, kind, row, extra={FIELDS: {**fields, "input": kind, "row": row}})
