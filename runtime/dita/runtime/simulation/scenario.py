"""What a run is made of, drawn from its seed: how the machine trades, what the market does, what goes wrong when.

Each seed draws a swarm: a few of the declared kinds of fault, and each of those once to three times. Nothing here
happens; ``world`` makes it happen. The same seed draws the same scenario on every machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from dita.adapters.exchange import faults
from dita.runtime.simulation.loop import START_SECONDS, UTC_AT_ZERO_NS

SYMBOLS: Final = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT")
READ_LAG_MS: Final = 500  # what the runtime allows for; the exchange hides nothing for longer
_SAFETY_SECONDS: Final = (20.0, 60.0)
_TICKER_SECONDS: Final = (0.1, 0.2, 0.3)
_DEPTHS_USDT: Final = ((30, 400), (30, 400), (60, 800), (300, 4_000))  # our orders are of about a thousand
_KINDS_OF_A_SEED: Final = (2, 9)
_TIMES_OF_A_KIND: Final = 3
_REQUESTS: Final[tuple[faults.Request, ...]] = ("submit", "cancel", "query", "read", "listen_key", "any")
_MARGIN_IS_SHORT: Final = 101204
_KILLED_SECONDS: Final = 6.0
_CUTS: Final[tuple[faults.CutHow, ...]] = ("reset", "close", "half_close", "silent")
_SPOILED: Final[tuple[tuple[int, Literal["html", "empty", "object", "no_code", "null_data", "code"]], ...]] = (
    (504, "html"), (502, "html"), (500, "empty"), (200, "empty"), (200, "object"), (200, "no_code"),
    (200, "null_data"), (200, "code"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that the world does at a time (seconds after the beginning). ``seconds`` and ``number``: of what."""

    kind: str
    at: float
    seconds: float = 0.0
    number: int = 0
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong; its number names it when a run is shrunk."""

    number: int
    what: faults.Fault | Happening

    @property
    def kind(self) -> str:
        """Its declared kind."""
        return self.what.kind

    def __str__(self) -> str:
        return f"{self.number} {self.what}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run."""

    seed: int
    symbols: tuple[str, ...]
    hedge_mode: bool
    latency: tuple[float, float]  # seconds one way
    ticker_seconds: float
    depth_usdt: tuple[int, int]  # of a level of the book
    open_chance: int
    close_chance: int
    limit_chance: int  # one in so many entries waits in the book; 0: none
    safety_seconds: float
    troubles: tuple[Trouble, ...]
    point: int = 0  # of ``killed_at``; 0: as drawn

    def only(self, kept: Sequence[int]) -> "Scenario":
        """The same with these troubles only."""
        wanted = set(kept)
        return replace(self, troubles=tuple(one for one in self.troubles if one.number in wanted))

    def killed_at(self, point: int) -> "Scenario":
        """The same market with one kill alone: at that persistence point after the first second; both sides count."""
        killed = Happening("crash_at_point", 1.0, number=point)
        return replace(self, troubles=(Trouble(0, killed),), safety_seconds=_KILLED_SECONDS, point=point)

    def shorter(self, seconds: float) -> "Scenario":
        """The same with a shorter first phase."""
        return replace(self, safety_seconds=seconds)


_Drawing = Callable[[Random, float], faults.Fault | Happening]


def _when(rng: Random) -> faults.When:
    """The n-th occasion, or now and then."""
    if rng.random() < 0.5:
        return faults.When(nth=rng.randint(1, 12))
    return faults.When(every=rng.randint(2, 9), times=rng.randint(1, 5))


def _at_ms(rng: Random, span: float) -> int:
    return UTC_AT_ZERO_NS // 10**6 + round((START_SECONDS + 3.0 + rng.random() * (span - 3.0)) * 1000)


def _at(rng: Random, span: float) -> float:
    return round(1.0 + rng.random() * (span - 1.0), 3)


def _spoiled(rng: Random, _: float) -> faults.Fault:
    status, body = rng.choice(_SPOILED)
    return faults.SpoilReply(
        status=status,
        body=body,
        accepted=rng.random() < 0.5,
        when=_when(rng),
        on=rng.choice(_REQUESTS),
    )


