"""What happened to orders: what was told of one, then what is commanded about one."""

from collections.abc import Iterator
from typing import Final

from dita.runtime.projection.names import Names
from dita.runtime.projection.steps import Step
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.published.rows import OrderEvent, OrderStep
from dita.spec.state import Slot
from dita.spec.vocabulary import Kind, OrderSide, Phase, RejectReason, Side

_TOLD: Final[dict[int, str]] = {
    Kind.ORDER: OrderStep.SNAPSHOT.name, Kind.REJECTED: OrderStep.REJECTED.name, Kind.UNKNOWN: OrderStep.UNKNOWN.name,
    Kind.NOT_FOUND: OrderStep.NOT_FOUND.name, Kind.SILENT: OrderStep.SILENT.name,
}  # fmt: skip
_SNAPSHOT: Final = OrderStep.SNAPSHOT.name
_SUBMIT: Final = OrderStep.SUBMIT.name
_CANCEL: Final = OrderStep.CANCEL.name
_RESOLVE: Final = OrderStep.RESOLVE.name
_SIDES: Final = tuple(side.name for side in OrderSide)
_REASONS: Final = tuple(reason.name for reason in RejectReason)


def order_steps(step: Step, names: Names) -> Iterator[OrderEvent]:
    """At most one that was told, and the commands in the order in which they are carried out."""
    event, outcome = step.event, step.outcome
    told = _TOLD.get(event.kind)
    if told is not None:
        reason = _REASONS[event.reason] if event.kind == Kind.REJECTED else ""
        yield _row(step, names, told, OrderKey(event.trade, event.slot, event.attempt), reason)
    if outcome.submit or outcome.cancel or outcome.resolve:
        key = OrderKey(outcome.trade, outcome.slot, outcome.attempt)
        if outcome.submit:
            yield _row(step, names, _SUBMIT, key, "")
        if outcome.cancel:
            yield _row(step, names, _CANCEL, key, "")
        if outcome.resolve:
            yield _row(step, names, _RESOLVE, key, "")


def _row(step: Step, names: Names, what: str, key: OrderKey, reason: str) -> OrderEvent:
    event, outcome = step.event, step.outcome
    told = what == _SNAPSHOT
    sent = what == _SUBMIT
    slot = step.slot if sent else step.slot_before
    return OrderEvent(
        names.tag, step.position, 0, step.wall_ns, step.venue_ns, what, client_order_id(names.tag, key),
        names.symbol(event.instrument), key.slot, key.trade, key.attempt, _SIDES[order_side(slot, key)],
        outcome.quantity if sent else _ordered(slot, key), event.quantity if told else 0, event.quote if told else 0,
        outcome.limit_price if sent else 0, step.send_by_ns if sent else 0, told and event.done == 1,
        sent and outcome.post_only == 1, sent and outcome.reduce_only == 1, sent and outcome.close_all == 1, reason,
        names.verdict(outcome.verdict), names.code(outcome.code),
    )  # fmt: skip


def order_side(slot: Slot, key: OrderKey) -> OrderSide:
    """Which way an order of the live trade goes; NONE for one of another trade."""
    if slot.phase == Phase.IDLE or slot.trade != key.trade:
        return OrderSide.NONE
    return OrderSide.BUY if (slot.side == Side.LONG) == (key.attempt == 0) else OrderSide.SELL


def _ordered(slot: Slot, key: OrderKey) -> int:
    if slot.phase == Phase.IDLE or slot.trade != key.trade:
        return 0
    if key.attempt == 0:
        return slot.entry.ordered
    return slot.exit.ordered if slot.exit.attempt == key.attempt else 0
