"""Requests are verified as the venue's document says, over the order received and the decoded values."""

import json

import httpx
import pytest

from dita.adapters.exchange.config import RequestRules
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.signed_request import RawRequest, read_parameters, verify_signature
from exchange_client import KEY, MS, ORDER, SECRET, START_NS, exchange, exchange_config, sign, signed_query

BALANCE = "/openApi/swap/v3/user/balance"
ORDER_SORTED = (
    "clientOrderID=t1-a0000001&positionSide=LONG&price=60000.5&quantity=0.0123&recvWindow=2000&side=BUY"
    "&symbol=BTC-USDT&timeInForce=GTC&timestamp=1760000000000&type=LIMIT"
)
STOP_LOSS = '{"type":"STOP_MARKET","stopPrice":58000.5,"workingType":"MARK_PRICE"}'
STOP_LOSS_ENCODED = (
    "%7B%22type%22%3A%22STOP_MARKET%22%2C%22stopPrice%22%3A58000.5%2C%22workingType%22%3A%22MARK_PRICE%22%7D"
)
# Text that was signed and the signature, computed outside of this project.
VECTORS = {
    "timestamp alone": (
        "timestamp=1760000000000",
        "2033781dba9d51c628f69c25759d031477418d99e8961f0fbf01bb80a00fe1bf",
    ),
    "sorted": (ORDER_SORTED, "812a4e895e4cfef0398d313c99d209551b2b039a11a0a4e11b4a790a5a7fb989"),
    "timestamp last": (
        (
            "clientOrderID=t1-a0000001&positionSide=LONG&price=60000.5&quantity=0.0123&recvWindow=2000&side=BUY"
            "&symbol=BTC-USDT&timeInForce=GTC&type=LIMIT&timestamp=1760000000000"
        ),
        "26ffc902902df1ae5896d392f788878b8145fab66fd4b6f60219158eecfe9391",
    ),
    "insertion order": (
        (
            "symbol=BTC-USDT&side=BUY&positionSide=LONG&type=LIMIT&quantity=0.0123&price=60000.5&timeInForce=GTC"
            "&clientOrderID=t1-a0000001&recvWindow=2000&timestamp=1760000000000"
        ),
        "b153c76e5e708ceadea4db754717dc6a89c6a9888f584002ac28bfefb3dfa3b4",
    ),
    "listen key": (
        "listenKey=LK0001&timestamp=1760000000000",
        "bc32e204483e8b3b4b68d57bcdfb1cd5c105f84e1b64ec9e2caaef7c516419e2",
    ),
    "cancel": (
        "clientOrderId=t1-a0000001&symbol=BTC-USDT&timestamp=1760000000000",
        "f027d0d433e7da258e25c7d60d578932db3e4372340abad39acfdef8a9b53011",
    ),
}


def verify(query: str, *, body: bytes = b"", content_type: str = "", secret: str = SECRET) -> None:
    request = RawRequest("POST", ORDER, query, content_type, body, KEY)
    verify_signature(read_parameters(request), secret, RequestRules())


def refusal(query: str, **rest: object) -> int:
    with pytest.raises(VenueError) as caught:
        verify(query, **rest)  # type: ignore[arg-type]  # the keywords of verify, passed through
    return caught.value.code


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors_verify(name: str) -> None:
    """Every vector that signs the text in the order sent is accepted as it stands."""
    text, signature = VECTORS[name]

    verify(f"{text}&signature={signature}")

    assert sign(text) == signature