EXCHANGE_KINDS: Final[dict[str, _Drawing]] = {
    "split_fills": lambda rng, _: faults.SplitFills(rng.randint(2, 6), rng.choice((0, 50, 700, 4000)), _when(rng)),
    "refuse_request": lambda rng, _: faults.RefuseRequest(
        rng.choice((_MARGIN_IS_SHORT, 101400, 80014, 101500, 100500)), when=_when(rng),
        on=rng.choice(("submit", "cancel", "query", "read")),
    ),
    "lose_request": lambda rng, _: faults.LoseRequest(
        rng.choice(("hang", "reset", "half_close")), _when(rng), rng.choice(_REQUESTS)
    ),
    "delay_admission": lambda rng, _: faults.DelayAdmission(rng.choice((100, 1500, 2500, 6000)), _when(rng)),
    "delay_reply": lambda rng, _: faults.DelayReply(rng.choice((100, 1500, 5000)), _when(rng), rng.choice(_REQUESTS)),
    "lose_reply": lambda rng, _: faults.LoseReply(
        rng.choice(("hang", "reset", "half_close", "torn")), _when(rng), rng.choice(_REQUESTS)
    ),
    "spoil_reply": _spoiled,
    "misstate_length": lambda rng, _: faults.MisstateLength(
        rng.choice((-7, -1, 1, 9)), _when(rng), rng.choice(_REQUESTS)
    ),
    "drip_reply": lambda rng, _: faults.DripReply(rng.choice((5, 30)), rng.choice((16, 64)), _when(rng)),
    "repeat_request": lambda rng, _: faults.RepeatRequest(rng.choice((0, 300, 2500)), _when(rng)),
    "limit_rate": lambda rng, _: faults.LimitRate(
        rng.choice(("100410", "http429", "109429", "http403")), 1000, _when(rng), rng.choice(_REQUESTS)
    ),
    "hide_order": lambda rng, _: faults.HideOrder(rng.choice((50, 200, READ_LAG_MS)), _when(rng)),
    "stale_read": lambda rng, _: faults.StaleRead(rng.choice((50, 200, READ_LAG_MS)), _when(rng)),
    "cancel_loses_to_fill": lambda rng, _: faults.CancelLosesToFill(_when(rng)),
    "drop_frame": lambda rng, _: faults.DropFrame(rng.choice(("", "ORDER_TRADE_UPDATE")), _when(rng)),
    "duplicate_frame": lambda rng, _: faults.DuplicateFrame(rng.choice(("", "ORDER_TRADE_UPDATE")), _when(rng)),
    "delay_frame": lambda rng, _: faults.DelayFrame(rng.choice((50, 900, 5000)), "ORDER_TRADE_UPDATE", _when(rng)),
    "reorder_frames": lambda rng, _: faults.ReorderFrames(rng.randint(2, 4), 1500, "ORDER_TRADE_UPDATE", _when(rng)),
    "spoil_frame": lambda rng, _: faults.SpoilFrame(
        rng.choice(("garbage", "torn", "not_json", "wrong_types", "unknown_values")), instead=rng.random() < 0.5,
        when=_when(rng),
    ),
    "cut_stream": lambda rng, _: faults.CutStream("ORDER_TRADE_UPDATE", _when(rng), rng.choice(_CUTS)),
    "expire_key": lambda rng, _: faults.ExpireKey(rng.random() < 0.5, "ORDER_TRADE_UPDATE", _when(rng)),
    "expire_keys_at": lambda rng, span: faults.ExpireKeysAt(_at_ms(rng, span), rng.random() < 0.5),
    "cut_streams_at": lambda rng, span: faults.CutStreamsAt(
        _at_ms(rng, span), rng.choice(("account", "market", "all")), how=rng.choice(_CUTS)
    ),
    "step_clock_at": lambda rng, span: faults.StepClockAt(_at_ms(rng, span), rng.choice((-1500, -200, 300, 2500))),
    "deleverage_at": lambda rng, span: faults.DeleverageAt(
        _at_ms(rng, span), rng.choice(SYMBOLS[:2]), rng.choice((300_000, 1_000_000))
    ),
}  # fmt: skip
"""Kinds that the exchange simulator makes happen."""

NOT_ASSUMED: Final = {"accept_duplicate": "client-id-once"}
"""Kinds that are left out, and the assumption (``dita.spec.assumptions``) that a venue which does so breaks."""

