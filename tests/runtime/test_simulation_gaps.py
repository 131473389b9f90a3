"""What the simulation makes of the exchange's access log: a gap of the account stream is owed until it was read."""

import pytest

from dita.adapters.exchange import Visit
from dita.runtime.simulation.gaps import Gaps

SECOND = 10**9
STREAM = "/swap-market"
FILLS = "/openApi/swap/v2/trade/fillHistory"
KEY = {"listenKey": "k"}


class Log:
    """An access log that is written by hand; ``process`` numbers the process that runs."""

    def __init__(self) -> None:
        self.process = 1
        self.gaps = Gaps(("BTC-USDT", "ETH-USDT"), lambda: self.process)

    def unread(self) -> list[str]:
        """What is owed now."""
        return list(self.gaps.unread)

    def opened(self, at: int) -> None:
        """A socket of the account at a second."""
        self.gaps.log(Visit(at * SECOND, STREAM, KEY, is_over=False))

    def ended(self, at: int) -> None:
        """The end of one."""
        self.gaps.log(Visit(at * SECOND, STREAM, KEY, is_over=True))

    def read(self, symbol: str, since: int) -> None:
        """A request for fills."""
        self.gaps.log(Visit(99 * SECOND, FILLS, {"symbol": symbol, "startTs": str(since * 1000)}, is_over=False))


def test_every_symbol_is_owed_from_the_end_of_the_last_socket_on() -> None:
    """What is read from later on does not count, nor what is read of another symbol."""
    log = Log()
    log.opened(1)
    log.ended(5)
    assert log.unread() == []
    log.opened(8)
    assert log.unread() == ["BTC-USDT", "ETH-USDT"]
    log.read("BTC-USDT", since=6)
    assert log.unread() == ["BTC-USDT", "ETH-USDT"]
    log.read("BTC-USDT", since=5)
    assert log.unread() == ["ETH-USDT"]
    log.read("ETH-USDT", since=2)
    assert log.unread() == []


def test_a_second_gap_does_not_forgive_the_first() -> None:
    """Whoever falls into a gap again before it has read owes from the first one on."""
    log = Log()
    log.opened(1)
    log.ended(5)
    log.opened(6)
    log.ended(10)
    log.opened(11)
    log.read("BTC-USDT", since=9)
    log.read("ETH-USDT", since=4)
    assert log.unread() == ["BTC-USDT"]


@pytest.mark.parametrize("overlapping", [True, False])
def test_a_socket_that_follows_before_the_end_leaves_no_gap(overlapping: bool) -> None:
    """A key is replaced with a second socket, heard before the first one ends; market sockets are not the account's."""
    log = Log()
    log.opened(1)
    if overlapping:
        log.opened(4)
        log.ended(5)
    else:
        log.gaps.log(Visit(4 * SECOND, STREAM, {}, is_over=False))
        log.gaps.log(Visit(5 * SECOND, STREAM, {}, is_over=True))
    assert log.unread() == []


def test_nobody_owes_for_a_dead_process() -> None:
    """Its gap is gone with it, and the first socket of the next one is no return."""
    log = Log()
    log.opened(1)
    log.ended(2)
    log.opened(3)
    assert log.unread()
    log.process = 2
    assert log.unread() == []
    log.ended(4)
    log.opened(5)  # an end that the exchange notices late is the new process's, as far as it can tell
    assert log.unread() == ["BTC-USDT", "ETH-USDT"]
    log.read("BTC-USDT", since=4)
    log.read("ETH-USDT", since=4)
    assert log.unread() == []