def test_json_value_is_signed_decoded_and_sent_encoded() -> None:
    """A value with braces is signed as plain text and travels percent-encoded."""
    head = "positionSide=LONG&quantity=0.01&side=BUY&stopLoss="
    tail = "&symbol=BTC-USDT&type=MARKET&timestamp=1760000000000"
    right = "582eaa20a17eb667a6c4cc3eab06d4e0f422b5596b413a7d9f96fec2d8b4a7c6"
    wrong = "3cafd8662387fd6a7e6c21209f3475eff346dc79b18a4a8054e6e0c15c866f91"

    verify(f"{head}{STOP_LOSS_ENCODED}{tail}&signature={right}")

    assert sign(f"{head}{STOP_LOSS}{tail}") == right
    assert sign(f"{head}{STOP_LOSS_ENCODED}{tail}") == wrong
    assert refusal(f"{head}{STOP_LOSS_ENCODED}{tail}&signature={wrong}") == 100001


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (f"{ORDER_SORTED}&signature={VECTORS['insertion order'][1]}", 100001),
        (f"{ORDER_SORTED}&signature={VECTORS['sorted'][1].upper()}", 100001),
        (f"signature={VECTORS['sorted'][1]}&{ORDER_SORTED}", 100001),
        (f"{ORDER_SORTED.replace('0.0123', '0.0124')}&signature={VECTORS['sorted'][1]}", 100001),
        (f"{ORDER_SORTED}&signature=", 100412),
        (ORDER_SORTED, 100412),
        (f"{ORDER_SORTED}&signature=é", 100001),
    ],
    ids=["signed another order", "upper case", "signature first", "changed value", "empty", "missing", "not ascii"],
)
def test_wrong_signatures_are_refused(query: str, code: int) -> None:
    """The received order counts; case, place and every value matter."""
    assert refusal(query) == code


def test_signature_may_stand_anywhere_if_the_rules_say_so() -> None:
    """The rule that the signature is last can be switched off, for it is observed and not documented."""
    text, signature = VECTORS["sorted"]
    request = RawRequest("POST", ORDER, f"signature={signature}&{text}", "", b"", KEY)

    verify_signature(read_parameters(request), SECRET, RequestRules(signature_last=False))


def test_parameters_may_travel_in_a_body() -> None:
    """A form body is signed as it is, query and form without a separator, JSON as pairs in the order written."""
    text, signature = VECTORS["sorted"]
    form = "application/x-www-form-urlencoded"
    json_text = '{"symbol":"BTC-USDT","quantity":0.0100,"reduceOnly":true,"timestamp":1760000000000,"signature":"%s"}'
    json_signature = sign("symbol=BTC-USDT&quantity=0.0100&reduceOnly=true&timestamp=1760000000000")

    verify("", body=f"{text}&signature={signature}".encode(), content_type=form)
    verify("a=1", body=f"b=2&signature={sign('a=1b=2')}".encode(), content_type=form)
    verify("", body=(json_text % json_signature).encode(), content_type="application/json")

    assert refusal("a=1", body=f"b=2&signature={sign('a=1&b=2')}".encode(), content_type=form) == 100001


@pytest.mark.parametrize(
    ("query", "body", "content_type"),
    [
        ("a=1&a=2", b"", ""),
        ("&".join(f"p{number}=1" for number in range(101)), b"", ""),
        ("a=%ff", b"", ""),
        ("", b"\xff", "application/x-www-form-urlencoded"),
        ("", b"[1]", "application/json"),
        ("", b"{", "application/json"),
        ("", b"[" * 50_000, "application/json"),
        ("", b'{"a":{"b":1}}', "application/json"),
        ("", b"a=1", "text/plain"),
    ],
)
def test_malformed_requests_are_refused_by_name(query: str, body: bytes, content_type: str) -> None:
    """Twice-named, too many, undecodable, nested or foreign bodies end in 109400 and nowhere else."""
    assert refusal(query, body=body, content_type=content_type) == 109400


def test_plus_is_no_space() -> None:
    """A space that travels as `+` is not what was signed; as %20 it is."""
    signature = sign("note=a b&timestamp=1")

    verify(f"note=a%20b&timestamp=1&signature={signature}")

    assert refusal(f"note=a+b&timestamp=1&signature={signature}") == 100001


def test_secrets_stay_out_of_representations() -> None:
    """Neither the config nor a refusal shows a secret."""
    config = exchange_config()
    with pytest.raises(VenueError) as caught:
        verify(f"timestamp=1&signature={'0' * 64}")

    assert SECRET not in repr(config) + repr(caught.value) + str(caught.value)