WORLD_KINDS: Final[dict[str, _Drawing]] = {
    "crash": lambda rng, span: Happening("crash", _at(rng, span)),
    "crash_at_point": lambda rng, span: Happening("crash_at_point", _at(rng, span), number=rng.randint(1, 40)),
    "torn_write": lambda rng, span: Happening("torn_write", _at(rng, span), number=rng.randint(1, 20)),
    "power_loss": lambda rng, span: Happening("power_loss", _at(rng, span), number=rng.randint(1, 40)),
    "disk_full": lambda rng, span: Happening("disk_full", _at(rng, span), rng.uniform(2, 15)),
    "slow_disk": lambda rng, span: Happening("slow_disk", _at(rng, span), rng.uniform(3, 15)),
    "failed_write": lambda rng, span: Happening("failed_write", _at(rng, span), number=rng.randint(1, 20)),
    "failed_flush": lambda rng, span: Happening("failed_flush", _at(rng, span), number=rng.randint(1, 10)),
    "restart": lambda rng, span: Happening("restart", _at(rng, span)),
    "clock_step": lambda rng, span: Happening("clock_step", _at(rng, span), rng.choice((-3.0, -0.4, 0.7, 20.0))),
    "pause": lambda rng, span: Happening("pause", _at(rng, span), rng.choice((0.5, 3.0, 12.0, 40.0))),
    "operator_halt": lambda rng, span: Happening("operator_halt", _at(rng, span), rng.uniform(3, 15)),
    "operator_reduce_only": lambda rng, span: Happening("operator_reduce_only", _at(rng, span), rng.uniform(3, 15)),
    "operator_flatten": lambda rng, span: Happening("operator_flatten", _at(rng, span), rng.uniform(1, 8)),
    "hand_close": lambda rng, span: Happening("hand_close", _at(rng, span), number=rng.choice((300_000, 1_000_000))),
    "hand_cancel": lambda rng, span: Happening("hand_cancel", _at(rng, span)),
    "transfer": lambda rng, span: Happening(
        "transfer", _at(rng, span), number=rng.choice((-1, 1)) * rng.randint(1, 10**10)
    ),
    "funding": lambda rng, span: Happening(
        "funding", _at(rng, span), number=rng.randint(-400_000, 400_000), symbol=rng.choice(SYMBOLS[:2])
    ),
    "dark_network": lambda rng, span: Happening("dark_network", _at(rng, span), rng.choice((0.3, 2.0, 9.0))),
    "reset_network": lambda rng, span: Happening("reset_network", _at(rng, span)),
    "refused_connections": lambda rng, span: Happening("refused_connections", _at(rng, span), rng.uniform(0.5, 8)),
    "fragments": lambda rng, span: Happening("fragments", _at(rng, span), rng.uniform(5, 30)),
    "slow_network": lambda rng, span: Happening("slow_network", _at(rng, span), rng.uniform(3, 15)),
}
"""Kinds that the world around makes happen: to the machine, its disk, its network, and by people."""

DISK_KINDS: Final = frozenset(
    ("crash_at_point", "torn_write", "power_loss", "disk_full", "slow_disk", "failed_write", "failed_flush")
)
"""Kinds of the world that need a simulated disk."""

FAULT_KINDS: Final[dict[str, _Drawing]] = {**EXCHANGE_KINDS, **WORLD_KINDS}
"""Every declared kind of fault."""


def draw_scenario(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = Random(f"scenario {seed}")
    span = round(rng.uniform(*_SAFETY_SECONDS), 3)
    symbols = SYMBOLS[: rng.randint(2, len(SYMBOLS))]
    kinds = rng.sample(list(FAULT_KINDS), rng.randint(*_KINDS_OF_A_SEED))
    drawn = [FAULT_KINDS[kind](rng, span) for kind in kinds for _ in range(rng.randint(1, _TIMES_OF_A_KIND))]
    low = rng.choice((0.001, 0.01, 0.05))
    return Scenario(
        seed=seed,
        symbols=symbols,
        hedge_mode=rng.random() < 0.5,
        latency=(low, low * rng.uniform(1, 4)),
        ticker_seconds=rng.choice(_TICKER_SECONDS),
        depth_usdt=rng.choice(_DEPTHS_USDT),
        open_chance=rng.randint(1, 2),
        close_chance=rng.randint(1, 2),
        limit_chance=rng.choice((0, 2, 4)),
        safety_seconds=span,
        troubles=tuple(Trouble(number, what) for number, what in enumerate(drawn)),
    )


def soak_scenario(seed: int, seconds: float, begins: float) -> Scenario:
    """Of one round of a soak: a steady market, and two thirds of the kinds that need no simulated disk.

    ``begins``: when, in seconds since the loop's beginning.
    """
    rng = Random(f"soak {seed}")
    kinds = [kind for kind in FAULT_KINDS if kind not in DISK_KINDS]
    kinds = rng.sample(kinds, 2 * len(kinds) // 3)
    drawn = [FAULT_KINDS[kind](rng, seconds) for kind in kinds for _ in range(rng.randint(1, _TIMES_OF_A_KIND))]
    later_ms = round(begins * 1000)
    timed = [
        replace(what, at_ms=what.at_ms + later_ms) if isinstance(what, faults.TimedFault) else what for what in drawn
    ]
    return Scenario(
        seed=seed,
        symbols=SYMBOLS,
        hedge_mode=True,
        latency=(0.01, 0.03),
        ticker_seconds=0.5,
        depth_usdt=_DEPTHS_USDT[0],
        open_chance=1,
        close_chance=2,
        limit_chance=4,
        safety_seconds=seconds,
        troubles=tuple(Trouble(number, what) for number, what in enumerate(timed)),
    )
