"""One call and its judgement: clock, hosts, pauses, probes, and what counts as JSON."""

import asyncio
from decimal import Decimal

import pytest

from bingx_venue import Say, Seen, StepClock, StubVenue, connected, moving_clock, no, yes
from dita.adapters.bingx.endpoints import CANCEL
from dita.adapters.bingx.errors import Call, ErrorClass, NoReply, VenueRefused
from dita.adapters.bingx.json_text import DEPTH_MAX, JsonTextError, parse_json
from dita.adapters.bingx.limiter import Rank
from dita.spec.vocabulary import Side

MS = 10**6
SECOND = 10**9
SWAP = "/openApi/swap"
ORDER = f"{SWAP}/v2/trade/order"
POSITION = {
    "positionId": "1976209350456246300", "symbol": "BTC-USDT", "currency": "USDT", "positionAmt": "0.0123",
    "availableAmt": "0.0123", "positionSide": "LONG", "isolated": False, "avgPrice": "60000.5", "leverage": 20,
    "unrealizedProfit": "0.2", "onlyOnePosition": False, "updateTime": 1760000005000,
}  # fmt: skip
BALANCES = [
    {"userId": "1", "asset": "USDT", "balance": "1000.0000", "equity": "1000.5000", "unrealizedProfit": "0.5000",
     "availableMargin": "900.0000", "usedMargin": "100.0000", "freezedMargin": "0.0000"},
    {"userId": "1", "asset": "USDC", "balance": "", "equity": "", "availableMargin": "", "usedMargin": ""},
]  # fmt: skip


async def test_the_clock_offset_is_measured_and_used() -> None:
    """The venue runs 7 s ahead: the offset says so within its uncertainty, and the next timestamp is the venue's."""
    clock = StepClock(step_ns=20 * MS)
    async with StubVenue().serving() as venue:
        venue.clock_ns = lambda: clock.now_ns + 7 * SECOND
        venue.on("GET", f"{SWAP}/v2/user/positions", yes([]))
        async with connected(venue, clock) as rest:
            offset = await rest.sync_clock()
            await rest.positions()
            sent_ns = clock.now_ns
    assert abs(offset.offset_ns - 7 * SECOND) <= offset.uncertainty_ns
    stamped_ms = int(venue.requests("GET", f"{SWAP}/v2/user/positions")[0].parameters["timestamp"])
    assert abs(stamped_ms * MS - (sent_ns + 7 * SECOND)) < SECOND


async def test_callers_that_come_together_measure_the_clock_once() -> None:
    """Ten first calls at once: five samples in all, not five each; a later refresh is left to reads."""
    clock = StepClock(step_ns=100 * MS)
    async with StubVenue().serving() as venue:
        path = f"{SWAP}/v2/user/positions"
        venue.on("GET", path, yes([]))
        venue.on("DELETE", ORDER, no(80016, "order not exist"))
        async with connected(venue, clock) as rest:
            await asyncio.gather(*(rest.positions() for _ in range(10)))
            samples = venue.requests("GET", f"{SWAP}/v2/server/time")
            assert len(samples) == 5
            clock.now_ns += 1000 * SECOND
            await rest.api.call(CANCEL, {"symbol": "BTC-USDT"}, Call.CANCEL)
            assert len(venue.requests("GET", f"{SWAP}/v2/server/time")) == 5
            await rest.positions()
            assert len(venue.requests("GET", f"{SWAP}/v2/server/time")) == 10


async def test_a_clock_that_cannot_be_measured_delays_nobody_twice() -> None:
    """The server time call fails: callers go on with what they have, and the next attempt is seconds away."""
    async with StubVenue().serving() as venue:
        path = f"{SWAP}/v2/user/positions"
        venue.on("GET", path, yes([]))
        venue.on("GET", f"{SWAP}/v2/server/time", Say("", 500))
        async with connected(venue, StepClock(step_ns=MS)) as rest:
            await asyncio.gather(*(rest.positions() for _ in range(5)))
            assert len(venue.requests("GET", f"{SWAP}/v2/server/time")) == 1


async def test_a_clock_error_is_healed_by_measuring_again() -> None:
    """109400 `timestamp is invalid` on a read: the clock is measured and the read repeated, once."""
    async with StubVenue().serving() as venue:
        path = f"{SWAP}/v2/user/positions"
        venue.on("GET", path, no(109400, "timestamp is invalid"), yes([]))
        async with connected(venue, moving_clock()) as rest:
            await rest.sync_clock()
            before = len(venue.seen)
            assert await rest.positions() == ()
            assert len([seen for seen in venue.seen[before:] if seen.path.endswith("server/time")]) >= 1
        venue.on("GET", path, no(100421, "timestamp mismatch"))
        async with connected(venue, moving_clock()) as rest:
            with pytest.raises(VenueRefused) as caught:
                await rest.positions()
    assert caught.value.meaning.klass is ErrorClass.CLOCK
    assert len(venue.requests("GET", path)) == 4


