"""The error table, against a second list written from the venue's pages: codes, texts and statuses, one by one."""

import json
from dataclasses import replace

import pytest

from dita.adapters.bingx import errors
from dita.adapters.bingx.api import judge
from dita.adapters.bingx.errors import (
    CANCEL_ROWS,
    QUERY_ROWS,
    STATUS_ROWS,
    SUBMIT_ROWS,
    Call,
    ErrorClass,
    Meaning,
    Row,
    StatusRow,
    classify,
)
from dita.adapters.bingx.orders import Rejected, Unknown, UnknownReason, judged_failure
from dita.adapters.bingx.transport import Reply
from dita.spec.vocabulary import RejectReason

A, B, C = ErrorClass.AMBIGUOUS, ErrorClass.EXCHANGE_BUSY, ErrorClass.CLOCK
D, U, K = ErrorClass.DEFINITE_REJECT, ErrorClass.DUPLICATE_ID, ErrorClass.KILLED_AFTER_ACCEPT
AUTH, BAN, LIMIT = ErrorClass.AUTH, ErrorClass.RISK_BAN, ErrorClass.RATE_LIMITED

# Class, codes, a text as the venue words it ("" when it does not matter).
SUBMIT: list[tuple[ErrorClass, str, str]] = [
    (AUTH, "100001 100412 100413 401 100004 100419 100403", ""),
    (BAN, "100414 109403 101514 80020", ""),
    (C, "100421", "Null timestamp or timestamp mismatch"),
    (C, "109400", "timestamp is invalid"),
    (C, "109400", "Timestamp is invalid, recvWindow exceeded"),
    (C, "109400", "the recvWindow parameter is too large"),
    (LIMIT, "100410", "rate limited"),
    (LIMIT, "100410", "The current system is busy, please try again later"),
    (LIMIT, "109429", "too many requests, can retry after time: 1760000300000"),
    (D, "100404", ""),
    (D, "100400", "this api is not exist"),
    (D, "100400", "method not allowed, please use POST"),
    (A, "100400", "Gateway timeout"),
    (A, "100400", "system busy"),
    (A, "100400", ""),
    (B, "100500", "Internal system error"),
    (A, "100503", ""),
    (D, "100440", "the price deviates too much"),
    (A, "100440", ""),
    (D, "80014 110400 110426", ""),
    (D, "109400", "In the Hedge mode, the 'ReduceOnly' field can not be filled."),
    (D, "109400", "Mismatch type float64 with value string"),
    (D, "101202 101485 110422 110425", ""),
    (D, "101204 101206 101212 101253 110424 100202", "Insufficient margin"),
    (D, "101205 109420 80017 110203", "No position to close"),
    (D, "101209 110287 101429 112414 101222 101201", ""),
    (D, "101211 110402 101460 101461 110427 110428", ""),
    (D, "101290", "The Reduce Only order can only decrease the position"),
    (D, "101214 101219", ""),
    (K, "101215", "The Maker (Post Only) order price would cross"),
    (K, "102201", ""),
    (U, "101400", "clientOrderID unique check failed"),
    (U, "101400", "ClientOrderId already used"),
    (D, "101400", "The minimum order amount is 2 USDT"),
    (U, "101481", ""),
    (U, "109201", "The same order number is only allowed to be submitted once within 1 second."),
    (D, "101412 101413 104424 101414 101434 101479 101483 101484 101210 101402 104103 104108 104414 109430", ""),
    (D, "101415 110280 109415 109417 109418 109425", ""),
    (D, "101419 80013 110206", ""),
    (D, "110284 110406 110407 110411 110412 110413 110414 110415 110418 110419 110420", ""),
    (B, "109500 110500", "The current system is busy, please try again later"),
    (D, "109500", "symbol not exist"),
    (D, "109500", "please cancel pending orders first"),
    (D, "109500", "there are pending positions"),
    (B, "109500", "the positions service timed out"),
    (A, "109701", "network issue"),
    (A, "101500", "rpc timeout"),
    (D, "80012", "margin is not enough"),
    (D, "80012", "Insufficient margin."),
    (A, "80012", "Service Unavailable"),
    (A, "80012", "margin is not enough, connection refused"),
    (A, "80012", '{"Code":101253,"Msg":"margin is not enough"}'),
    (A, "80001", "Request failed"),
    (A, "80001", "margin is not enough"),
    (A, "80019", "the order is being processed"),
    (A, "106551", "no rows in result set"),
    (A, "123456 -1 0 abc", "a code nobody has written down"),
]
SUBMIT_CASES = [(klass, code, text) for klass, codes, text in SUBMIT for code in codes.split()]
NOBODY_WROTE_DOWN = frozenset(["123456", "-1", "0", "abc", "99999"])


