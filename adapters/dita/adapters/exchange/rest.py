"""The REST half: one request from bytes to reply, through verification, faults, budget and business, in that order."""

import contextlib
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.errors import (
    API_MISUSE,
    KEY_UNKNOWN,
    NO_PERMISSION,
    NO_SUCH_PATH,
    RATE_LIMITED,
    TIMESTAMP_TEXT,
    VenueError,
)
from dita.adapters.exchange.faults import (
    DelayAdmission,
    DelayReply,
    DripReply,
    FaultKind,
    LimitRate,
    LoseReply,
    LoseRequest,
    MisstateLength,
    Occasion,
    RefuseRequest,
    RepeatRequest,
    SpoilReply,
)
from dita.adapters.exchange.json_text import json_text
from dita.adapters.exchange.limits import too_many_errors
from dita.adapters.exchange.replies import GATEWAY_PAGE, JSON_TYPE, NoReply, RawReply, TornReply, refusal, success
from dita.adapters.exchange.rest_account import ACCOUNT_ROUTES
from dita.adapters.exchange.rest_batch import BATCH_ROUTES
from dita.adapters.exchange.rest_market import MARKET_ROUTES
from dita.adapters.exchange.rest_routes import Bare, Call, Route, Routes
from dita.adapters.exchange.rest_trade import TRADE_ROUTES
from dita.adapters.exchange.signed_request import (
    Parameters,
    RawRequest,
    read_parameters,
    receive_window_ms,
    timestamp_ms,
    verify_signature,
)
from dita.adapters.exchange.venue import Venue
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

ROUTES: Final[Routes] = {**MARKET_ROUTES, **TRADE_ROUTES, **BATCH_ROUTES, **ACCOUNT_ROUTES}
_PATHS: Final = frozenset(path for _, path in ROUTES)
_CLIENT_ID_SHOWN: Final = 64
HTTP_OK: Final = 200


