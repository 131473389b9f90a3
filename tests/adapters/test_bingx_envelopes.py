"""What every message is wrapped in, with anything in any field: judged all the same, and never a reason to stop."""

import gc
import json
import weakref
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.api import Api, judge
from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.endpoints import DEMO
from dita.adapters.bingx.errors import Call
from dita.adapters.bingx.frames import OrderFrame
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.messages import MessageError, read_message
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.stream_events import AccountUpdate, OrderUpdate, StreamRestored, TopicRefused
from dita.adapters.bingx.transport import Reply, Transport
from dita.adapters.bingx.websocket import StreamEnded

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def some(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """Objects with any of these fields, and anything in them."""
    return st.dictionaries(st.sampled_from(names), ANYTHING)


def judged(body: object, status: int = 200) -> tuple[str | None, str, bool]:
    """Code, text, and whether it is a yes."""
    answer = judge(Reply(status, json.dumps(body).encode(), {}, 0, 0, 0), Call.SUBMIT)
    return answer.code, answer.text, answer.is_yes


@pytest.mark.parametrize(
    ("body", "code", "text", "is_yes"),
    [
        ({"code": 0, "msg": "", "data": {}}, "0", "", True),
        ({"code": "0"}, "0", "", True),
        ({"code": 101204, "msg": "Insufficient margin"}, "101204", "Insufficient margin", False),
        ({"code": "101204", "message": "the old form"}, "101204", "the old form", False),
        ({"code": 100001, "msg": "", "message": "the old form"}, "100001", "the old form", False),
        ({"success": True, "timestamp": 1}, None, "", False),
        ({"code": None}, None, "", False),
        ({"code": False}, None, "", False),
        ({"code": 0.0}, None, "", False),
        ({"code": []}, None, "", False),
        ({"code": ""}, None, "", False),
        ({"code": 0, "msg": 5}, "0", "", True),
        ({"code": 1, "msg": "x" * 2000}, "1", "…", False),
        ([{"code": 0}], None, "", False),
        ("code 0", None, "", False),
    ],
)
def test_what_an_envelope_says(body: object, code: str | None, text: str, is_yes: bool) -> None:
    """Code as number or text, both names of the message, long tokens left out; nothing else is a code, or a yes."""
    assert judged(body) == (code, text, is_yes)


@given(some("code", "msg", "message", "data", "success"), st.sampled_from([200, 201, 400, 404, 500]))
def test_an_envelope_with_anything_in_it_is_judged(body: dict[str, object], status: int) -> None:
    """No exception; a yes is code 0 with status 200, and nothing else."""
    assert judged(body, status)[2] is (
        status == 200 and body.get("code") in (0, "0") and type(body["code"]) in (int, str)
    )


def account_stream() -> AccountStream:
    """One that nobody has started."""
    return AccountStream(BingxRest(Api(Transport(None, SystemClock()), DEMO, Random(1))), {"BTC-USDT"}, Random(1))


@given(
    some("e", "E", "T", "o", "a", "code", "x")
    | st.fixed_dictionaries({"e": st.just("ACCOUNT_UPDATE"), "a": some("m", "B", "P")})
    | st.fixed_dictionaries({"e": st.just("ORDER_TRADE_UPDATE"), "T": ANYTHING, "o": ANYTHING})
)
def test_an_account_frame_with_anything_in_it_is_an_event_or_an_end(frame: dict[str, object]) -> None:
    """No exception of another kind, and that only of orders and error codes; what it becomes is whole."""
    stream = account_stream()
    ends: list[StreamEnded] = []
    try:
        stream.take(frame)
    except StreamEnded as ended:
        ends.append(ended)
    assert not ends or frame.get("e") == "ORDER_TRADE_UPDATE" or "code" in frame
    while (event := stream.poll()) is not None:
        assert isinstance(event, AccountUpdate | OrderUpdate)
        assert isinstance(event, OrderUpdate) or isinstance(event.reason, str)


@given(some("id", "code", "msg", "dataType", "data", "ts"))
def test_a_market_frame_with_anything_in_it_is_an_answer_or_left_out(frame: dict[str, object]) -> None:
    """No exception; only an answer to what was asked does anything."""
    stream = MarketStream("ws://127.0.0.1:9", ["BTC-USDT"], SystemClock(), Random(1), trades=False)
    stream.take(frame)
    answers = str(frame.get("id")) == "0" and type(frame.get("id")) in (int, str)
    while (event := stream.poll()) is not None:
        assert isinstance(event, TopicRefused | StreamRestored)
        assert answers


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        ({"id": "0", "code": 0, "msg": "", "dataType": "", "data": None}, StreamRestored),
        ({"code": 0, "id": "0", "msg": "SUCCESS", "timestamp": 1}, StreamRestored),
        ({"id": 0, "code": "0"}, StreamRestored),
        ({"id": "0", "code": 80015, "msg": "dataType not support"}, TopicRefused),
        ({"id": "0", "code": 80015, "msg": ["x"]}, TopicRefused),
        ({"id": "1", "code": 0}, None),
        ({"id": "", "code": 0}, None),
        ({"id": "0"}, None),
        ({"code": 0}, None),
        ({"id": "0", "code": None}, None),
    ],
)
def test_an_answer_to_a_subscription(answer: dict[str, object], event: type | None) -> None:
    """Both observed forms, with the id as it was given; without id or code it is none."""
    stream = MarketStream("ws://127.0.0.1:9", ["BTC-USDT"], SystemClock(), Random(1), trades=False)
    assert not stream.take(answer)
    told = stream.poll()
    assert told is None if event is None else isinstance(told, event)
    assert stream.ignored == (event is None)


class Owner:
    """Something that an error can be kept by."""

    error: MessageError


def kept_after_an_unreadable_message() -> bool:
    """Whether something lives on that holds the error and that the frame of the reading holds."""

    def read() -> weakref.ref[Owner]:
        owner = Owner()
        try:
            read_message(OrderFrame, {"i": [], "q": {}}, "order frame")
        except MessageError as error:
            owner.error = error
        return weakref.ref(owner)

    left = read()
    gc.collect()
    return left() is not None


def test_an_unreadable_message_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic's errors keep the frames they came through and the collector cannot see that: they must not be kept.

    The planted defect is the obvious way to write it.
    """
    assert not kept_after_an_unreadable_message()

    def obvious(model: type[OrderFrame], document: object, name: str) -> OrderFrame:
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise MessageError(f"{name}: {error.error_count()}") from None

    monkeypatch.setitem(globals(), "read_message", obvious)
    assert kept_after_an_unreadable_message()