@pytest.mark.parametrize(("klass", "code", "text"), SUBMIT_CASES)
@pytest.mark.parametrize("status", [200, 400])
def test_a_submit_answer_has_the_class_of_its_code(status: int, klass: ErrorClass, code: str, text: str) -> None:
    """With status 200 or 400 the code decides, text only where a code is overloaded, and case does not matter."""
    assert classify(Call.SUBMIT, status, code, text).klass is klass
    assert classify(Call.SUBMIT, status, code, text.upper()).klass is klass


def test_every_row_of_the_submit_table_is_reached_by_a_case() -> None:
    """A row that no case reaches first would be dead or untested; each case is judged by the first row that matches."""
    reached = {
        next((index for index, row in enumerate(SUBMIT_ROWS) if row.matches(code, text)), -1)
        for _, code, text in SUBMIT_CASES
    }
    assert reached == {-1, *range(len(SUBMIT_ROWS))}
    written = {code for row in SUBMIT_ROWS for code in row.codes}
    assert written <= {code for _, code, _ in SUBMIT_CASES}


REASONS = {
    RejectReason.NO_POSITION: "101205 109420 80017 110203 101290",
    RejectReason.BLOCKED: "110424 101212",
    RejectReason.THROTTLED: "100410 109429 109403 100414 101214 101219 101419 80013 110206 101514 80020",
}
REASON_OF = {code: reason for reason, codes in REASONS.items() for code in codes.split()}


@pytest.mark.parametrize(("klass", "code", "text"), SUBMIT_CASES)
def test_what_a_row_says_is_what_becomes_of_the_order(klass: ErrorClass, code: str, text: str) -> None:
    """Clause X5: a definite class is a rejection with the kernel's reason, class, code and text; all else is unknown.

    From the bytes of the reply to the result of the submit; a code in no table is said to be one.
    """
    body = json.dumps({"code": int(code) if code.lstrip("-").isdigit() else code, "msg": text, "data": {}})
    answer = judge(Reply(200, body.encode(), {}, 0, 0, 0), Call.SUBMIT)
    if code == "0":  # a yes, with nothing in it
        assert answer.is_yes
        return
    result = judged_failure(answer)
    assert answer.meaning is not None
    assert answer.meaning.listed is (code not in NOBODY_WROTE_DOWN)
    if klass in (D, AUTH, C, BAN, LIMIT):
        assert isinstance(result, Rejected)
        assert (result.klass, result.code) == (klass, code)
        assert result.reason is REASON_OF.get(code, RejectReason.REFUSED)
    else:
        reasons = {
            U: UnknownReason.DUPLICATE_ID, K: UnknownReason.KILLED_AFTER_ACCEPT, B: UnknownReason.EXCHANGE_BUSY,
            A: UnknownReason.AMBIGUOUS,
        }  # fmt: skip
        assert isinstance(result, Unknown)
        assert result.reason is reasons[klass]
    assert text in (result.text if isinstance(result, Rejected) else result.detail)


STATUSES = [(401, AUTH), (403, BAN), (404, D), (418, BAN), (429, LIMIT), *((s, A) for s in (500, 502, 503, 504, 599))]


