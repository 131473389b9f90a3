"""The error table, against a second list written from the venue's pages: codes, texts and statuses, one by one."""

import pytest

from dita.adapters.bingx.errors import (
    CANCEL_ROWS,
    QUERY_ROWS,
    STATUS_ROWS,
    SUBMIT_ROWS,
    Call,
    ErrorClass,
    classify,
)
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


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (RejectReason.NO_POSITION, "101205 109420 80017 110203 101290"),
        (RejectReason.BLOCKED, "110424 101212"),
        (RejectReason.THROTTLED, "100410 109429 109403 100414 101214 101219 101419 80013 110206 101514 80020"),
        (RejectReason.REFUSED, "100001 100421 101204 101253 101202 101211 80014 109415"),
    ],
)
def test_a_definite_rejection_carries_the_kernels_reason(reason: RejectReason, codes: str) -> None:
    """Clause X5: the kernel must tell `nothing to close` and `blocked` from the rest."""
    for code in codes.split():
        meaning = classify(Call.SUBMIT, 200, code, "")
        assert meaning.klass.is_definite, code
        assert meaning.reason is reason, code


@pytest.mark.parametrize(
    ("status", "klass"),
    [(401, AUTH), (403, BAN), (404, D), (418, BAN), (429, LIMIT), (500, A), (502, A), (503, A), (504, A), (599, A)],
)
def test_a_status_decides_without_a_readable_body(status: int, klass: ErrorClass) -> None:
    """HTTP 429 is a rate limit whatever the text says, and any 5xx leaves us not knowing."""
    assert classify(Call.SUBMIT, status, None, "<html>").klass is klass


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 400, 402, 405, 408, 409, 451, 600])
def test_a_status_nobody_documented_leaves_us_not_knowing(status: int) -> None:
    """Without a code, 200 and 400 say nothing, and other statuses are in no table."""
    assert classify(Call.SUBMIT, status, None, "").klass is A


@pytest.mark.parametrize("status", [201, 302, 408, 500, 502, 503, 504])
def test_a_definite_code_does_not_outweigh_an_ambiguous_status(status: int) -> None:
    """A gateway that failed may wrap any body: only 200 and 400 let the code decide."""
    assert not classify(Call.SUBMIT, status, "101204", "Insufficient margin").klass.is_definite


@pytest.mark.parametrize("status", [401, 403, 404, 418, 429])
def test_an_ambiguous_code_outweighs_a_definite_status(status: int) -> None:
    """When edge and body disagree whether an order may exist, the one that says it may is believed."""
    assert not classify(Call.SUBMIT, status, "101500", "rpc timeout").klass.is_definite
    assert classify(Call.SUBMIT, status, "101204", "").klass is classify(Call.SUBMIT, status, None, "").klass


def test_every_status_row_is_covered() -> None:
    """Each row of the status table is one of the cases above."""
    for row in STATUS_ROWS:
        assert classify(Call.SUBMIT, row.statuses[0], None, "").klass is row.klass


N, Y, T = ErrorClass.NOT_FOUND, ErrorClass.ALREADY_DONE, ErrorClass.CANCEL_THROTTLED
CANCEL: list[tuple[ErrorClass, str, str]] = [
    (N, "80016 109414 109421", "order not exist"),
    (N, "109400 80001 100404", "order not exist"),
    (N, "109400", "the order does not exist"),
    (Y, "80018 109422", ""),
    (T, "109201", ""),
    (A, "80012 80019 80001 101500 109701 99999", ""),
    (D, "80014 109400", "bad parameter"),
    (C, "109400", "timestamp is invalid"),
    (LIMIT, "100410 109429", ""),
    (AUTH, "100001 100413", ""),
    (BAN, "109403 100414", ""),
    (B, "100500 109500 110500", ""),
]
QUERY: list[tuple[ErrorClass, str, str]] = [
    (N, "80016 109414 109421", "order not exist"),
    (N, "109400 80001 100404", "order not exist"),
    (D, "80014 109400", "bad parameter"),
    (C, "109400 100421", "timestamp is invalid"),
    (B, "106551", "no rows in result set"),
    (A, "80018 101204 80012 99999", ""),
    (LIMIT, "100410", ""),
    (AUTH, "100001", ""),
]


@pytest.mark.parametrize(
    ("call", "klass", "code", "text"),
    [(Call.CANCEL, k, code, text) for k, codes, text in CANCEL for code in codes.split()]
    + [(Call.QUERY, k, code, text) for k, codes, text in QUERY for code in codes.split()],
)
def test_cancel_and_query_answers_have_their_own_classes(call: Call, klass: ErrorClass, code: str, text: str) -> None:
    """`No such order` is an answer to a query and to a cancel; a generic failure never is."""
    assert classify(call, 200, code, text).klass is klass


def test_every_row_of_the_cancel_and_query_tables_is_reached() -> None:
    """No row without a case."""
    for rows, cases in ((CANCEL_ROWS, CANCEL), (QUERY_ROWS, QUERY)):
        flat = [(code, text) for _, codes, text in cases for code in codes.split()]
        reached = {next((i for i, row in enumerate(rows) if row.matches(c, t)), -1) for c, t in flat}
        assert reached >= set(range(len(rows)))


def test_only_five_classes_are_definite() -> None:
    """A new class is not definite unless somebody says so here, too."""
    assert {klass for klass in ErrorClass if klass.is_definite} == {D, AUTH, C, BAN, LIMIT}