async def test_a_read_is_repeated_on_the_other_host_only_when_unanswered() -> None:
    """A gateway error or a dead host sends a read to the fallback; a business answer, good or bad, does not."""
    path = f"{SWAP}/v2/user/positions"
    async with StubVenue().serving() as primary, StubVenue().serving() as other:
        other.on("GET", path, yes([POSITION]))
        primary.on("GET", path, Say("<html>", 502), no(80012), yes([]))
        async with connected(primary, moving_clock(), fallback=other.url) as rest:
            assert len(await rest.positions()) == 1
            with pytest.raises(VenueRefused):
                await rest.positions()
            assert await rest.positions() == ()
        assert len(other.requests("GET", path)) == 1
    assert all(seen.signature_holds for seen in other.seen if seen.query)


async def test_a_setting_is_not_repeated_on_the_other_host() -> None:
    """Only what is idempotent may go out twice."""
    path = f"{SWAP}/v2/trade/leverage"
    async with StubVenue().serving() as primary, StubVenue().serving() as other:
        primary.on("POST", path, Say("", 504))
        async with connected(primary, moving_clock(), fallback=other.url) as rest:
            with pytest.raises(VenueRefused):
                await rest.set_leverage("BTC-USDT", Side.LONG, 5)
        assert other.requests("POST", path) == []


async def test_a_rate_limit_pauses_the_endpoint_and_an_address_ban_pauses_all() -> None:
    """After 429 the same endpoint waits and others do not; after 418 nothing goes out."""
    clock = StepClock(step_ns=MS)
    async with StubVenue().serving() as venue:
        venue.on("GET", f"{SWAP}/v2/user/positions", Say("", 429))
        venue.on("GET", f"{SWAP}/v3/user/balance", yes(BALANCES), Say("", 418))
        async with connected(venue, clock) as rest:
            with pytest.raises(VenueRefused) as limited:
                await rest.positions()
            assert limited.value.meaning.klass is ErrorClass.RATE_LIMITED
            assert rest.api.transport.limiter.paused_until_ns("positions", Rank.CLOSING) >= clock.now_ns + SECOND - MS
            await rest.balance("USDT")
            with pytest.raises(VenueRefused):
                await rest.balance("USDT")
            count = len(venue.seen)
            with pytest.raises(NoReply, match="throttled"):
                await rest.leverage("BTC-USDT")
            assert len(venue.seen) == count


@pytest.mark.parametrize("refusal", [no(100001, "signature error"), no(109400, "recvWindow is invalid")])
async def test_the_receive_window_probe_falls_back_when_only_the_window_fails(refusal: Say) -> None:
    """If signed reads fail with recvWindow and work without, the venue's default is left in force, and W is widened."""
    path = f"{SWAP}/v1/positionSide/dual"

    def picky(seen: Seen) -> Say:
        return refusal if "recvWindow" in seen.parameters else yes({"dualSidePosition": "true"})

    async with StubVenue().serving() as venue:
        venue.on("GET", path, picky)
        async with connected(venue, moving_clock()) as rest:
            assert rest.api.transport.window_ns == 2 * SECOND
            assert not await rest.probe_receive_window()
            assert rest.api.transport.window_ns == 5 * SECOND
            await rest.position_mode()
        venue.on("GET", path, no(100001, "signature error"))
        async with connected(venue, moving_clock()) as rest:
            with pytest.raises(VenueRefused):
                await rest.probe_receive_window()
            assert rest.api.transport.send_recv_window


@pytest.mark.parametrize(
    ("answer", "refused"),
    [(no(109400, "timestamp is invalid"), True), (no(100421), True), (yes({"order": {}}), False), (no(101204), False)],
)
async def test_the_stale_timestamp_probe_sends_a_timestamp_beyond_the_window(answer: Say, refused: bool) -> None:
    """Only a clock error proves that the window is enforced; acceptance or any other refusal proves that it is not."""
    clock = moving_clock()
    async with StubVenue().serving() as venue:
        venue.on("POST", f"{ORDER}/test", answer)
        async with connected(venue, clock) as rest:
            assert await rest.stale_timestamp_is_refused({"symbol": "BTC-USDT"}) is refused
    stamped = int(venue.requests("POST", f"{ORDER}/test")[0].parameters["timestamp"])
    assert stamped * MS < clock.now_ns - 60 * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "nul", '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":1,"a":2}', "[" * 100_000,
        "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), '{"a":' + "9" * 5000 + "}", '{"a":0.' + "1" * 5000 + "}",
        b"\xff\xfe", '"\ud800'.encode("utf-8", "surrogatepass"), "{'a':1}", '{"a":1}{"b":2}',
    ],
)  # fmt: skip
def test_hostile_json_is_refused_and_nothing_else_happens(text: str | bytes) -> None:
    """Depth, digits, constants, repeated keys, encodings: one clear error type, no recursion, no float."""
    with pytest.raises(JsonTextError):
        parse_json(text)


def test_json_numbers_keep_every_digit() -> None:
    """Ids beyond 2^53 stay integers and decimals stay decimals."""
    assert parse_json('{"id":9007199254740993,"p":0.1}') == {"id": 9007199254740993, "p": Decimal("0.1")}
