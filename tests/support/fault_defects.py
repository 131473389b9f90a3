"""Defects of the fault suite: each takes one piece of the adapter's handling away, in this process, for one test."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from dita.adapters.bingx import account_stream, api, desk, errors, market_stream, messages, orders, websocket
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.api import Answer, Api
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.errors import ErrorClass, Meaning
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.orders import Accepted, CancelKind, CancelResult, NewOrder, Rejected, SubmitResult
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.stream_events import StreamRestored
from dita.adapters.bingx.transport import Failure, Timeouts, Transport
from dita.adapters.bingx.websocket import Socket
from dita.adapters.logic import orders as order_logic
from dita.adapters.logic import resolve
from dita.adapters.logic.orders import Snapshot
from dita.adapters.logic.resolve import Absent, Resolution
from dita.adapters.logic.rows import Evidence, OrderRow, OrderState
from dita.spec.vocabulary import RejectReason

Defect = Callable[[pytest.MonkeyPatch], None]


def silence_is_rejection(patch: pytest.MonkeyPatch) -> None:
    """No reply: taken for a rejection."""
    real = orders.judged_failure

    def judged(result: Answer | Failure) -> object:
        return Rejected(RejectReason.REFUSED, None, "") if isinstance(result, Failure) else real(result)

    patch.setattr(orders, "judged_failure", judged)


def anything_200_is_a_yes(patch: pytest.MonkeyPatch) -> None:
    """Status 200 without an error code: taken for an acceptance, as ccxt does."""
    real = orders.judged_submit

    def judged(order: NewOrder, result: Answer | Failure) -> SubmitResult:
        if isinstance(result, Answer) and result.reply.status == 200 and result.code in (None, "0"):
            return Accepted("", order.client_order_id, result.reply.timestamp_ms)
        return real(order, result)

    patch.setattr(desk, "judged_submit", judged)


def gateways_are_definite(patch: pytest.MonkeyPatch) -> None:
    """A 5xx: taken for a refusal."""
    rows = tuple(
        replace(row, klass=ErrorClass.DEFINITE_REJECT) if row.klass is ErrorClass.AMBIGUOUS else row
        for row in errors.STATUS_ROWS
    )
    patch.setattr(errors, "STATUS_ROWS", rows)


def every_code_is_definite(patch: pytest.MonkeyPatch) -> None:
    """Any error code: taken for a refusal."""
    patch.setattr(ErrorClass, "is_definite", property(lambda _: True))


def new_codes_are_definite(patch: pytest.MonkeyPatch) -> None:
    """A code in no table: taken for a refusal."""
    patch.setattr(errors, "_UNLISTED", Meaning(ErrorClass.DEFINITE_REJECT, listed=False))


def no_code_is_definite(patch: pytest.MonkeyPatch) -> None:
    """No error code: proves nothing."""
    patch.setattr(ErrorClass, "is_definite", property(lambda _: False))


def waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    """No time-outs."""
    real = Transport.__post_init__

    def patient(self: Transport) -> None:
        self.timeouts = Timeouts(read=1e6, total=1e6)
        real(self)

    patch.setattr(Transport, "__post_init__", patient)


def waits_for_every_byte(patch: pytest.MonkeyPatch) -> None:
    """No time-out of the whole exchange."""
    real = Transport.__post_init__

    def patient(self: Transport) -> None:
        self.timeouts = replace(self.timeouts, total=1e6)
        real(self)

    patch.setattr(Transport, "__post_init__", patient)


def no_client_id(patch: pytest.MonkeyPatch) -> None:
    """Orders without a name."""
    real = orders.order_parameters

    def nameless(order: NewOrder, mode: Any) -> dict[str, str]:
        return {name: value for name, value in real(order, mode).items() if name != "clientOrderID"}

    patch.setattr(desk, "order_parameters", nameless)


def ids_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The desk does not know what it has sent."""
    patch.setattr(desk, "_REMEMBERED_IDS_MAX", 0)


def never_pauses(patch: pytest.MonkeyPatch) -> None:
    """Whoever is told to wait goes on."""

    def never(**_: object) -> None:
        return

    patch.setattr(api, "pause_after", never)


def clock_is_never_doubted(patch: pytest.MonkeyPatch) -> None:
    """A refused timestamp is no reason to measure the clock."""
    real = Api._react  # pyright: ignore[reportPrivateUsage] - it is taken away

    def trusting(self: Api, *words: Any) -> None:
        real(self, *words)
        self.clock_doubted = False

    patch.setattr(Api, "_react", trusting)


def a_miss_is_absence(patch: pytest.MonkeyPatch) -> None:
    """`No such order`, once: taken for a proof."""

    def missed(at: Resolution) -> Absent:
        return Absent(at.case.deadline_ns, 0, at.checks)

    patch.setattr(resolve, "_missed", missed)


def partly_filled_is_over(patch: pytest.MonkeyPatch) -> None:
    """PARTIALLY_FILLED: taken for the end."""
    patch.setitem(messages.ORDER_STATES, "PARTIALLY_FILLED", OrderState.FILLED)


def everything_is_news(patch: pytest.MonkeyPatch) -> None:
    """What is old or known is let through, too."""

    def always(*_: object) -> bool:
        return True

    patch.setattr(Snapshot, "is_news_after", always)


def queries_prove_no_end(patch: pytest.MonkeyPatch) -> None:
    """Only the stream ends an order."""
    patch.setattr(order_logic, "_PROVES_END", frozenset({Evidence.STREAM}))


def echoes_prove_the_end(patch: pytest.MonkeyPatch) -> None:
    """The echo of a cancel ends an order."""
    patch.setattr(order_logic, "_PROVES_END", frozenset({Evidence.STREAM, Evidence.QUERY, Evidence.CANCEL_ECHO}))


