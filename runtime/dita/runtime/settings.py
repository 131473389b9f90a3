"""Every setting of the runtime, in one object, checked before anything starts; all errors are told together, by name.

A setting ``name`` is read from the environment variable ``DITA_NAME``; options of the command line win over it. Secrets
are not settings: they come from ``BINGX_API_KEY`` and ``BINGX_API_SECRET``, or from a file of mode 0600 that
``DITA_CREDENTIALS`` names.
"""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, HttpUrl, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dita.adapters.bingx.market_stream import DEPTHS
from dita.runtime.gates.boost import BOOST_MAX_PPM
from dita.runtime.gates.direction import AGAINST_PPM, TICKS
from dita.spec.certificate import Trust
from dita.spec.scales import MONEY_SCALE, NANOSECONDS_PER_MILLISECOND
from dita.spec.vocabulary import SLOTS

PREFIX: Final = "DITA_"
_SYMBOL_PATTERN: Final = r"^[A-Z0-9]{1,20}-[A-Z]{2,10}$"
Symbol = Annotated[str, Field(pattern=_SYMBOL_PATTERN)]
_DEAD_MAN_SECONDS_MIN: Final = 10
PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # Ed25519, hexadecimal
Milliseconds = Annotated[int, Field(ge=1, le=3_600_000)]
Member = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$")]  # host:port