async def test_wrongly_encoded_signature_is_refused_over_the_socket() -> None:
    """A client that signs the encoded text gets 100001, one that signs the plain text gets past verification."""
    async with exchange() as (_, client):
        names = f"stopLoss={STOP_LOSS_ENCODED}&symbol=BTC-USDT&timestamp={START_NS // MS}"
        plain = names.replace(STOP_LOSS_ENCODED, STOP_LOSS)

        wrong = (await client.http.post(f"{ORDER}?{names}&signature={sign(names)}")).json()
        right = (await client.http.post(f"{ORDER}?{names}&signature={sign(plain)}")).json()

        assert wrong["code"] == 100001
        assert right["code"] == 109400  # verified, and refused for its business: the side is missing


async def test_form_and_json_bodies_work_over_the_socket() -> None:
    """The order of a signed form body or JSON body is placed."""
    async with exchange() as (_, client):
        text = f"positionSide=LONG&quantity=0.01&side=BUY&symbol=BTC-USDT&timestamp={START_NS // MS}&type=MARKET"
        pairs = dict(pair.split("=") for pair in text.split("&"))

        form = await client.http.post(
            ORDER,
            content=f"{text}&signature={sign(text)}",
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        as_json = await client.http.post(
            ORDER,
            content=json.dumps({**pairs, "signature": sign(text)}),
            headers={"content-type": "application/json"},
        )

        assert [form.json()["code"], as_json.json()["code"]] == [0, 0]


async def test_keys_and_timestamps_are_checked_in_order() -> None:
    """No key, a foreign key, no signature, no timestamp and a text for a timestamp have their own codes."""
    async with exchange() as (server, client):
        now = str(START_NS // MS)
        async with httpx.AsyncClient(base_url=server.rest_url, trust_env=False) as keyless:
            assert (await keyless.get(f"{BALANCE}?{signed_query({'timestamp': now})}")).json()["code"] == 100413
            foreign = await keyless.get(f"{BALANCE}?timestamp={now}", headers={"X-BX-APIKEY": "other"})
            assert foreign.json()["code"] == 100413
        assert (await client.http.get(f"{BALANCE}?timestamp={now}")).json()["code"] == 100412
        assert (await client.http.get(f"{BALANCE}?{signed_query({})}")).json()["code"] == 109400
        assert (await client.http.get(f"{BALANCE}?{signed_query({'timestamp': 'soon'})}")).json()["code"] == 109400


@pytest.mark.parametrize(
    ("age_ms", "window", "accepted"),
    [
        (5000, None, True),
        (5001, None, False),
        (2000, 2000, True),
        (2001, 2000, False),
        (5001, 60_000, False),
        (4999, 0, True),
        (-1000, None, True),
        (-1001, None, False),
    ],
)
async def test_requests_outside_their_window_are_refused(age_ms: int, window: int | None, accepted: bool) -> None:
    """Age is compared with recvWindow, whose default and cap is 5000; 0 asks for the default; 1000 ahead is too far."""
    async with exchange() as (_, client):
        body = await client.call("GET", BALANCE, timestamp=START_NS // MS - age_ms, recvWindow=window)

        assert body["code"] == (0 if accepted else 109400)
        assert accepted or "timestamp" in body["msg"]


async def test_clock_code_and_skew_are_switches() -> None:
    """The gateway's older clock code can be asked for, and the exchange's clock can run ahead of everybody's."""
    skewed = exchange_config(requests=RequestRules(rate_limits=False, clock_skew_ms=6000))
    async with exchange(skewed) as (_, client):
        server_time = await client.http.get("/openApi/swap/v2/server/time")
        assert server_time.json()["data"]["serverTime"] == START_NS // MS + 6000
        assert await client.code("GET", BALANCE) == 109400


async def test_oversized_requests_are_refused() -> None:
    """Query and body are bounded before they are looked at."""
    async with exchange() as (_, client):
        long_query = await client.http.get(f"{BALANCE}?a={'x' * 20_000}")
        long_body = await client.http.post(ORDER, content=b"a=" + b"x" * 70_000)

        assert [long_query.status_code, long_body.status_code] == [414, 413]
