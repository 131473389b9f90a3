"""The log of a session: one line a record and a change of state, in both forms, and no secret in any shape."""

import base64
import json
import logging
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.runtime import logs
from dita.runtime.logs import BoundedQueueHandler, logging_to
from dita.runtime.redaction import REDACTED, Redactor
from dita.runtime.state_log import StateLog
from dita.spec import inputs
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import Mode, Side
from runtime_parts import PRICE, opened
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually

KEY = "uK7vQ2mNx9Lr4TzB8wYdE1aHs6JfC3gPq5Rt0VbXnMoZiSyWkDcGhUjFeAlTrNvQ"
SECRET = "s3cr/et+With=Odd'Signs\"And\\Slash%And&Äöü-0123456789abcdef"
SHAPES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in lower case": str.lower,
    "in upper case": str.upper,
    "for a URL": lambda text: quote(text, safe=""),
    "for a form": quote_plus,
    "every byte for a URL": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps({"x": text}),
    "repr": repr,
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one byte": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64 behind two bytes": lambda text: base64.b64encode(b"ab" + text.encode() + b"c").decode(),
    "base64 for a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "its first half": lambda text: text[: len(text) // 2],
    "its last half": lambda text: text[len(text) // 2 :],
    "in a query": lambda text: f"GET /x?apiKey={quote(text)}&n=1",
    "in a header": lambda text: f"{{'X-BX-APIKEY': '{text}'}}",
    "in a tuple": lambda text: str(("a", text, 1)),
}


def hiding(*secrets: str) -> Redactor:
    made = Redactor()
    for secret in secrets:
        made.hide(secret)
    return made


def leaks(text: str, secret: str) -> bool:
    """Whether any sixteen characters of a secret, in any of the shapes, stand in the text."""
    lower = text.lower()
    written = [shape(secret).lower() for name, shape in SHAPES.items() if " in " not in name and name[:3] != "in "]
    return any(one[at : at + 16] in lower for one in written for at in range(len(one) - 15))


@pytest.mark.parametrize("secret", [KEY, SECRET.replace("Äöü", "")], ids=["key", "odd signs"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_in_any_shape_is_taken_out(shape: str, secret: str) -> None:
    """And what stands around it is left."""
    line = f"before {SHAPES[shape](secret)} behind"
    shown = hiding(secret)(line)
    assert REDACTED in shown
    assert not leaks(shown.replace(REDACTED, ""), secret)
    assert shown.startswith("before ")
    assert shown.endswith(" behind")
    assert leaks(line, secret)


@given(st.text(max_size=200))
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    """Whatever it is."""
    assert hiding(KEY, SECRET)(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "signature=0f1e2d3c4b5a69788796a5b4c3d2e1f0", '{"listenKey": "a8ea75681542e66f1a50a1616dd06ed7"}',
        "X-BX-APIKEY: abcdefgh12345678", "secretKey='0123456789abcdef'",
    ],
)  # fmt: skip
def test_what_is_named_as_a_secret_is_taken_out_whoevers_it_is(text: str) -> None:
    """A signature or a listen key that nobody has told of."""
    shown = Redactor()(text)
    assert REDACTED in shown
    assert not any(word in shown for word in ("0f1e2d3c", "a8ea7568", "abcdefgh", "01234567"))


def written(folder: Path, form: Literal["text", "json"], work: Callable[[logging.Logger], None]) -> list[str]:
    """The lines of the log after something was logged."""
    with logging_to(folder, form) as path:
        work(logging.getLogger("dita.test"))
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_reaches_the_log_by_message_argument_or_traceback(
    tmp_path: Path, form: Literal["text", "json"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each, however many lines the record had; and planted: without redaction the same check is red."""

    def work(log: logging.Logger) -> None:
        log.warning("key %s", KEY)
        log.warning("a message of\ntwo lines: %r", {"secret": SECRET})
        try:
            int(SECRET)
        except ValueError:
            log.exception("it failed")
        log.info("fields", extra={logs.FIELDS: {"key": KEY.encode().hex()}})

    monkeypatch.setattr(logs, "SECRETS", hiding(KEY, SECRET))
    lines = written(tmp_path / "a", form, work)
    assert len(lines) == 4
    assert not any(leaks(line, secret) for line in lines for secret in (KEY, SECRET))
    assert sum(REDACTED in line for line in lines) == (4 if form == "json" else 3)
    assert "ValueError" in lines[2]
    if form == "json":
        assert [json.loads(line)["level"] for line in lines] == ["WARNING", "WARNING", "ERROR", "INFO"]
    monkeypatch.setattr(logs, "SECRETS", Redactor())
    assert any(leaks(line, KEY) for line in written(tmp_path / "b", form, work))


def test_a_log_that_nobody_writes_away_drops_and_counts() -> None:
    """Whoever logs never waits."""
    handler = BoundedQueueHandler(queue.Queue(2))
    for number in range(5):
        handler.handle(logging.LogRecord("alone", logging.INFO, "", 1, "record %d", (number,), None))
    assert handler.dropped == 3


# --- changes of state ------------------------------------------------------------------------------------------------


def test_every_change_of_state_is_one_line_with_its_ids(tmp_path: Path) -> None:
    """As many as the kernel made transitions, with trade, order, row and input; the mode's and reconciles besides."""
    transitions: list[tuple[str, str]] = []

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.engine.observers.append(StateLog(room.journal, room.carrier.flights).observe)
        room.engine.observers.append(
            lambda _, stepped: transitions.extend((old.name, new.name) for old, new in stepped.outcome.transitions)
        )
        quantity = QUANTITY_SCALE // 10
        for event in (
            *opened(1),
            inputs.set_mode(Mode.REDUCE_ONLY),
            inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0),
        ):
            await room.engine.apply(event)
        place = {"slot": 0, "instrument": 0, "trade": 1}
        quote = quantity * PRICE // 10**10
        await room.engine.apply(inputs.order(**place, attempt=1, quantity=quantity, quote=quote, done=True, time_ns=9))
        await room.engine.apply(
            inputs.position(
                slot=0, instrument=0, long_quantity=5, short_quantity=0, foreign_orders=0, as_of_ns=2 * 10**9
            )
        )
        await room.engine.apply(
            inputs.enter(slot=0, instrument=0, trade=9, side=Side.LONG, quantity=quantity, price=PRICE)
        )
        await room.close()

    with logging_to(tmp_path / "out", "json") as path:
        run_virtually(work)
    told = [json.loads(line) for line in path.read_text().splitlines()]
    states = [line for line in told if line["logger"] == "dita.runtime.state_log"]
    slots = [line for line in states if "slot" in line]
    assert [(line["from"], line["to"]) for line in slots] == transitions
    assert transitions[-1] == ("EXIT_REQUESTED", "IDLE")
    assert {(line["trade"], line["symbol"]) for line in slots} == {(1, "BTC-USDT")}
    assert [line["order"] for line in slots] == ["test0-1-0-0"] * 2 + ["test0-1-0-1"] * 2
    assert [line["input"] for line in slots] == ["ENTER", "ORDER", "EXIT", "ORDER"]
    others = [(line["from"], line["to"]) for line in states if "slot" not in line]
    assert others == [("ACTIVE", "REDUCE_ONLY"), (0, 1)]
    assert "slot 0 trade 1 BTC-USDT order test0-1-0-0: IDLE→ENTRY_REQUESTED" in slots[0]["text"]