class SettingsError(Exception):
    """One or more settings are wrong; ``problems`` names each by its variable, with the value and what is expected."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("settings:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...]]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.problems,)


class Settings(BaseSettings):
    """What an operator can choose. Amounts are exact decimals, ratios parts per million, times milliseconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    # --- what is traded, where
    exchange: HttpUrl | None = None  # None: an exchange simulator inside this process
    credentials: Path | None = None
    symbols: Annotated[tuple[Symbol, ...], NoDecode, Field(min_length=1, max_length=16)] = ("BTC-USDT", "ETH-USDT")
    source: Literal["generator", "recorded"] = "generator"
    recordings: Path | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    market: Literal["moves", "waits"] = "moves"  # waits: for our orders, and nothing goes wrong, as in a backtest

    # --- how
    policy: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] = "reversion"
    round_trips: Annotated[int, Field(ge=1, le=10_000_000)] = 100
    fraction_ppm: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000  # of capital for one trade, before leverage
    leverage_ppm: Annotated[int, Field(ge=1, le=125_000_000)] = 1_000_000  # of one trade
    leverage_max_ppm: Annotated[int, Field(ge=1, le=1_000_000_000)] = 3_000_000  # of all trades together
    slot_limit: Annotated[int, Field(ge=1, le=SLOTS)] = SLOTS
    mode: Literal["active", "reduce-only", "halted"] = "active"
    profile: Literal["paper", "live"] = "paper"  # live: the certificate must be signed by a trusted key
    trusted_keys: Annotated[
        tuple[PublicKey, ...], NoDecode, Field(max_length=16, validate_default=True)
    ] = ()  # as `dita keygen` prints them
    features: Path | None = None  # what is known of symbols besides their market, as JSON
    dust_usdt: Annotated[Decimal, Field(ge=0, le=1, decimal_places=8)] = Decimal(0)  # written off when flat
    seed_fallback_usdt: Annotated[Decimal | None, Field(gt=0, le=10_000_000_000, decimal_places=8)] = None
    fee_ratio_ppm: Annotated[int, Field(ge=1, le=4_000_000)] = 1_000_000  # what the account pays of the stated rates
    tolerance_usdt: Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=8)] = Decimal(0)

    # --- what keeps entries back (0: not used, but for ppm)
    quote_age_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 5000  # of the newest quote, since it arrived
    quote_lag_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 0  # of the event decided on, by the venue's clock
    daily_loss_max_usdt: Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=8)] = Decimal(0)
    daily_trades_max: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    loss_pause_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 0  # after the end of a losing trade
    direction_ticks: Annotated[int, Field(ge=0, le=1000)] = TICKS  # quotes to look back
    direction_against_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = AGAINST_PPM  # 75: 0.75 basis points
    book_levels: Annotated[int, Field(ge=0, le=100)] = 0  # of each side; the venue has 5, 10, 20, 50, 100
    book_window_ms: Annotated[int, Field(ge=0, le=60_000)] = 3000
    book_age_ms: Annotated[int, Field(ge=1, le=60_000)] = 3000
    book_share_min_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = 300_000  # of both sides, the entry's own
    boost_max_ppm: Annotated[int, Field(ge=1, le=BOOST_MAX_PPM)] = BOOST_MAX_PPM

    # --- how patient
    receive_window_ms: Annotated[int, Field(ge=1, le=5000)] = 2000
    send_within_ms: Milliseconds = 3000
    reply_within_ms: Milliseconds = 5000
    silence_ms: Milliseconds = 3000
    position_interval_ms: Milliseconds = 15_000
    wallet_interval_ms: Milliseconds = 15_000
    income_interval_ms: Milliseconds = 60_000
    wallet_age_ms: Annotated[int, Field(ge=1000, le=86_400_000)] = 600_000
    read_lag_ms: Annotated[int, Field(ge=0, le=60_000)] = 500
    stall_ms: Annotated[int, Field(ge=1000, le=3_600_000)] = 5000  # the loop does not run: say where it hangs
    stall_kill_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 60_000  # end the process then; 0: never
    stop_within_ms: Annotated[int, Field(ge=1000, le=600_000)] = 20_000  # the last stage of a stop, all together
    dead_man_seconds: Annotated[int, Field(ge=0, le=120)] = 60  # the venue cancels all orders then; 0: not used

    # --- where things are kept
    journal: Path = Path("out/journal.sqlite")
    certificate: Path = Path("out/certificate.json")
    out: Path = Path("out")
    log_format: Literal["text", "json"] = "text"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0  # on 127.0.0.1, for Prometheus; 0: none
    plane: Literal["off"] | Path = Path("/dev/shm")  # noqa: S108 - in memory, in a folder that only we enter; see places
    analytics: Annotated[str, Field(min_length=1)] = "out/analytics"  # a folder, or http[s]://[user@]host[:port][/name]
    hazelcast: Annotated[tuple[Member, ...], NoDecode, Field(max_length=16)] = ()  # members, for `dita relay`
    hazelcast_cluster: Annotated[str, Field(min_length=1, max_length=100)] = "dita"

    @field_validator("symbols", mode="before")
    @classmethod
    def _split_symbols(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().upper() for part in value.split(",") if part.strip())
        return value

    @field_validator("symbols")
    @classmethod
    def _different_symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a symbol is named twice")
        return value

    @field_validator("hazelcast", mode="before")
    @classmethod
    def _split_members(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_keys")
    @classmethod
    def _live_trusts_somebody(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("profile") == "live" and not value:
            raise ValueError("DITA_PROFILE=live needs a public key that `dita keygen` printed")
        return value

    @field_validator("dead_man_seconds")
    @classmethod
    def _as_the_venue_takes_it(cls, value: int) -> int:
        if 0 < value < _DEAD_MAN_SECONDS_MIN:
            raise ValueError(f"the venue takes {_DEAD_MAN_SECONDS_MIN} to 120 seconds; 0 does without the timer")
        return value

    @field_validator("book_levels")
    @classmethod
    def _levels_that_there_are(cls, value: int) -> int:
        if value not in DEPTHS:
            raise ValueError(
                f"the venue has topics of {', '.join(map(str, DEPTHS[1:]))} levels; 0 does without the book"
            )
        return value

    @property
    def trust(self) -> Trust:
        """Whose certificates are accepted."""
        return Trust(self.trusted_keys, signature_required=self.profile == "live")

    @property
    def tolerance(self) -> int:
        """Tolerated wallet difference, 1e-8 USDT."""
        return int(self.tolerance_usdt * MONEY_SCALE)

    @property
    def daily_loss_max(self) -> int:
        """What may be lost on a UTC day, 1e-8 USDT; 0: anything."""
        return int(self.daily_loss_max_usdt * MONEY_SCALE)

    @property
    def dust(self) -> int:
        """Largest wallet difference that is written off when flat and settled, 1e-8 USDT."""
        return int(self.dust_usdt * MONEY_SCALE)

    @property
    def seed_fallback(self) -> int | None:
        """What the wallet holds by the operator's word, 1e-8 USDT; None: not said."""
        return None if self.seed_fallback_usdt is None else int(self.seed_fallback_usdt * MONEY_SCALE)

    @property
    def read_lag_ns(self) -> int:
        """How long after an effect the venue's reads may still not show it, nanoseconds."""
        return self.read_lag_ms * NANOSECONDS_PER_MILLISECOND


PAPER_DEFAULTS: Final = {
    "read_lag_ms": 0,
    "silence_ms": 1000,
    "position_interval_ms": 5000,
    "send_within_ms": 1000,
    "dead_man_seconds": 0,
}
"""What is chosen otherwise when the exchange is inside this process: it neither lags nor
charges for requests, and ends with us."""


def for_paper(settings: Settings) -> Settings:
    """The settings of a session on an exchange of our own; what was chosen explicitly stays."""
    update = {name: value for name, value in PAPER_DEFAULTS.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=update)


def load_settings(environment: Mapping[str, str] | None = None, /, **options: Any) -> Settings:
    """Read the environment; ``options`` that are not None win. Raises SettingsError with every problem at once."""
    given = {name: value for name, value in options.items() if value is not None}
    variables = dict(os.environ if environment is None else environment)
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in variables.items()
        if name.startswith(PREFIX) and text != ""
    }
    try:
        # Handed over as arguments: pydantic-settings itself would overlook a misspelt variable.
        return _Explicit(**(values | given))
    except ValidationError as error:
        problems: dict[str, str] = {}
        for fault in error.errors():
            name = _shown_name(fault, given)
            problems.setdefault(name, _problem(name, fault))
        raise SettingsError(tuple(problems.values())) from None


class _Explicit(Settings):
    """The same settings, without any source but the arguments."""

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[Any, ...]:
        return (sources["init_settings"],)


def _shown_name(fault: Any, given: Mapping[str, object]) -> str:
    name = str(fault["loc"][0]) if fault["loc"] else "symbols"
    return f"--{name.replace('_', '-')}" if name in given else f"{PREFIX}{name.upper()}"


def _problem(name: str, fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return f"{name}: there is no such setting; check the spelling or remove it"
    return f"{name}: `{str(fault['input'])[:80]}` is refused: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
