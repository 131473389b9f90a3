"""The one door through which orders and cancels leave. Opening needs a clearance; cancelling and reducing need none.

A submit never raises (except when its task is cancelled, and then the order is in an unknown state), is never repeated,
and never goes to the fallback host.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.endpoints import CANCEL, CANCEL_ALL, CLOSE_POSITION, LIVE, SUBMIT
from dita.adapters.bingx.errors import Call, ErrorClass
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.limiter import Rank
from dita.adapters.bingx.messages import CancelAllMessage, MessageError, OrderMessage, read_message
from dita.adapters.bingx.orders import (
    Accepted,
    CancelAllResult,
    CancelKind,
    CancelResult,
    NewOrder,
    Rejected,
    SubmitResult,
    Unknown,
    UnknownReason,
    fault_of,
    judged_failure,
    judged_submit,
    order_parameters,
)
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.stops import NewStop, judged_stop, stop_fault, stop_parameters
from dita.adapters.bingx.transport import Failure, FailureKind
from dita.adapters.bingx.units import UnitsError
from dita.adapters.logic.rows import Evidence, OrderRow
from dita.spec.clearance import Clearance
from dita.spec.vocabulary import RejectReason

_REMEMBERED_IDS_MAX: Final = 4_096  # ids only rise: whatever would send one again would do it soon


@dataclass(slots=True)
class OrderDesk:
    """Orders and cancels of one account. ``contracts`` must hold every symbol that is to be opened."""

    rest: BingxRest
    mode: PositionMode
    contracts: Mapping[str, Contract] = field(default_factory=dict[str, Contract])
    submits: Counter[str] = field(default_factory=Counter[str])  # what they came to: accepted, rejected, unknown
    cancels: Counter[CancelKind] = field(default_factory=Counter[CancelKind])
    _used_ids: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None], repr=False)

    async def submit(self, order: NewOrder, clearance: Clearance | None) -> SubmitResult:
        """Place one order. Never raises. Without a clearance, or with a reduce-only one, it must be reducing.

        On the live venue an order that adds exposure needs a clearance by a signed certificate (clause K6).
        """
        if not order.reduce_only and (clearance is None or clearance.reduce_only):
            refused = "no clearance to add exposure: only reduce-only orders may leave"
            return self._counted(Rejected(RejectReason.NOT_SENT, None, refused))
        if not order.reduce_only and self.rest.api.hosts.rest == LIVE.rest and not (clearance and clearance.signed):
            refused = "the certificate is not signed by a trusted key: real money needs that"
            return self._counted(Rejected(RejectReason.NOT_SENT, None, refused))
        return self._counted(await self._submit(order))

    def _counted(self, result: SubmitResult) -> SubmitResult:
        match result:
            case Accepted():
                self.submits["accepted"] += 1
            case Rejected():
                self.submits["rejected"] += 1
            case Unknown():
                self.submits["unknown"] += 1
        return result

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        """Cancel by our id, and if the venue does not know that, by its own id when given. Never raises.

        Whatever the result, the order's end and fills are learnt by a query (or the stream), never from here.
        """
        result = await self._cancel({"symbol": symbol, "clientOrderId": client_order_id})
        if order_id and result.kind in (CancelKind.NOT_FOUND, CancelKind.REFUSED):
            return await self._cancel({"symbol": symbol, "orderId": order_id})
        return result

    async def cancel_order_id(self, symbol: str, order_id: str) -> CancelResult:
        """Cancel an order that is not ours, by the venue's id. Never raises."""
        return await self._cancel({"symbol": symbol, "orderId": order_id})

    async def protect(self, stop: NewStop) -> SubmitResult:
        """Place a stop; it can only close. Never raises, and is never repeated: see ``stops`` for an unknown one."""
        return self._counted(await self._protect(stop))

    async def _protect(self, stop: NewStop) -> SubmitResult:
        try:
            fault = stop_fault(stop, self.contracts.get(stop.symbol))
            if fault is not None:
                return Rejected(RejectReason.NOT_SENT, None, fault)
            result = await self.rest.api.call(
                SUBMIT,
                stop_parameters(stop, self.mode),
                Call.SUBMIT,
                rank=Rank.CLOSING,
                send_by_ns=stop.send_by_ns,
                may_try_fallback=False,
            )
            return judged_stop(stop, result)
        except Exception as error:  # noqa: BLE001 - our own bug proves nothing about the stop
            return Unknown(UnknownReason.BUG, f"our own code raised {type(error).__name__}")

    async def close_whole(self, symbol: str, position_id: str) -> SubmitResult:
        """Close one whole position at market by the venue's id of it, whatever its size. Never raises.

        For what is too small for an order. It carries no client id, so even a yes is Unknown (UNNAMED): ask for the
        position until it says 0. It cannot flip, and asking again for a position that is gone is refused.
        """
        return self._counted(await self._close_whole(symbol, position_id))

    async def _close_whole(self, symbol: str, position_id: str) -> SubmitResult:
        try:
            parameters = {"positionId": position_id}
            result = await self.rest.api.call(CLOSE_POSITION, parameters, Call.SUBMIT, rank=Rank.CLOSING)
            judged = judged_failure(result)
            if judged is not None:
                return judged
            return Unknown(UnknownReason.UNNAMED, f"{symbol}: position `{position_id}` is being closed whole")
        except Exception as error:  # noqa: BLE001 - our own bug proves nothing about the order
            return Unknown(UnknownReason.BUG, f"our own code raised {type(error).__name__}")

    async def cancel_all(self, symbol: str) -> CancelAllResult:
        """Cancel every order of a symbol, conditional ones included. Never raises."""
        try:
            result = await self.rest.api.call(
                CANCEL_ALL, {"symbol": symbol}, Call.CANCEL, rank=Rank.CLOSING, may_try_fallback=True
            )
            if isinstance(result, Failure):
                return CancelAllResult(False, 0, 0, f"{result.kind.value}: {result.detail}")
            if not result.is_yes:
                return CancelAllResult(False, 0, 0, result.text)
            message = read_message(CancelAllMessage, result.data or {}, "cancel all")
            cancelled, failed = len(message.success or []), len(message.failed or [])
            return CancelAllResult(not failed, cancelled, failed, result.text)
        except MessageError as error:
            return CancelAllResult(False, 0, 0, str(error))
        except Exception as error:  # noqa: BLE001 - a cancel must not end the caller's loop, whatever our bug is
            return CancelAllResult(False, 0, 0, f"our own code raised {type(error).__name__}")

    async def _cancel(self, parameters: dict[str, str]) -> CancelResult:
        result = await self._cancel_once(parameters)
        self.cancels[result.kind] += 1
        return result

    async def _cancel_once(self, parameters: dict[str, str]) -> CancelResult:
        try:
            result = await self.rest.api.call(CANCEL, parameters, Call.CANCEL, rank=Rank.CLOSING, may_try_fallback=True)
            if isinstance(result, Failure):
                kind = CancelKind.THROTTLED if result.kind is FailureKind.THROTTLED else CancelKind.UNKNOWN
                return CancelResult(kind, None, f"{result.kind.value}: {result.detail}")
            if result.meaning is None:
                return CancelResult(CancelKind.REQUESTED, result.code, result.text, _echo(result.data))
            return CancelResult(_CANCEL_KINDS.get(result.meaning.klass, CancelKind.UNKNOWN), result.code, result.text)
        except Exception as error:  # noqa: BLE001 - a cancel must not end the caller's loop, whatever our bug is
            return CancelResult(CancelKind.UNKNOWN, None, f"our own code raised {type(error).__name__}")

    async def _submit(self, order: NewOrder) -> SubmitResult:
        try:
            fault = fault_of(order, self.contracts.get(order.symbol))
            if fault is not None:
                return Rejected(RejectReason.NOT_SENT, None, fault)
            if order.client_order_id in self._used_ids:
                # Not a rejection: the first one may be on the book.
                return Unknown(UnknownReason.ALREADY_SUBMITTED, f"`{order.client_order_id}` was submitted before")
            self._used_ids[order.client_order_id] = None
            if len(self._used_ids) > _REMEMBERED_IDS_MAX:
                self._used_ids.popitem(last=False)
            result = await self.rest.api.call(
                SUBMIT,
                order_parameters(order, self.mode),
                Call.SUBMIT,
                rank=Rank.CLOSING if order.reduce_only else Rank.OPENING,
                send_by_ns=order.send_by_ns,
                may_try_fallback=False,
            )
            return judged_submit(order, result)
        except Exception as error:  # noqa: BLE001 - our own bug proves nothing about the order
            return Unknown(UnknownReason.BUG, f"our own code raised {type(error).__name__}")


def _echo(data: object) -> OrderRow | None:
    members = as_object(data) or {}
    inner = members.get("order", data)
    try:
        return read_message(OrderMessage, inner, "cancel").to_row(Evidence.CANCEL_ECHO)
    except (MessageError, UnitsError):
        return None  # a hint only: nothing depends on it


_CANCEL_KINDS: Final = {
    ErrorClass.NOT_FOUND: CancelKind.NOT_FOUND,
    ErrorClass.ALREADY_DONE: CancelKind.ALREADY_DONE,
    ErrorClass.CANCEL_THROTTLED: CancelKind.THROTTLED,
    ErrorClass.RATE_LIMITED: CancelKind.THROTTLED,
    ErrorClass.RISK_BAN: CancelKind.THROTTLED,
    ErrorClass.DEFINITE_REJECT: CancelKind.REFUSED,
    ErrorClass.AUTH: CancelKind.REFUSED,
    ErrorClass.CLOCK: CancelKind.REFUSED,
}
