"""An exchange that speaks BingX's USDT-M perpetual protocol over real sockets: the default venue and the test venue.

It is written from the venue's documents and captures alone and shares nothing with the adapter, so that each is a
second opinion on the other. One loopback port carries REST (``/openApi/...``) and websocket (``/swap-market``).

    server = ExchangeServer(ExchangeConfig(accounts=(AccountConfig(api_key="k", secret="s"),)))
    await server.start()                      # server.port, server.rest_url, server.ws_url
    server.feed(BookTicker("BTC-USDT", ...))  # market data in; resting orders match, subscribers are told
    server.arm([SplitFills(parts=3)])         # something goes wrong, counted in server.report().faults_fired
    server.venue_record()                     # the exchange's own books, integers
    await server.stop()

``ExchangeServer(config, clock=time.time_ns)``: ``clock`` gives UTC nanoseconds. With a clock that the event loop does
not drive, call ``advance()`` after moving it. Also: ``fund``, ``transfer``, ``disarm``, ``cut_account_streams``,
``cut_market_streams``, ``report``.

Offered: MARKET, LIMIT (GTC, IOC, FOK, PostOnly), stop, take-profit and trigger orders; batches; hedge and one-way mode;
cross and isolated margin; funding, liquidation, deleveraging. Orders meet the fed best prices, never each other. Not
offered: trailing orders, stops inside another order, amendments.

Layers, each usable alone: ``Engine`` (matching, accounts; pure, integers, time passed in), ``Venue`` (clock, timers,
faults, streams), ``ExchangeServer`` (sockets). ``python -m dita.adapters.exchange --config J --port-file F`` runs it as
a process; ``GET /debug/record`` and ``/debug/report`` (off by default) show another process what this one has.
"""

from dita.adapters.exchange.config import (
    AccountConfig,
    Contract,
    ExchangeConfig,
    MatchingRules,
    RequestRules,
    Retention,
    StreamRules,
    WireVariants,
    config_from_json,
    faults_from_json,
)
from dita.adapters.exchange.faults import (
    AcceptDuplicate,
    CancelLosesToFill,
    CutStream,
    CutStreamsAt,
    DelayAdmission,
    DelayFrame,
    DelayReply,
    DeleverageAt,
    DripReply,
    DropFrame,
    DuplicateFrame,
    ExpireKey,
    ExpireKeysAt,
    Fault,
    FaultPlan,
    HideOrder,
    LimitRate,
    LoseReply,
    LoseRequest,
    MisstateLength,
    RefuseRequest,
    ReorderFrames,
    RepeatRequest,
    SplitFills,
    SpoilFrame,
    SpoilReply,
    StaleRead,
    StepClockAt,
    When,
)
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.record import AccountRecord, FillRecord, OrderRecord, PositionRecord, VenueRecord
from dita.adapters.exchange.server import ExchangeReport, ExchangeServer, Visit
from dita.adapters.exchange.venue import Venue

__all__ = [
    "AcceptDuplicate",
    "AccountConfig",
    "AccountRecord",
    "CancelLosesToFill",
    "Contract",
    "CutStream",
    "CutStreamsAt",
    "DelayAdmission",
    "DelayFrame",
    "DelayReply",
    "DeleverageAt",
    "DripReply",
    "DropFrame",
    "DuplicateFrame",
    "Engine",
    "ExchangeConfig",
    "ExchangeReport",
    "ExchangeServer",
    "ExpireKey",
    "ExpireKeysAt",
    "Fault",
    "FaultPlan",
    "FillRecord",
    "HideOrder",
    "LimitRate",
    "LoseReply",
    "LoseRequest",
    "MatchingRules",
    "MisstateLength",
    "OrderRecord",
    "PositionRecord",
    "RefuseRequest",
    "ReorderFrames",
    "RepeatRequest",
    "RequestRules",
    "Retention",
    "SplitFills",
    "SpoilFrame",
    "SpoilReply",
    "StaleRead",
    "StepClockAt",
    "StreamRules",
    "Venue",
    "VenueRecord",
    "Visit",
    "When",
    "WireVariants",
    "config_from_json",
    "faults_from_json",
]
