"""How often one may ask: per endpoint, per address, and what happens to those who go on."""

from dataclasses import replace
from typing import Any

from dita.adapters.exchange import RequestRules
from dita.adapters.exchange.limits import RequestBudget
from exchange_client import MS, ORDER, START_NS, SWAP, HandClock, exchange, exchange_config, variants

NOW_MS = START_NS // MS
TIME = f"{SWAP}/v2/server/time"


async def test_rate_limits_are_per_endpoint_and_second() -> None:
    """The eleventh submit of a second is 100410 and not placed; cancels have a budget of their own; headers count."""
    clock = HandClock()
    async with exchange(exchange_config(requests=RequestRules()), clock) as (server, client):
        replies = [await client.submit(quantity="0.001", clientOrderID=f"c{number}") for number in range(11)]
        cancel = await client.raw("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="c0")

        assert [reply["code"] for reply in replies] == [0] * 10 + [100410]
        assert server.report().orders_made == 10
        assert (cancel.json()["code"], cancel.headers["X-RateLimit-Requests-Remain"]) == (80018, "9")
        assert cancel.headers["X-RateLimit-Requests-Expire"] == "1000"
        clock.move_ms(1000)
        assert (await client.submit(clientOrderID="c10"))["code"] == 0


async def test_rate_limits_can_wear_http_429() -> None:
    """By switch the refusal travels with HTTP 429."""
    config = replace(variants(rate_limit="http429"), requests=RequestRules())
    async with exchange(config) as (_, client):
        replies = [await client.raw("GET", f"{SWAP}/v2/user/income") for _ in range(6)]

        assert [reply.status_code for reply in replies] == [200] * 5 + [429]
        assert replies[-1].json()["code"] == 100410


async def test_too_many_errors_pause_the_account() -> None:
    """After the configured number of refusals every call is 109429 with the time at which to come back."""
    clock = HandClock()
    rules = RequestRules(rate_limits=False, error_limit=3, error_pause_ms=60_000)
    async with exchange(exchange_config(requests=rules), clock) as (_, client):
        codes = [(await client.submit(quantity="9999"))["code"] for _ in range(3)]
        paused = await client.submit()
        clock.move_ms(60_000)

        assert codes == [101204] * 3
        assert paused["code"] == 109429
        assert f"can retry after time: {NOW_MS + 60_000}" in paused["msg"]
        assert (await client.submit())["code"] == 0


async def test_market_data_is_limited_per_address() -> None:
    """The call beyond the limit is 100410 until ten seconds of the exchange's clock are over; headers count down."""
    clock = HandClock()
    async with exchange(exchange_config(requests=RequestRules(public_limit=3)), clock) as (_, client):
        replies = [await client.http.get(TIME) for _ in range(4)]
        private = await client.submit()
        clock.move_ms(10_000)
        later = await client.http.get(TIME)

        assert [reply.json()["code"] for reply in replies] == [0, 0, 0, 100410]
        assert [reply.headers.get("X-RateLimit-Requests-Remain") for reply in replies] == ["2", "1", "0", None]
        assert replies[0].headers["X-RateLimit-Requests-Expire"] == "10000"
        assert (private["code"], later.json()["code"]) == (0, 0)


async def test_going_on_after_a_limit_bans_the_address() -> None:
    """Three refusals in ten seconds, and every call, also the private ones, is HTTP 418 until the pause is over."""
    clock = HandClock()
    rules = RequestRules(public_limit=1, ban_after=3, ban_pause_ms=60_000)
    config = replace(variants(rate_limit="http429"), requests=rules)
    async with exchange(config, clock) as (server, client):
        statuses = [(await client.http.get(TIME)).status_code for _ in range(5)]
        banned = await client.raw("POST", ORDER, symbol="BTC-USDT")
        clock.move_ms(59_999)
        still = await client.http.get(TIME)
        clock.move_ms(1)
        again = await client.http.get(TIME)

        assert statuses == [200, 429, 429, 429, 418]
        assert (banned.status_code, still.status_code, again.status_code) == (418, 418, 200)
        assert server.report().orders_made == 0


def test_budgets_are_bounded() -> None:
    """However many addresses and endpoints ask, no more than a thousand are remembered, the newest of them."""
    budget: Any = RequestBudget(RequestRules(public_limit=1))
    for number in range(3000):
        budget.spend_public(f"address {number}", START_NS)
        budget.spend("account", f"endpoint {number}", 1, START_NS)

    assert (len(budget._public), len(budget._windows)) == (1000, 1000)
    assert "address 2999" in budget._public
