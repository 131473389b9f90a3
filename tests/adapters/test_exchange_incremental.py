"""incrDepth on the exchange: whoever applies the changes has the book that GET depth shows."""

from random import Random
from typing import Any

import pytest

from dita.adapters.exchange import MatchingRules
from exchange_client import SWAP, Client, HandClock, Stream, exchange, exchange_config, ticker

TOPIC = "BTC-USDT@incrDepth"
LADDER = exchange_config(matching=MatchingRules(liquidity="ladder", ladder_levels=8))
Book = dict[str, dict[str, str]]


def applied(book: Book, data: dict[str, Any], *, forgets: bool = True) -> Book:
    """The book after one frame. ``forgets`` False: the planted defect that levels of 0 stay."""
    after: Book = {}
    for side in ("bids", "asks"):
        levels = {} if data["action"] == "all" else dict(book[side])
        for price, quantity in data[side]:
            levels[price] = quantity
            if float(quantity) == 0 and forgets:
                del levels[price]
        after[side] = levels
    return after


async def shown(client: Client) -> Book:
    """The book as GET depth has it."""
    data = await client.data("GET", f"{SWAP}/v2/quote/depth", symbol="BTC-USDT", limit=20)
    return {side: {row[0]: row[1] for row in data[side]} for side in ("bids", "asks")}


async def frames(stream: Stream, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = await stream.next()
        assert frame["dataType"] == TOPIC
        found.append(frame["data"])
    return found


def steps(rng: Random, count: int) -> list[tuple[str, str, str]]:
    """Best bid, best ask and size, which move a few ticks at a time."""
    middle = 600_000
    found: list[tuple[str, str, str]] = []
    for _ in range(count):
        middle += rng.randint(-3, 3)
        found.append((f"{middle / 10:.1f}", f"{(middle + rng.randint(1, 3)) / 10:.1f}", str(rng.randint(1, 4))))
    return found


@pytest.mark.parametrize("forgets", [True, False])
async def test_the_changes_add_up_to_the_book(*, forgets: bool) -> None:
    """A whole book, then thirty changes numbered one by one; who keeps what is gone has another book in the end."""
    clock = HandClock()
    async with exchange(LADDER, clock) as (server, client), client.market_stream() as stream:
        await stream.send({"id": "1", "reqType": "sub", "dataType": TOPIC})
        assert (await stream.next())["code"] == 0
        (whole,) = await frames(stream, 1)
        assert whole["action"] == "all"
        assert whole["bids"] == sorted(whole["bids"], reverse=True)
        assert whole["asks"] == sorted(whole["asks"])
        book, number, gone = applied({}, whole), whole["lastUpdateId"], 0
        before: tuple[str, str, str] = ("60000.0", "60000.1", "1")
        for step in steps(Random(7), 30):
            clock.move_ms(200)
            server.feed(ticker(step[0], step[1], size=step[2]))
            if step == before:
                continue
            before = step
            (change,) = await frames(stream, 1)
            assert (change["action"], change["lastUpdateId"]) == ("update", number + 1)
            number += 1
            gone += sum(float(quantity) == 0 for side in ("bids", "asks") for _, quantity in change[side])
            book = applied(book, change, forgets=forgets)
        assert gone > 10
        assert (book == await shown(client)) is forgets


async def test_who_comes_later_gets_the_book_as_it_was_last_told() -> None:
    """Within the pace of the topic the second listener's book is the first one's, so that the next change fits both."""
    clock = HandClock()
    async with (
        exchange(LADDER, clock) as (server, client),
        client.market_stream(TOPIC) as first,
        client.market_stream() as second,
    ):
        clock.move_ms(200)
        server.feed(ticker("60001.0", "60001.1"))
        (told,) = await frames(first, 1)
        server.feed(ticker("60002.0", "60002.1"))  # too soon to be told
        await second.send({"id": "1", "reqType": "sub", "dataType": TOPIC})
        assert (await second.next())["code"] == 0
        (whole,) = await frames(second, 1)
        assert whole["lastUpdateId"] == told["lastUpdateId"]
        assert whole["bids"][0][0] == "60001.0"
        clock.move_ms(200)
        server.feed(ticker("60002.0", "60002.1"))
        changes = [*await frames(first, 1), *await frames(second, 1)]
        assert changes[0] == changes[1]
        assert applied(applied({}, whole), changes[1]) == await shown(client)


async def test_a_book_begins_with_the_market_and_nothing_is_told_twice() -> None:
    """Without a market there is no book; the first price brings all of it; the same prices again bring nothing."""
    clock = HandClock()
    async with exchange(LADDER, clock) as (server, client), client.market_stream() as stream:
        topic = "ETH-USDT@incrDepth"
        await stream.send({"id": "1", "reqType": "sub", "dataType": topic})
        assert (await stream.next())["code"] == 0
        for _ in range(3):
            clock.move_ms(200)
            server.feed(ticker("3000.00", "3000.01", symbol="ETH-USDT"))
        clock.move_ms(200)
        server.feed(ticker("3000.00", "3000.02", symbol="ETH-USDT"))
        first, second = await stream.next(), await stream.next()
        assert (first["data"]["action"], second["data"]["action"]) == ("all", "update")
        assert second["data"]["lastUpdateId"] == first["data"]["lastUpdateId"] + 1
        await stream.send({"id": "2", "reqType": "unsub", "dataType": topic})
        assert (await stream.next())["code"] == 0
        await stream.send({"id": "3", "reqType": "sub", "dataType": topic})
        assert (await stream.next())["code"] == 0
        assert (await stream.next())["data"]["action"] == "all"
