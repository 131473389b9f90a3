"""One REST call as data, and the table type that maps paths to the functions that carry them out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.errors import API_MISUSE, VenueError
from dita.adapters.exchange.faults import Occasion
from dita.adapters.exchange.signed_request import Parameters
from dita.adapters.exchange.venue import Venue
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND


@dataclass(frozen=True, slots=True)
class Bare:
    """A reply that does not wear the usual envelope: its own status and JSON value, or no body at all."""

    value: object
    status: int = 200
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets. ``account`` is only there for routes that need a key."""

    venue: Venue
    parameters: Parameters
    now_ns: int
    known_account: Account | None
    endpoint: str = ""  # method and path, what a request budget is for
    address: str = ""  # where the call comes from

    @property
    def account(self) -> Account:
        """The caller's account; raises when the route has none."""
        if self.known_account is None:
            raise VenueError(API_MISUSE, "this call needs an api key")
        return self.known_account

    @property
    def now_ms(self) -> int:
        """The exchange's time in UTC milliseconds."""
        return self.now_ns // NANOSECONDS_PER_MILLISECOND


Handler = Callable[[Call], object]
Security = Literal["public", "key", "signed"]


@dataclass(frozen=True, slots=True)
class Route:
    """A call: who may make it, how often a second, and as which occasion the fault plan sees it."""

    handler: Handler
    per_second: int
    security: Security = "signed"
    occasion: Occasion = "read"
    trades: bool = False  # refused with 100004 for keys that may not trade


Routes = dict[tuple[str, str], Route]
SWAP = "/openApi/swap"