class RestApi:
    """Answers every path under ``/openApi``."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._secrets = {account.api_key: account.secret for account in venue.config.accounts}

    async def answer(self, request: Request) -> Response:
        """One request to one reply. Business refusals travel with HTTP 200, as the venue does it."""
        self._venue.requests_served += 1
        headers: dict[str, str] = {}
        address = request.client.host if request.client is not None else ""
        try:
            self._venue.budget.check_ban(address, self._venue.now_ns())
            return await self._answer(request, headers, address)
        except VenueError as error:
            if error.code == RATE_LIMITED:
                self._venue.budget.count_refusal(address, self._venue.now_ns())
                if self._venue.config.wire.rate_limit == "http429" and error.status == HTTP_OK:
                    error.status = 429
            return Response(refusal(error), error.status, headers, JSON_TYPE)
        except ClientDisconnect:
            return NoReply("hang")

    async def _answer(self, request: Request, headers: dict[str, str], address: str) -> Response:
        raw = await self._read(request)
        route = _route(raw.method, raw.path)
        parameters = read_parameters(raw)
        stage = _Stage(self._venue, route.occasion, parameters)
        lost = stage.fire(LoseRequest)
        if lost is not None:
            return NoReply(lost.how)
        spoilt = stage.fire(SpoilReply)
        if spoilt is not None and not spoilt.accepted:
            return _spoil(spoilt)
        try:
            value = await self._judge(stage, route, raw, parameters, headers, address)
        except VenueError:
            if spoilt is None:
                raise
            value = None
        return await self._reply(stage, value, headers, spoilt)

    async def _judge(
        self,
        stage: "_Stage",
        route: Route,
        raw: RawRequest,
        parameters: Parameters,
        headers: dict[str, str],
        address: str,
    ) -> object:
        """What the request is answered. Raises ``VenueError``, and ClientDisconnect when the exchange has stopped."""
        # No await stands between entering and settling, except where a fault asks for one: nothing interleaves.
        now_ns = self._venue.enter()
        try:
            account = self._authenticate(route, raw, parameters)
            delay = stage.fire(DelayAdmission)
            if delay is not None:
                self._venue.settle()
                await self._venue.sleep_ms(delay.delay_ms)
                if self._venue.stopped:
                    raise ClientDisconnect
                now_ns = self._venue.enter()
                self._check_clock(parameters)
            call = Call(self._venue, parameters, now_ns, account, f"{raw.method} {raw.path}", address)
            value = self._carry_out(stage, route, call, headers)
            self._repeat(stage, route, raw, call)
            return value
        finally:
            self._venue.settle()

    def _repeat(self, stage: "_Stage", route: Route, raw: RawRequest, call: Call) -> None:
        """Receive the same request once more if the plan says so; what it answers goes nowhere."""
        again = stage.fire(RepeatRequest)
        if again is None:
            return

        def receive(due_ns: int) -> None:
            with contextlib.suppress(VenueError):
                account = self._authenticate(route, raw, call.parameters)
                second = Call(self._venue, call.parameters, due_ns, account, call.endpoint, call.address)
                self._carry_out(stage, route, second, {})

        self._venue.timers.at(call.now_ns + again.delay_ms * NANOSECONDS_PER_MILLISECOND, receive)
        self._venue.enter()

    def _carry_out(self, stage: "_Stage", route: Route, call: Call, headers: dict[str, str]) -> object:
        """Faults that refuse, then the budget, then the business."""
        account = call.known_account
        try:
            _refuse_by_plan(stage, call.now_ns)
            budget = self._venue.budget
            if account is not None:
                left = budget.spend(account.key, call.endpoint, route.per_second, call.now_ns)
            else:
                left = budget.spend_public(call.address, call.now_ns)
            headers["X-RateLimit-Requests-Remain"], headers["X-RateLimit-Requests-Expire"] = map(str, left)
            return route.handler(call)
        except VenueError:
            if account is not None:
                self._venue.budget.count_error(account.key, call.now_ns)
            raise

    async def _read(self, request: Request) -> RawRequest:
        rules, scope = self._venue.config.requests, request.scope
        query = scope["query_string"].decode("latin-1")
        if len(query) > rules.query_bytes_max:
            raise VenueError(API_MISUSE, f"the query is longer than {rules.query_bytes_max} bytes", 414)
        content_type = api_key = ""
        for name, value in scope["headers"]:
            if name == b"x-bx-apikey":
                api_key = value.decode("latin-1")
            elif name == b"content-type":
                content_type = value.decode("latin-1")
        body = b""
        if request.method != "GET":
            async for piece in request.stream():
                body += piece
                if len(body) > rules.body_bytes_max:
                    raise VenueError(API_MISUSE, f"the body is longer than {rules.body_bytes_max} bytes", 413)
        return RawRequest(request.method, scope["path"], query, content_type, body, api_key)

    def _authenticate(self, route: Route, raw: RawRequest, parameters: Parameters) -> Account | None:
        """Key, signature, clock, permission, in the documented order."""
        if route.security == "public":
            return None
        secret = self._secrets.get(raw.api_key)
        if secret is None:
            raise VenueError(KEY_UNKNOWN, "Incorrect apiKey" if raw.api_key else "Null apiKey cannot be empty")
        if route.security == "signed" or parameters.signature:
            rules = self._venue.config.requests
            if parameters.signature:
                timestamp_ms(parameters)  # a missing timestamp is told before a wrong signature
            verify_signature(parameters, secret, rules)
            self._check_clock(parameters)
        account = self._venue.engine.accounts[raw.api_key]
        if route.trades and not account.can_trade:
            raise VenueError(NO_PERMISSION, "Permission denied as the API key was created without the permission")
        return account

    def _check_clock(self, parameters: Parameters) -> None:
        rules = self._venue.config.requests
        age_ms = self._venue.told_ns() // NANOSECONDS_PER_MILLISECOND - timestamp_ms(parameters)
        if age_ms > receive_window_ms(parameters, rules) or age_ms < -rules.future_tolerance_ms:
            raise VenueError(int(self._venue.config.wire.clock_code), TIMESTAMP_TEXT)

    async def _reply(
        self, stage: "_Stage", value: object, headers: dict[str, str], spoilt: SpoilReply | None
    ) -> Response:
        if isinstance(value, Bare):
            text = "" if value.empty else json_text(value.value)
            response = Response(text, value.status, headers, JSON_TYPE)
        else:
            text = success(value)
            response = Response(text, 200, headers, JSON_TYPE)
        late = stage.fire(DelayReply)
        if late is not None:
            await self._venue.sleep_ms(late.delay_ms)
        lost = stage.fire(LoseReply)
        if lost is not None:
            return TornReply(text) if lost.how == "torn" else NoReply(lost.how)
        if spoilt is not None:
            return _spoil(spoilt)
        misstated = stage.fire(MisstateLength)
        if misstated is not None:
            return RawReply(text, length_off=misstated.by)
        dripping = stage.fire(DripReply)
        if dripping is not None:
            return RawReply(text, piece=dripping.bytes_each, pause=lambda: self._venue.sleep_ms(dripping.interval_ms))
        return response


class _Stage:
    """What the fault plan may know about one request."""

    __slots__ = ("_client_id", "_occasion", "_symbol", "_venue")

    def __init__(self, venue: Venue, occasion: Occasion, parameters: Parameters) -> None:
        self._venue = venue
        self._occasion: Occasion = occasion
        self._client_id = parameters.either("clientOrderID", "clientOrderId").lower()[:_CLIENT_ID_SHOWN]
        self._symbol = parameters.get("symbol")

    def fire(self, kind: type[FaultKind]) -> FaultKind | None:
        if not self._venue.faults.armed:
            return None
        now_ms = self._venue.now_ns() // NANOSECONDS_PER_MILLISECOND
        return self._venue.faults.fire(kind, self._occasion, now_ms, self._client_id, self._symbol)


def _route(method: str, path: str) -> Route:
    route = ROUTES.get((method, path))
    if route is not None:
        return route
    if path in _PATHS:
        raise VenueError(API_MISUSE, f"this method is not supported, {method} {path}")
    raise VenueError(NO_SUCH_PATH, f"this api does not exist, {path[:128]}", 404)


def _refuse_by_plan(stage: _Stage, now_ns: int) -> None:
    """Raise what the fault plan wants to be answered instead of the business."""
    limited = stage.fire(LimitRate)
    if limited is not None:
        if limited.how == "109429":
            raise too_many_errors(now_ns // NANOSECONDS_PER_MILLISECOND + limited.pause_ms)
        status = {"100410": 200, "http429": 429, "http418": 418, "http403": 403}[limited.how]
        raise VenueError(RATE_LIMITED, "rate limited: too many requests, reduce the frequency", status)
    refused = stage.fire(RefuseRequest)
    if refused is not None:
        raise VenueError(refused.code, refused.text, refused.status)


def _spoil(fault: SpoilReply) -> Response:
    if fault.body == "html":
        return Response(GATEWAY_PAGE, fault.status, media_type="text/html")
    if fault.body == "empty":
        return Response("", fault.status, media_type=JSON_TYPE)
    if fault.body == "object":
        return Response("{}", fault.status, media_type=JSON_TYPE)
    if fault.body == "empty_data":
        return Response('{"code":0,"msg":"","data":{}}', fault.status, media_type=JSON_TYPE)
    if fault.body == "no_code":
        return Response('{"success":true,"timestamp":0}', fault.status, media_type=JSON_TYPE)
    if fault.body == "null_data":
        return Response('{"code":0,"msg":"","data":null}', fault.status, media_type=JSON_TYPE)
    return Response(refusal(VenueError(fault.code, fault.text)), fault.status, media_type=JSON_TYPE)
