"""Frames on their way out, and what the fault plan does to them: lost, late, twice, out of order, spoilt, cut off.

An *outlet* is where frames of one kind go: one account, or one market topic.
"""

import zlib
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from dita.adapters.exchange.client_socket import Frame
from dita.adapters.exchange.fault_book import FaultBook
from dita.adapters.exchange.faults import (
    CutHow,
    CutStream,
    DelayFrame,
    DropFrame,
    DuplicateFrame,
    ExpireKey,
    FaultKind,
    ReorderFrames,
    SpoilFrame,
    Stream,
)
from dita.adapters.exchange.frames import gzip_frame
from dita.adapters.exchange.timers import Timer, Timers
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

_GZIP: Final = 16 + zlib.MAX_WBITS
_GARBAGE: Final = b"\x00\x01no gzip at all\xff\xfe"
_STRANGE: Final = (
    '{"e":"ORDER_TRADE_UPDATE","E":1,"T":1,"o":{"s":"BTC-USDT","c":"","i":1,"S":"HOLD","o":"MELTED","q":"1","p":"1",'
    '"ap":"1","x":"DREAMT","X":"MELTED","N":"USDT","n":"0","T":1,"ps":"SIDEWAYS","z":"1","l":"1","L":"1"}}'
)
_WRONG: Final = '{"e":"ORDER_TRADE_UPDATE","E":"now","T":{},"o":{"s":17,"c":null,"i":"x","S":[],"q":{},"z":true}}'


class Outlet(Protocol):
    """Where frames go."""

    def push(self, frame: Frame) -> None:
        """To everybody who listens here."""

    def cut(self, how: CutHow) -> None:
        """End every connection that listens here."""

    def expire(self, *, announced: bool) -> None:
        """End the listen keys behind it; only an account has some."""


class Sending(NamedTuple):
    """One frame that is about to be sent. ``event`` is its name, or the channel of a market frame."""

    stream: Stream
    outlet: str
    event: str
    client_id: str
    symbol: str
    frame: Frame


class _Held:
    """Frames of one outlet that wait to be sent last first."""

    def __init__(self, missing: int, timer: Timer) -> None:
        self.missing = missing
        self.timer = timer
        self.frames: list[Frame] = []


class FrameFaults:
    """The last station before the queues of the clients."""

    def __init__(self, book: FaultBook, timers: Timers) -> None:
        self._book = book
        self._timers = timers
        self._held: dict[tuple[Stream, str], _Held] = {}

    def send(self, sending: Sending, outlet: Outlet, now_ns: int) -> None:
        """Push the frame, unless the plan has other ideas."""
        if not self._book.armed and not self._held:
            outlet.push(sending.frame)
            return
        expired = self._fire(ExpireKey, sending, now_ns)
        if expired is not None:
            outlet.expire(announced=expired.announced)
            return
        cut = self._fire(CutStream, sending, now_ns)
        if cut is not None:
            outlet.cut(cut.how)
            return
        if self._fire(DropFrame, sending, now_ns) is not None:
            return
        spoilt = self._fire(SpoilFrame, sending, now_ns)
        if spoilt is not None:
            outlet.push(spoilt_frame(spoilt))
            if spoilt.instead:
                return
        late = self._fire(DelayFrame, sending, now_ns)
        if late is not None:
            self._timers.at(now_ns + late.delay_ms * NANOSECONDS_PER_MILLISECOND, lambda _: outlet.push(sending.frame))
            return
        self._in_order(sending, outlet, now_ns)
        if self._fire(DuplicateFrame, sending, now_ns) is not None:
            outlet.push(sending.frame)

    def _in_order(self, sending: Sending, outlet: Outlet, now_ns: int) -> None:
        """Push the frame, or keep it while frames of its outlet are held back."""
        key = (sending.stream, sending.outlet)
        held = self._held.get(key)
        if held is None:
            mixed = self._fire(ReorderFrames, sending, now_ns)
            if mixed is None:
                outlet.push(sending.frame)
                return
            due_ns = now_ns + mixed.hold_ms * NANOSECONDS_PER_MILLISECOND
            timer = self._timers.at(due_ns, lambda _: self._release(key, outlet.push))
            held = self._held[key] = _Held(mixed.count, timer)
        held.frames.append(sending.frame)
        held.missing -= 1
        if not held.missing:
            held.timer.cancel()
            self._release(key, outlet.push)

    def _release(self, key: tuple[Stream, str], push: Callable[[Frame], None]) -> None:
        for frame in reversed(self._held.pop(key).frames):
            push(frame)

    def _fire(self, kind: type[FaultKind], sending: Sending, now_ns: int) -> FaultKind | None:
        return self._book.fire(
            kind,
            sending.stream,
            now_ns // NANOSECONDS_PER_MILLISECOND,
            sending.client_id,
            sending.symbol,
            sending.event,
        )


def spoilt_frame(fault: SpoilFrame) -> Frame:
    """What is sent instead of a frame."""
    if fault.body == "garbage":
        return _GARBAGE
    if fault.body == "torn":
        whole = gzip_frame(_STRANGE)
        return whole[: len(whole) // 2]
    if fault.body == "not_json":
        return gzip_frame("Ping Pong {")
    if fault.body == "wrong_types":
        return gzip_frame(_WRONG)
    if fault.body == "unknown_values":
        return gzip_frame(_STRANGE)
    if fault.body == "huge":
        return bytes(fault.size)
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    block = b" " * (1 << 20)
    packed = [packer.compress(block) for _ in range(fault.size >> 20)]
    packed.append(packer.compress(b" " * (fault.size & ((1 << 20) - 1))))
    return b"".join(packed) + packer.flush()
