"""The venue's leverage: what differs from the settings is set while flat, and else nothing is opened."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest

from dita.adapters.bingx.errors import ErrorClass, Meaning, NoReply, VenueRefused
from dita.adapters.bingx.rest import Leverage
from dita.kernel.loader import CertifiedKernel, RawKernel, installed_bindings, load_certified
from dita.runtime import session
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.connect import Connection
from dita.runtime.leverage import HOLD, LeverageKeeper, whole_leverage
from dita.runtime.paper import API_KEY, PaperExchange
from dita.runtime.session import SessionResult, run_session
from dita.runtime.settings import load_settings
from dita.runtime.simulation.ground import virtual_ground
from sample_certificate import written_certificate
from small_recording import write_recording

SYMBOLS = ("BTC-USDT", "ETH-USDT")
REFUSED = VenueRefused("set leverage", 200, "101201", "position too large", Meaning(ErrorClass.DEFINITE_REJECT))


@dataclass
class Venue:
    """Leverages by symbol, and what happens when one is set."""

    said: dict[str, Leverage]
    is_flat: bool = True
    has_effect: bool = True
    refuses: Exception | None = None
    down: bool = False
    calls: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    async def leverage(self, symbol: str) -> Leverage:
        """See ``Link``."""
        if self.down:
            raise NoReply("leverage", "nobody answers")
        return self.said[symbol]

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """See ``Link``."""
        self.calls.append((symbol, leverage))
        if self.refuses is not None:
            raise self.refuses
        if self.has_effect:
            self.said[symbol] = Leverage(leverage, leverage, 125, 125)

    async def flat(self, _: str) -> bool:
        """Of every symbol."""
        return self.is_flat


def venue(*leverages: tuple[int, int], most: int = 125) -> Venue:
    return Venue({symbol: Leverage(*sides, most, most) for symbol, sides in zip(SYMBOLS, leverages, strict=True)})


def keeper_of(at: Venue, leverage_ppm: int = 3_000_000) -> tuple[LeverageKeeper, set[str], Alerts]:
    held: set[str] = set()
    alerts = Alerts(lambda: 0)
    link = cast("Any", at)
    return LeverageKeeper(
        link, SYMBOLS, leverage_ppm, at.flat, alerts, hold=held.add, release=held.discard
    ), held, alerts  # fmt: skip


def test_the_venue_takes_whole_numbers_up() -> None:
    """Its margin must not be more than what sizing reckoned with."""
    assert [whole_leverage(ppm) for ppm in (1, 1_000_000, 1_000_001, 2_500_000, 125_000_000)] == [1, 1, 2, 3, 125]


async def test_what_is_right_is_left_alone() -> None:
    """No call but the readings, no alert, nothing held."""
    at = venue((3, 3), (3, 3))
    keeper, held, alerts = keeper_of(at)
    assert await keeper.check()
    assert (at.calls, held, keeper.problem, alerts.counts) == ([], set(), "", {})


async def test_what_differs_on_either_side_is_set() -> None:
    """Once each, and read again."""
    at = venue((3, 20), (20, 3))
    keeper, held, _ = keeper_of(at)
    assert await keeper.check()
    assert (at.calls, held, keeper.problem) == ([("BTC-USDT", 3), ("ETH-USDT", 3)], set(), "")
    assert await keeper.check()
    assert len(at.calls) == 2


async def test_under_a_position_it_waits_and_opens_nothing() -> None:
    """It is told; when the symbol is flat it is set without anybody asking, and trading goes on."""
    at = venue((3, 3), (20, 20))
    at.is_flat = False
    keeper, held, alerts = keeper_of(at)
    assert await keeper.check()
    assert (at.calls, held, keeper.problem) == ([], {HOLD}, "")
    assert "ETH-USDT has 20 at the venue, DITA_LEVERAGE_PPM asks for 3" in alerts.newest[-1].text
    at.is_flat = True
    with mock.patch("dita.runtime.leverage._AGAIN_SECONDS", 0.001):
        running = asyncio.create_task(keeper.run())
        await asyncio.sleep(0.05)
        running.cancel()
    assert (at.calls, held) == ([("ETH-USDT", 3)], set())


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ({"refuses": REFUSED}, "the venue refuses it: position too large"),
        ({"has_effect": False}, "after it was set the venue has 20"),
        ({"said": {symbol: Leverage(20, 20, 2, 2) for symbol in SYMBOLS}}, "the venue has at most 2: ask for less"),
    ],
)
async def test_what_cannot_be_set_is_a_problem(plant: dict[str, Any], says: str) -> None:
    """It names symbol, both numbers and the setting, and is not tried for ever."""
    at = venue((20, 20), (20, 20))
    for name, value in plant.items():
        setattr(at, name, value)
    keeper, held, alerts = keeper_of(at)
    assert await keeper.check()
    assert held == {HOLD}
    assert "BTC-USDT has 20 at the venue, DITA_LEVERAGE_PPM asks for 3" in keeper.problem
    assert says in keeper.problem
    assert alerts.counts[Alert.LEVERAGE] == 1


async def test_an_answer_that_does_not_come_is_waited_for() -> None:
    """The start asks again; nothing is taken for right meanwhile."""
    at = venue((20, 20), (20, 20))
    at.down = True
    keeper, _, alerts = keeper_of(at)
    assert not await keeper.check()
    assert alerts.counts == {Alert.READ_FAILED: 1}
    at.down = False
    assert await keeper.check()
    assert len(at.calls) == 2


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, raw_kernel: RawKernel) -> CertifiedKernel:
    """The image, with a certificate for tests."""
    folder = tmp_path_factory.mktemp("certificate")
    return load_certified(written_certificate(folder, installed_bindings(raw_kernel)))


def played(folder: Path, certified: CertifiedKernel, *, is_direct: bool = False) -> tuple[SessionResult, PaperExchange]:
    """A session of two trades, and its exchange, which begins with a leverage of 20."""
    made: list[PaperExchange] = []

    def make(*arguments: Any, **options: Any) -> PaperExchange:
        made.append(PaperExchange(*arguments, **options))
        return made[-1]

    recordings = write_recording(folder / "recordings", 60)
    settings = load_settings(
        {}, source="recorded", recordings=recordings, policy="coin", round_trips=2, out=folder / "out", market="waits",
        symbols="BTC-USDT", leverage_ppm=2_500_000,
    )  # fmt: skip
    with (
        mock.patch.object(session, "PaperExchange", make),
        virtual_ground(1, is_direct=is_direct) as (loop, ground),
    ):
        return loop.run_until_complete(run_session(settings, certified, mock.Mock(), ground=ground)), made[0]


@pytest.mark.parametrize("is_direct", [False, True])
def test_a_session_sets_it_at_the_exchange(tmp_path: Path, certified: CertifiedKernel, *, is_direct: bool) -> None:
    """Before anything is traded, on both sides, through the adapter and without it."""
    result, exchange = played(tmp_path, certified, is_direct=is_direct)
    account = exchange.server.venue.engine.accounts[API_KEY]
    assert result.problems == ()
    assert [account.leverage("BTC-USDT", side) for side in ("LONG", "SHORT")] == [3, 3]
    assert {order.leverage for order in account.orders.values()} == {3}


def test_a_session_whose_setting_is_lost_opens_nothing(tmp_path: Path, certified: CertifiedKernel) -> None:
    """Planted: the call that sets it never leaves. No order is sent, and the session says why."""
    with mock.patch.object(Connection, "set_leverage", mock.AsyncMock()):
        result, exchange = played(tmp_path, certified)
    assert exchange.server.venue.engine.accounts[API_KEY].orders_made == 0
    assert any("after it was set the venue has 20: nothing is opened" in problem for problem in result.problems)
