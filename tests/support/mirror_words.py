"""What the production client says of orders and answers, in the words of the environment model.

What the wire leaves open to the venue is compared by what it means to a client: ``101205`` stands for "no position" and
for "not enough to close" (BingX, error codes), so both reasons of the model are one class.
"""

from typing import Final, NamedTuple

from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.orders import Accepted, CancelKind, Rejected, SubmitResult, Unknown, UnknownReason
from dita.adapters.logic.rows import OrderRow
from dita.spec.environment import Answer, OrderName
from dita.spec.order_ids import OrderKey, client_order_id, parse_client_order_id
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND
from dita.spec.vocabulary import RejectReason

_TAG: Final = "jrnl"

# What a client is told, by what the venue made of its request.
OF_SUBMITS: Final = {
    Answer.DONE: "accepted",
    Answer.TOO_LATE: "refused: too late",
    Answer.NAME_USED: "unknown: the name was used",
    Answer.NOT_REDUCIBLE: "refused: not enough to close",
}
OF_CANCELS: Final = {
    Answer.DONE: CancelKind.REQUESTED,
    Answer.TOO_LATE: CancelKind.REFUSED,
    Answer.ABSENT: CancelKind.NOT_FOUND,
    Answer.OVER: CancelKind.ALREADY_DONE,
}


class Heard(NamedTuple):
    """A snapshot as both sides can say it: lots filled so far, over or not, venue time in milliseconds."""

    name: OrderName
    lots: int
    over: bool
    time_ms: int


def text_of(name: OrderName) -> str:
    """The client id of an order."""
    return client_order_id(_TAG, OrderKey(name[0], 0, name[1]))


def name_of(client_id: str) -> OrderName:
    """The order behind a client id; (0, 0) for one that is not ours."""
    key = parse_client_order_id(_TAG, client_id)
    return (0, 0) if key is None else (key.trade, key.attempt)


def heard_of(row: OrderRow) -> Heard:
    """A row of the production client in the words of both sides."""
    lots = -1 if row.cum_quantity is None else row.cum_quantity
    return Heard(name_of(row.client_order_id), lots, row.state.is_terminal, row.time_ns // NANOSECONDS_PER_MILLISECOND)


def meaning(result: SubmitResult) -> str:
    """What the client makes of the answer to a submit."""
    match result:
        case Accepted():
            return "accepted"
        case Rejected(klass=ErrorClass.CLOCK):
            return "refused: too late"
        case Rejected(reason=RejectReason.NO_POSITION | RejectReason.BLOCKED):
            return "refused: not enough to close"
        case Rejected():
            return f"refused: {result.reason.name}"
        case Unknown(reason=UnknownReason.DUPLICATE_ID):
            return "unknown: the name was used"
        case Unknown(reason=UnknownReason.NO_REPLY):
            return "unknown: no reply"
        case Unknown():
            return f"unknown: {result.reason.value}"
