"""Listings of the venue: where the rows hide, and how a long time range is read completely or not at all."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from dita.adapters.bingx.endpoints import Endpoint
from dita.adapters.bingx.errors import BadReply
from dita.adapters.bingx.json_text import as_list, as_object
from dita.adapters.bingx.messages import MessageError
from dita.adapters.bingx.units import UnitsError
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

T = TypeVar("T")

PAGE_ROWS: Final = 1000  # the most any listing gives at once
_WINDOW_NS: Final = 6 * 86_400 * NANOSECONDS_PER_SECOND  # the venue refuses more than seven days
_OVERLAP_NS: Final = 2 * NANOSECONDS_PER_SECOND  # a start time behaves as exclusive, and fills carry whole seconds
_SPLIT_NS_MIN: Final = NANOSECONDS_PER_SECOND
FINE_SPLIT_NS_MIN: Final = NANOSECONDS_PER_MILLISECOND  # for rows that carry milliseconds


class WindowFull(Exception):
    """One reply held as many rows as it can: there may be more, so the window must be halved."""


def rows_of(endpoint: Endpoint, data: object, key: str | None = None) -> list[object]:
    """The rows of a successful listing. Empty is told as ``[]``, null, ``{}`` or a missing key (observed).

    Raises BadReply for anything else: a listing that cannot be read is not an empty one.
    """
    if data is None:
        return []
    members = as_object(data)
    if members is not None:
        if key is None or key not in members:
            if members and (key is None or "total" not in members):
                raise BadReply(endpoint.name, f"no list in the reply; it has `{', '.join(sorted(members))[:100]}`")
            return []
        data = members[key]
        if data is None:
            return []
    rows = as_list(data)
    if rows is None:
        raise BadReply(endpoint.name, f"a `{type(data).__name__}` instead of a list")
    return rows


def of_symbol(endpoint: Endpoint, rows: Sequence[object], symbol: str) -> list[object]:
    """Only the rows of this symbol: filters have been ignored, and a stranger's row must not spoil our reading.

    Raises BadReply for a row that does not say whose it is: it could be ours.
    """
    for row in rows:
        if not isinstance((as_object(row) or {}).get("symbol"), str):
            raise BadReply(endpoint.name, "symbol: a row does not say it")
    return [row for row in rows if (as_object(row) or {}).get("symbol") == symbol]


def converted(endpoint: Endpoint, convert: Callable[[object], T], rows: Sequence[object]) -> list[T]:
    """Convert every row. Raises BadReply when one cannot be."""
    try:
        return [convert(row) for row in rows]
    except (MessageError, UnitsError) as error:
        raise BadReply(endpoint.name, str(error)) from None


def time_range(
    start_name: str, end_name: str, start_ns: int, end_ns: int, *, overlap_ns: int = _OVERLAP_NS
) -> dict[str, str]:
    """Parameters for a range that surely includes both ends."""
    start_ms = max(0, start_ns - overlap_ns) // NANOSECONDS_PER_MILLISECOND
    end_ms = -(-end_ns // NANOSECONDS_PER_MILLISECOND)
    return {start_name: str(start_ms), end_name: str(end_ms)}


def fine_overlap_ns(start_ns: int, end_ns: int) -> int:
    """How much earlier a window of rows that carry milliseconds begins: no more than it is long, but one of them."""
    return min(_OVERLAP_NS, max(end_ns - start_ns, FINE_SPLIT_NS_MIN))


async def read_windows(
    endpoint: Endpoint,
    start_ns: int,
    end_ns: int,
    read: Callable[[int, int], Awaitable[Sequence[T]]],
    *,
    split_ns_min: int = _SPLIT_NS_MIN,
) -> list[T]:
    """All rows between two times, in windows that the venue accepts; a full window is halved until it is not full.

    A full window of ``split_ns_min`` or less cannot be read. Rows near the seams come twice: the caller removes copies
    by their identity. Raises VenueError.
    """
    if end_ns < start_ns:
        raise ValueError(f"end_ns: `{end_ns}` is before start_ns `{start_ns}`")
    pending: list[tuple[int, int]] = []
    begin_ns = start_ns
    while True:
        stop_ns = min(begin_ns + _WINDOW_NS, end_ns)
        pending.append((begin_ns, stop_ns))
        if stop_ns == end_ns:
            break
        begin_ns = stop_ns
    pending.reverse()
    found: list[T] = []
    while pending:
        begin_ns, stop_ns = pending.pop()
        try:
            found.extend(await read(begin_ns, stop_ns))
        except WindowFull:
            if stop_ns - begin_ns <= split_ns_min:
                length = split_ns_min // NANOSECONDS_PER_MILLISECOND
                what = f"`{PAGE_ROWS}` rows or more in a window of {length} ms; not readable"
                raise BadReply(endpoint.name, what) from None
            middle_ns = (begin_ns + stop_ns) // 2
            pending += [(middle_ns, stop_ns), (begin_ns, middle_ns)]
    return found