def unanswered_cancels_are_done(patch: pytest.MonkeyPatch) -> None:
    """A cancel that is not answered, or with no code: taken for a yes."""
    real = OrderDesk._cancel_once  # pyright: ignore[reportPrivateUsage] - it is taken away

    async def hopeful(self: OrderDesk, parameters: dict[str, str]) -> CancelResult:
        result = await real(self, parameters)
        return replace(result, kind=CancelKind.REQUESTED) if result.kind is CancelKind.UNKNOWN else result

    patch.setattr(OrderDesk, "_cancel_once", hopeful)


def unanswered_queries_are_misses(patch: pytest.MonkeyPatch) -> None:
    """A query that is not answered: taken for `no such order`."""
    real = BingxRest._query  # pyright: ignore[reportPrivateUsage] - it is taken away

    async def hasty(self: BingxRest, parameters: dict[str, str], symbol: str) -> OrderRow | None:
        try:
            return await real(self, parameters, symbol)
        except errors.VenueError:
            return None

    patch.setattr(BingxRest, "_query", hasty)


def limits_say_nothing_of_cancels(patch: pytest.MonkeyPatch) -> None:
    """A cancel that comes too often: nobody knows what that means."""
    patch.delitem(desk._CANCEL_KINDS, ErrorClass.RATE_LIMITED)  # pyright: ignore[reportPrivateUsage] - it is taken away


def late_cancels_are_strange(patch: pytest.MonkeyPatch) -> None:
    """The table of cancels without `already done`."""
    rows = tuple(row for row in errors.CANCEL_ROWS if row.klass is not ErrorClass.ALREADY_DONE)
    patch.setattr(errors, "CANCEL_ROWS", rows)


def bad_frames_are_skipped(patch: pytest.MonkeyPatch) -> None:
    """What cannot be decoded is left out."""
    real = websocket.document_of

    def lenient(frame: str | bytes) -> object | None:
        try:
            return real(frame)
        except websocket.StreamEnded:
            return None

    patch.setattr(websocket, "document_of", lenient)


def bad_orders_are_skipped(patch: pytest.MonkeyPatch) -> None:
    """What cannot be read of an order is left out."""
    real = AccountStream._order_frame  # pyright: ignore[reportPrivateUsage] - it is taken away

    def lenient(self: AccountStream, body: object, time_ms: int) -> None:
        try:
            real(self, body, time_ms)
        except websocket.StreamEnded:
            return

    patch.setattr(AccountStream, "_order_frame", lenient)


def frames_are_unbounded(patch: pytest.MonkeyPatch) -> None:
    """Any length is taken in and unpacked."""
    patch.setattr(websocket, "_FRAME_BYTES_MAX", 1 << 30)
    patch.setattr(websocket, "_TEXT_BYTES_MAX", 1 << 30)


def gaps_are_not_told(patch: pytest.MonkeyPatch) -> None:
    """A stream that is live again says nothing."""
    real = AccountStream._push  # pyright: ignore[reportPrivateUsage] - it is taken away

    def discreet(self: AccountStream, event: Any) -> None:
        if not isinstance(event, StreamRestored):
            real(self, event)

    patch.setattr(AccountStream, "_push", discreet)


def silence_is_borne(patch: pytest.MonkeyPatch) -> None:
    """A socket that says nothing any more is kept."""
    real = websocket.open_socket

    def patient(url: SecretStr, now_ns: Callable[[], int], _: float) -> AbstractAsyncContextManager[Socket]:
        return real(url, now_ns, 1e6)

    for module in (account_stream, market_stream):
        patch.setattr(module, "open_socket", patient)


def expiry_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """The event listenKeyExpired is one of many."""
    real = as_object

    def blind(document: object) -> Mapping[str, object] | None:
        members = real(document)
        return None if members is not None and members.get("e") == "listenKeyExpired" else members

    patch.setattr(account_stream, "as_object", blind)


def topics_are_asked_for_once(patch: pytest.MonkeyPatch) -> None:
    """A new connection is not told what to send."""
    real = MarketStream._subscribe  # pyright: ignore[reportPrivateUsage] - it is taken away

    async def once(self: MarketStream, socket: Any) -> None:
        if self.sessions == 1:
            await real(self, socket)
        await asyncio.sleep(1e6)

    patch.setattr(MarketStream, "_subscribe", once)


def strangers_are_not_told(patch: pytest.MonkeyPatch) -> None:
    """Orders without a name of ours are none of our business."""
    real = AccountStream._order_frame  # pyright: ignore[reportPrivateUsage] - it is taken away

    def proud(self: AccountStream, body: Any, time_ms: int) -> None:
        if body["c"]:
            real(self, body, time_ms)

    patch.setattr(AccountStream, "_order_frame", proud)


def keys_are_asked_for_once(patch: pytest.MonkeyPatch) -> None:
    """A stream that gets no key gives up."""
    real = AccountStream._session  # pyright: ignore[reportPrivateUsage] - it is taken away

    async def resigned(self: AccountStream) -> None:
        if self.sessions > 1:
            await asyncio.sleep(1e6)
        await real(self)

    patch.setattr(AccountStream, "_session", resigned)


def no_reply_is_no_position(patch: pytest.MonkeyPatch) -> None:
    """A read that is not answered with a yes: taken for an empty list."""
    real = Api.read

    async def hopeful(self: Api, *words: Any, **more: Any) -> Answer:
        try:
            return await real(self, *words, **more)
        except errors.VenueError:
            return replace(await real(self, *words, **more), data=[])

    patch.setattr(Api, "read", hopeful)