@pytest.mark.parametrize(("status", "klass"), STATUSES)
def test_a_status_decides_without_a_readable_body(status: int, klass: ErrorClass) -> None:
    """HTTP 429 is a rate limit whatever the text says, and any 5xx leaves us not knowing."""
    meaning = classify(Call.SUBMIT, status, None, "<html>")
    assert (meaning.klass, meaning.listed) == (klass, True)
    throttled = RejectReason.THROTTLED if klass in (BAN, LIMIT) else RejectReason.REFUSED
    assert not klass.is_definite or meaning.reason is throttled


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 400, 402, 405, 408, 409, 451, 600])
def test_a_status_nobody_documented_leaves_us_not_knowing(status: int) -> None:
    """Without a code, 200 and 400 say nothing, and other statuses are in no table."""
    meaning = classify(Call.SUBMIT, status, None, "")
    assert (meaning.klass, meaning.listed) == (A, False)


@pytest.mark.parametrize("status", [201, 302, 408, 500, 502, 503, 504])
def test_a_definite_code_does_not_outweigh_an_ambiguous_status(status: int) -> None:
    """A gateway that failed may wrap any body: only 200 and 400 let the code decide."""
    assert not classify(Call.SUBMIT, status, "101204", "Insufficient margin").klass.is_definite


@pytest.mark.parametrize("status", [401, 403, 404, 418, 429])
def test_an_ambiguous_code_outweighs_a_definite_status(status: int) -> None:
    """When edge and body disagree whether an order may exist, the one that says it may is believed."""
    assert not classify(Call.SUBMIT, status, "101500", "rpc timeout").klass.is_definite
    assert classify(Call.SUBMIT, status, "101204", "").klass is classify(Call.SUBMIT, status, None, "").klass


N, Y, T = ErrorClass.NOT_FOUND, ErrorClass.ALREADY_DONE, ErrorClass.CANCEL_THROTTLED
CANCEL: list[tuple[ErrorClass, str, str]] = [
    (N, "80016 109414 109421", "order not exist"),
    (N, "109400 80001 100404", "order not exist"),
    (N, "109400", "the order does not exist"),
    (Y, "80018 109422", ""),
    (T, "109201", ""),
    (A, "80012 80019 99999", ""),
    (D, "80014", "bad parameter"),
]
QUERY: list[tuple[ErrorClass, str, str]] = [
    (N, "80016 109414 109421", "order not exist"),
    (N, "109400 80001 100404", "order not exist"),
    (D, "80014", "bad parameter"),
    (B, "106551", "no rows in result set"),
    (A, "99999", ""),
]
# Answers of the gateway and of the venue as a whole: the same whatever was asked.
SHARED: list[tuple[ErrorClass, str, str]] = [
    (AUTH, "100001 100412 100413 401 100004 100419 100403", ""),
    (BAN, "100414 109403", ""),
    (C, "100421 109400", "timestamp is invalid"),
    (D, "109400 100404", "bad parameter"),
    (LIMIT, "100410 109429", ""),
    (D, "100400", "this api is not exist"),
    (A, "100400 100503 109701 101500", "Gateway timeout"),
    (B, "100500 109500 110500", ""),
    (D, "109415 109417 109418 109425", "symbol offline"),
    (D, "101412 101413 104424", ""),
]
CALLS = {Call.CANCEL: [*CANCEL, *SHARED], Call.QUERY: [*QUERY, *SHARED]}
CALL_CASES = [
    (call, klass, code, text) for call, rows in CALLS.items() for klass, codes, text in rows for code in codes.split()
]


@pytest.mark.parametrize(("call", "klass", "code", "text"), CALL_CASES)
def test_cancel_and_query_answers_have_their_own_classes(call: Call, klass: ErrorClass, code: str, text: str) -> None:
    """`No such order` is an answer to a query and to a cancel; a generic failure never is."""
    meaning = classify(call, 200, code, text)
    assert (meaning.klass, meaning.listed) == (klass, code not in NOBODY_WROTE_DOWN)


