"""Signing: the published vectors, and that what is sent verifies by the venue's own algorithm."""

import hmac
from hashlib import sha256
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dita.adapters.bingx.signing import canonical_text, plain_query, sign, signed_query, wire_query

SECRET = "simSecret_0123456789abcdefSIM"
HIDDEN = SecretStr(SECRET)
ORDER = {
    "symbol": "BTC-USDT",
    "side": "BUY",
    "positionSide": "LONG",
    "type": "LIMIT",
    "quantity": "0.0123",
    "price": "60000.5",
    "timeInForce": "GTC",
    "clientOrderID": "t1-a0000001",
    "recvWindow": "2000",
    "timestamp": "1760000000000",
}
STOP_LOSS = '{"type":"STOP_MARKET","stopPrice":58000.5,"workingType":"MARK_PRICE"}'
JSON_TEXT = (
    f"positionSide=LONG&quantity=0.01&side=BUY&stopLoss={STOP_LOSS}&symbol=BTC-USDT&type=MARKET&timestamp=1760000000000"
)
JSON_SIGNATURE = "582eaa20a17eb667a6c4cc3eab06d4e0f422b5596b413a7d9f96fec2d8b4a7c6"

# (name, canonical text, signature); fictional credentials, computed with another tool.
VECTORS = [
    ("V1", "timestamp=1760000000000", "2033781dba9d51c628f69c25759d031477418d99e8961f0fbf01bb80a00fe1bf"),
    (
        "V2",
        (
            "clientOrderID=t1-a0000001&positionSide=LONG&price=60000.5&quantity=0.0123&recvWindow=2000&side=BUY"
            "&symbol=BTC-USDT&timeInForce=GTC&timestamp=1760000000000&type=LIMIT"
        ),
        "812a4e895e4cfef0398d313c99d209551b2b039a11a0a4e11b4a790a5a7fb989",
    ),
    (
        "V3",
        (
            "clientOrderID=t1-a0000001&positionSide=LONG&price=60000.5&quantity=0.0123&recvWindow=2000&side=BUY"
            "&symbol=BTC-USDT&timeInForce=GTC&type=LIMIT&timestamp=1760000000000"
        ),
        "26ffc902902df1ae5896d392f788878b8145fab66fd4b6f60219158eecfe9391",
    ),
    (
        "V4",
        (
            "symbol=BTC-USDT&side=BUY&positionSide=LONG&type=LIMIT&quantity=0.0123&price=60000.5&timeInForce=GTC"
            "&clientOrderID=t1-a0000001&recvWindow=2000&timestamp=1760000000000"
        ),
        "b153c76e5e708ceadea4db754717dc6a89c6a9888f584002ac28bfefb3dfa3b4",
    ),
    ("V5", JSON_TEXT, JSON_SIGNATURE),
    (
        "V6",
        "listenKey=LK0001&timestamp=1760000000000",
        "bc32e204483e8b3b4b68d57bcdfb1cd5c105f84e1b64ec9e2caaef7c516419e2",
    ),
    (
        "V7",
        "clientOrderId=t1-a0000001&symbol=BTC-USDT&timestamp=1760000000000",
        "f027d0d433e7da258e25c7d60d578932db3e4372340abad39acfdef8a9b53011",
    ),
]


@pytest.mark.parametrize(("name", "canonical", "signature"), VECTORS)
def test_every_vector_signs_to_its_signature(name: str, canonical: str, signature: str) -> None:
    """The HMAC is over the raw text, in whatever order it is given, as lower-case hexadecimal."""
    assert sign(HIDDEN, canonical) == signature


def test_parameters_are_sorted_by_their_ascii_names_timestamp_included() -> None:
    """V2 is what the adapter sends: every key in ASCII order, so that what is sent is what was signed."""
    assert canonical_text(ORDER) == VECTORS[1][1]
    assert signed_query(HIDDEN, ORDER) == f"{VECTORS[1][1]}&signature={VECTORS[1][2]}"


@pytest.mark.parametrize("index", [5, 6])
def test_the_listen_key_and_cancel_vectors_are_what_the_adapter_builds(index: int) -> None:
    """V6 and V7 are already in ASCII order: our canonical text is theirs."""
    _, canonical, signature = VECTORS[index]
    parameters = dict(part.split("=") for part in canonical.split("&"))
    assert signed_query(HIDDEN, dict(reversed(parameters.items()))) == f"{canonical}&signature={signature}"


def test_values_are_encoded_on_the_wire_after_the_raw_text_was_signed() -> None:
    """V5: the JSON value goes out percent-encoded, the signature is that of the raw text and comes last."""
    wire = wire_query(JSON_TEXT, sign(HIDDEN, JSON_TEXT))
    assert wire == (
        "positionSide=LONG&quantity=0.01&side=BUY&stopLoss=%7B%22type%22%3A%22STOP_MARKET%22%2C%22stopPrice%22%3A58000.5"
        "%2C%22workingType%22%3A%22MARK_PRICE%22%7D&symbol=BTC-USDT&type=MARKET&timestamp=1760000000000"
        f"&signature={JSON_SIGNATURE}"
    )


def test_signing_the_encoded_text_gives_the_documented_wrong_answer() -> None:
    """V5, the trap: the signature of the encoded text is another one, which the venue refuses with 100001."""
    encoded = wire_query(JSON_TEXT, "x").removesuffix("&signature=x")
    assert sign(HIDDEN, encoded) == "3cafd8662387fd6a7e6c21209f3475eff346dc79b18a4a8054e6e0c15c866f91"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"clientOrderID": "a&b"}, "clientOrderID"),
        ({"clientOrderID": "a=b"}, "clientOrderID"),
        ({"symbol": "BTC-USDT\n"}, "symbol"),
        ({"symbol": "BTC–USDT"}, "symbol"),
        ({"signature": "00"}, "signature"),
        ({"bad key": "1"}, "bad key"),
        ({"": "1"}, "parameter name"),
    ],
)
def test_what_the_signed_text_could_not_tell_apart_is_refused(parameters: dict[str, str], named: str) -> None:
    """A value with a separator, a control character or a name that is no name is refused, naming the parameter."""
    with pytest.raises(ValueError, match=named):
        canonical_text(parameters)


names = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789", min_size=1, max_size=8).filter(
    lambda name: name[0].isalpha() and name != "signature"
)
values = st.text([chr(code) for code in range(0x20, 0x7F) if chr(code) not in "&="], max_size=20)


@given(st.dictionaries(names, values, max_size=8))
def test_what_is_sent_verifies_by_the_venues_own_algorithm(parameters: dict[str, str]) -> None:
    """Decode each received value, join in received order without the signature, compare: it holds for any values."""
    received = [part.partition("=") for part in signed_query(HIDDEN, parameters).split("&")]
    assert received[-1][0] == "signature"
    joined = "&".join(f"{name}={unquote(value)}" for name, _, value in received[:-1])
    assert hmac.new(SECRET.encode(), joined.encode(), sha256).hexdigest() == received[-1][2]
    assert {name: unquote(value) for name, _, value in received[:-1]} == parameters


def test_public_calls_are_encoded_and_unsigned() -> None:
    """A public query carries its parameters and nothing that identifies us."""
    assert plain_query({"symbol": "BTC-USDT", "limit": "5"}) == "limit=5&symbol=BTC-USDT"
    assert plain_query({}) == ""
