"""What a failed call means. One table decides, by HTTP status, code and (only where a code is overloaded) text.

Sources: BingX error code pages and the observations noted beside the rows. A code that is not in the table, a text that
does not match, a body that cannot be read: AMBIGUOUS, because the order may exist. Only a definite class may ever be
reported as a rejection.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from dita.spec.vocabulary import RejectReason


class ErrorClass(Enum):
    """What an answer says about the order it was about."""

    DEFINITE_REJECT = "definite reject"  # validated and refused: no order exists
    AUTH = "auth"  # refused before matching: key, signature, permission
    CLOCK = "clock"  # refused before matching: the timestamp is outside the receive window
    RISK_BAN = "risk ban"  # refused before matching: stop for a while
    RATE_LIMITED = "rate limited"  # refused before matching: slow down
    DUPLICATE_ID = "duplicate id"  # an order with this client id exists or existed: ask for it
    KILLED_AFTER_ACCEPT = "killed after accept"  # an order existed and is terminal, perhaps partly filled: ask for it
    NOT_FOUND = "not found"  # cancel and query: gone, unknown or not yet visible
    ALREADY_DONE = "already done"  # cancel: filled, or does not exist
    CANCEL_THROTTLED = "cancel throttled"  # the same order number within a second: wait, then ask for it
    EXCHANGE_BUSY = "exchange busy"  # ambiguous, and back off
    AMBIGUOUS = "ambiguous"  # an order may exist now or appear later

    @property
    def is_definite(self) -> bool:
        """Whether a submit with this answer surely left no order."""
        return self in _DEFINITE


_DEFINITE: Final = frozenset(
    {ErrorClass.DEFINITE_REJECT, ErrorClass.AUTH, ErrorClass.CLOCK, ErrorClass.RISK_BAN, ErrorClass.RATE_LIMITED}
)


class Call(Enum):
    """The kind of call that failed: the same code means different things."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: these codes, when the text matches (None: any text), mean this."""

    codes: tuple[str, ...]
    klass: ErrorClass
    reason: RejectReason = RejectReason.REFUSED
    text: str | None = None  # regular expression, searched, case ignored
    note: str = ""

    def matches(self, code: str, text: str) -> bool:
        """Whether this row speaks about that answer."""
        return code in self.codes and (self.text is None or re.search(self.text, text, re.IGNORECASE) is not None)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The judgement on one failed call. ``reason`` counts only when the class is definite.

    ``listed`` False: the answer is in no table, which somebody should look at.
    """

    klass: ErrorClass
    reason: RejectReason = RejectReason.REFUSED
    note: str = ""
    listed: bool = True


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_AMBIGUOUS: Final = ErrorClass.AMBIGUOUS
_BUSY: Final = ErrorClass.EXCHANGE_BUSY
_DEFINITE_REJECT: Final = ErrorClass.DEFINITE_REJECT
_TRANSIENT: Final = RejectReason.THROTTLED

# First match wins. Rows of one code are therefore in order of precedence.
SUBMIT_ROWS: Final[tuple[Row, ...]] = (
    # Gateway, raised before the backend sees the request.
    Row(_codes("100001 100412 100413 401"), ErrorClass.AUTH, note="signature or key missing or wrong"),
    Row(_codes("100004 100419 100403"), ErrorClass.AUTH, note="permission, address list or sub-account"),
    Row(_codes("100414"), ErrorClass.RISK_BAN, _TRANSIENT, note="account suspended by a risk check"),
    Row(_codes("100421"), ErrorClass.CLOCK, note="null or stale timestamp on swap paths"),
    Row(_codes("109400"), ErrorClass.CLOCK, text=r"timestamp|recvwindow", note="a clock error in disguise"),
    Row(_codes("100410"), ErrorClass.RATE_LIMITED, _TRANSIENT, note="gateway limit"),
    Row(_codes("109429"), ErrorClass.RATE_LIMITED, _TRANSIENT, note="too many erroneous requests; a long lock"),
    Row(_codes("109403"), ErrorClass.RISK_BAN, _TRANSIENT, note="trading risk control"),
    Row(_codes("100404"), _DEFINITE_REJECT, note="path or method"),
    Row(_codes("100400"), _DEFINITE_REJECT, text=r"api (is )?not exist|method", note="path or method"),
    Row(_codes("100400"), _AMBIGUOUS, note="also `Gateway timeout` and `system busy`"),
    Row(_codes("100500"), _BUSY, note="listed as a gateway code, described as an internal error"),
    Row(_codes("100503"), _AMBIGUOUS),
    Row(_codes("100440"), _DEFINITE_REJECT, text=r"price", note="price deviates too far"),
    Row(_codes("100440"), _AMBIGUOUS),
    # Orders that need another look although an error came back.
    Row(_codes("101215"), ErrorClass.KILLED_AFTER_ACCEPT, note="post-only would cross: at once, or after acceptance"),
    Row(_codes("102201"), ErrorClass.KILLED_AFTER_ACCEPT, note="cancelled because it would bankrupt the account"),
    Row(_codes("101400"), ErrorClass.DUPLICATE_ID, text=r"clientorderid|unique check", note="seen after a fill, too"),
    Row(_codes("101481 109201"), ErrorClass.DUPLICATE_ID, note="the same number was submitted"),
    # The order service, after validation.
    Row(_codes("101205 109420 80017 110203 101290"), _DEFINITE_REJECT, RejectReason.NO_POSITION, note="no position"),
    Row(_codes("110424 101212"), _DEFINITE_REJECT, RejectReason.BLOCKED, note="another order holds the amount"),
    Row(_codes("80014 109400 110400 110426"), _DEFINITE_REJECT, note="parameters or mode"),
    Row(_codes("101202 101485 110422 110425 101400"), _DEFINITE_REJECT, note="size, notional, precision"),
    Row(_codes("101204 101206 101253 100202"), _DEFINITE_REJECT, note="margin or balance"),
    Row(_codes("101209 110287 101429 112414 101222 101201"), _DEFINITE_REJECT, note="position or leverage limit"),
    Row(_codes("101211 110402 101460 101461 110427 110428"), _DEFINITE_REJECT, note="price band"),
    Row(_codes("101214 101219"), _DEFINITE_REJECT, _TRANSIENT, note="funding settlement or assets in process: seconds"),
    Row(
        _codes("101412 101413 104424 101414 101434 101479 101483 101484 101210 101402 104103 104108 104414 109430"),
        _DEFINITE_REJECT,
        note="account, session or eligibility",
    ),
    Row(_codes("101415 110280 109415 109417 109418 109425"), _DEFINITE_REJECT, note="symbol paused or unknown"),
    Row(_codes("101419 80013 110206"), _DEFINITE_REJECT, _TRANSIENT, note="too many open orders"),
    Row(
        _codes("110284 110406 110407 110411 110412 110413 110414 110415 110418 110419 110420"),
        _DEFINITE_REJECT,
        note="geometry of conditional orders",
    ),
    Row(_codes("101514 80020"), ErrorClass.RISK_BAN, _TRANSIENT, note="temporarily barred from opening"),
    Row(_codes("109500"), _DEFINITE_REJECT, text=r"symbol not exist|pending (orders|positions)"),
    Row(_codes("109500 110500"), _BUSY, note="overloaded"),
    Row(_codes("109701"), _AMBIGUOUS, note="network exception inside the venue"),
    Row(_codes("101500"), _AMBIGUOUS, note="rpc timeout: the classic accepted but unknown"),
    Row(_codes("80012"), _DEFINITE_REJECT, text=r"\A\s*(margin is not enough|insufficient margin)\.?\s*\Z"),
    Row(_codes("80012"), _AMBIGUOUS, note="a dozen texts, from `margin is not enough` to `connection refused`"),
    Row(_codes("80001"), _AMBIGUOUS, note="`Request failed` and many others"),
    Row(_codes("80019"), _AMBIGUOUS, note="being processed; look in the order history later"),
    Row(_codes("106551"), _AMBIGUOUS, note="an empty internal query; belongs to fill queries"),
)

CANCEL_ROWS: Final[tuple[Row, ...]] = (
    Row(_codes("80016 109414 109421"), ErrorClass.NOT_FOUND),
    Row(_codes("109400 80001 100404"), ErrorClass.NOT_FOUND, text=r"order (does )?not exist"),
    Row(_codes("80018 109422"), ErrorClass.ALREADY_DONE, note="filled, or does not exist"),
    Row(_codes("109201"), ErrorClass.CANCEL_THROTTLED, note="once a second per order number"),
    Row(_codes("80012 80019"), _AMBIGUOUS),
    Row(_codes("80014"), _DEFINITE_REJECT, note="bad parameters"),
)

QUERY_ROWS: Final[tuple[Row, ...]] = (
    Row(_codes("80016 109414 109421"), ErrorClass.NOT_FOUND),
    Row(_codes("109400 80001 100404"), ErrorClass.NOT_FOUND, text=r"order (does )?not exist"),
    Row(_codes("80014"), _DEFINITE_REJECT, note="window longer than seven days, or bad parameters"),
    Row(_codes("106551"), _BUSY, note="`no rows in result set` is transient"),
)

# Codes that mean the same whatever the call: taken from the submit table for cancels and queries, too.
SHARED_CODES: Final = frozenset(
    _codes("100001 100412 100413 401 100004 100419 100403 100414 100421 109400 100410 109429 109403 100404 100400")
    + _codes("100500 100503 109500 110500 109701 101500 109415 109417 109418 109425 101412 101413 104424")
)


@dataclass(frozen=True, slots=True)
class StatusRow:
    """What an HTTP status means by itself, before the body is looked at."""

    statuses: range
    klass: ErrorClass
    reason: RejectReason = RejectReason.REFUSED
    note: str = ""


# First match wins. A status that is not listed here (200, 400) leaves the decision to the code in the body.
STATUS_ROWS: Final[tuple[StatusRow, ...]] = (
    StatusRow(range(401, 402), ErrorClass.AUTH),
    StatusRow(range(403, 404), ErrorClass.RISK_BAN, _TRANSIENT, "firewall, about five minutes; the body is a page"),
    StatusRow(range(404, 405), _DEFINITE_REJECT, note="no such route"),
    StatusRow(range(418, 419), ErrorClass.RISK_BAN, _TRANSIENT, "the address is banned: stop all traffic"),
    StatusRow(range(429, 430), ErrorClass.RATE_LIMITED, _TRANSIENT, "refused at the edge"),
    StatusRow(range(500, 600), _AMBIGUOUS, note="504 is documented as `unknown, may have been executed`"),
)
_STATUS_LEFT_TO_CODE: Final = frozenset({200, 400})
_UNLISTED: Final = Meaning(ErrorClass.AMBIGUOUS, note="in no table", listed=False)


def _find(rows: Iterable[Row], code: str, text: str) -> Meaning | None:
    for row in rows:
        if row.matches(code, text):
            return Meaning(row.klass, row.reason, row.note)
    return None


def _by_code(call: Call, code: str, text: str) -> Meaning | None:
    if call is Call.SUBMIT:
        return _find(SUBMIT_ROWS, code, text)
    own = _find(CANCEL_ROWS if call is Call.CANCEL else QUERY_ROWS, code, text)
    if own is None and code in SHARED_CODES:
        return _find(SUBMIT_ROWS, code, text)
    return own


def classify(call: Call, status: int, code: str | None, text: str) -> Meaning:
    """Judge a failed call. ``code`` is None when the body was not JSON or had none; an unknown code is AMBIGUOUS."""
    by_code = None if code is None else _by_code(call, code, text)
    if status in _STATUS_LEFT_TO_CODE:
        return by_code or _UNLISTED
    for row in STATUS_ROWS:
        if status in row.statuses:
            if not row.klass.is_definite or by_code is None:
                return Meaning(row.klass, row.reason, row.note)
            # The edge and the body disagree about whether an order may exist: believe the one that says it may.
            return by_code if not by_code.klass.is_definite else Meaning(row.klass, row.reason, row.note)
    return _UNLISTED


class VenueError(Exception):
    """A read from the venue failed; what it would have said is unknown. Never raised by a submit or a cancel."""

    def __init__(self, endpoint: str, message: str) -> None:
        super().__init__(f"{endpoint}: {message}")
        self.endpoint = endpoint
        self.message = message

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.endpoint, self.message)


class NoReply(VenueError):
    """No complete reply arrived: connection, time-out, over-long body. Trying again may help."""


class BadReply(VenueError):
    """A reply arrived that cannot be understood or that contradicts the question. Trying again may help."""


class VenueRefused(VenueError):
    """The venue answered with an error; ``meaning`` says what it is worth and ``code`` is the venue's own."""

    def __init__(self, endpoint: str, status: int, code: str | None, text: str, meaning: Meaning) -> None:
        shown = "none" if code is None else code
        super().__init__(endpoint, f"status `{status}`, code `{shown}`, {meaning.klass.value}: `{text[:200]}`")
        self.status = status
        self.code = code
        self.text = text[:200]
        self.meaning = meaning

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """As above."""
        return type(self), (self.endpoint, self.status, self.code, self.text, self.meaning)