@pytest.mark.parametrize("code", ["80018", "101204", "80012", "101400", "80019"])
def test_what_belongs_to_orders_is_no_answer_to_a_query(code: str) -> None:
    """A submit's refusal under a query is in no table: it says nothing about the order that was asked for."""
    meaning = classify(Call.QUERY, 200, code, "")
    assert (meaning.klass, meaning.listed) == (A, False)


def test_only_five_classes_are_definite() -> None:
    """A new class is not definite unless somebody says so here, too."""
    assert {klass for klass in ErrorClass if klass.is_definite} == {D, AUTH, C, BAN, LIMIT}


# ---- a table with one thing missing is noticed


def faults() -> list[str]:
    """Every case above that the tables, as they are now, judge otherwise."""
    found = [f"{code}: {text}" for klass, code, text in SUBMIT_CASES if not judged_as(Call.SUBMIT, klass, code, text)]
    found += [
        f"{call.value} {code}" for call, klass, code, text in CALL_CASES if not judged_as(call, klass, code, text)
    ]
    return found + [
        str(status)
        for status, klass in STATUSES
        if classify(Call.SUBMIT, status, None, "") != status_row(klass, status)
    ]


def judged_as(call: Call, klass: ErrorClass, code: str, text: str) -> bool:
    """Whether class, reason and being listed are as written above."""
    meaning = classify(call, 200, code, text)
    reason = REASON_OF.get(code, RejectReason.REFUSED) if klass.is_definite else meaning.reason
    return (meaning.klass, meaning.reason, meaning.listed) == (klass, reason, code not in NOBODY_WROTE_DOWN)


def status_row(klass: ErrorClass, status: int) -> Meaning:
    """What a status means, with whatever note the table has."""
    found = next((row for row in errors.STATUS_ROWS if status in row.statuses), None)
    throttled = RejectReason.THROTTLED if klass in (BAN, LIMIT) else RejectReason.REFUSED
    return Meaning(klass, throttled, "" if found is None else found.note)


TABLES: dict[str, tuple[Row | StatusRow, ...]] = {
    "SUBMIT_ROWS": SUBMIT_ROWS,
    "CANCEL_ROWS": CANCEL_ROWS,
    "QUERY_ROWS": QUERY_ROWS,
    "STATUS_ROWS": STATUS_ROWS,
}
PLACES = [(name, index) for name, rows in TABLES.items() for index in range(len(rows))]


def named(place: tuple[str, int]) -> str:
    """The row's codes or statuses, for the name of its test."""
    row = TABLES[place[0]][place[1]]
    return f"{place[0]} {' '.join(row.codes) if isinstance(row, Row) else row.statuses}"


def test_the_tables_as_they_are_have_no_faults() -> None:
    """What the next tests take something out of is whole."""
    assert faults() == []


@pytest.mark.parametrize("place", PLACES, ids=named)
def test_a_table_without_one_row_or_one_code_is_noticed(
    monkeypatch: pytest.MonkeyPatch, place: tuple[str, int]
) -> None:
    """Each row is named by a case that fails without it, and so are each of its codes and its text."""
    name, index = place
    rows = TABLES[name]
    row = rows[index]
    monkeypatch.setattr(errors, name, rows[:index] + rows[index + 1 :])
    assert faults()
    if isinstance(row, StatusRow):
        return
    for code in row.codes if len(row.codes) > 1 else ():
        shorter = replace(row, codes=tuple(other for other in row.codes if other != code))
        monkeypatch.setattr(errors, name, (*rows[:index], shorter, *rows[index + 1 :]))
        assert any(code in fault for fault in faults()), code
    if row.text is not None:
        monkeypatch.setattr(errors, name, (*rows[:index], replace(row, text=None), *rows[index + 1 :]))
        assert faults(), "the text does not matter to any case"


@pytest.mark.parametrize("code", sorted(errors.SHARED_CODES))
def test_a_code_that_is_not_shared_any_more_is_noticed(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """What the submit table lends to cancels and queries is tested there."""
    monkeypatch.setattr(errors, "SHARED_CODES", errors.SHARED_CODES - {code})
    assert any(code in fault for fault in faults())
