"""Reaching the account: what the venue refuses for a moment is asked again."""

import time
from random import Random

import pytest
from pydantic import SecretStr

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.exchange import RequestRules
from dita.runtime import connect as connecting
from dita.runtime.connect import Patience, StartError, connect, hosts_for
from exchange_client import KEY, SECRET, HandClock, exchange, exchange_config


class Running(HandClock):
    """A clock that goes."""

    def __call__(self) -> int:
        """The time, as the exchange asks for it."""
        return time.time_ns()


async def connected_again_and_again(count: int) -> None:
    """As processes that follow each other do: none knows what the ones before have asked."""
    async with exchange(exchange_config(requests=RequestRules(rate_limits=True)), Running()) as (server, _):
        for _ in range(count):
            connection = await connect(
                hosts_for(server.rest_url), Credentials(SecretStr(KEY), SecretStr(SECRET)), ["BTC-USDT"], SystemClock(),
                Random(1), Patience(),
            )  # fmt: skip
            await connection.aclose()


async def test_a_start_that_meets_the_rate_limit_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three starts in a row all reach the account; asked once only, one of them is refused."""
    await connected_again_and_again(3)

    monkeypatch.setattr(connecting, "_TRIES", 1)
    with pytest.raises(StartError, match="rate limit"):
        await connected_again_and_again(3)
