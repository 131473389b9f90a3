"""A plane under fire: writers that publish as fast as they can and are killed, readers that look and are killed.

A payload says which life of the writer and which publication it is, and is filled from both. So what a reader was
given is judged by itself: a mixture of two, or nothing at all, cannot pass for a publication.
"""

import functools
import hashlib
import multiprocessing
import os
import random
import struct
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from dita.adapters.plane import Place, PlaneDamaged, PlaneMissing, PlaneReader, PlaneWriter, layout, place_of

SECONDS_MAX: Final = 5.0  # for one life to begin, or its end to be noticed
SCHEMA: Final = hashlib.sha256(b"a test").digest()
_NUMBERS: Final = struct.Struct("<QQ")


def payload_of(life: int, number: int) -> bytes:
    """One publication: its own length, and no two alike."""
    seed = _NUMBERS.pack(life, number)
    return seed + hashlib.shake_128(seed).digest(500 + number * 37 % 3000)


def fault_of(payload: bytes) -> str:
    """What is wrong with what a reader was given; "" when it is a publication."""
    if not payload.strip(b"\0"):
        return "empty"
    return "" if payload == payload_of(*_NUMBERS.unpack_from(payload)) else "torn"


# --- planted defects -------------------------------------------------------------------------------------------------


def _nothing_planted() -> None:
    pass


def _bare(before: Callable[[int, bytes, int], object]) -> None:
    """One place, no checksum, and something else in it for a moment before each packet, its old head left alone."""
    for name, value in (("PACKETS", 1), ("INDEX", struct.Struct("<Q")), ("checksum", _no_checksum)):
        setattr(layout, name, value)
    pwrite = os.pwrite

    def twice(handle: int, content: bytes, at: int) -> int:
        if len(content) > layout.HEAD_BYTES:
            before(handle, content[layout.HEAD_BYTES :], at + layout.HEAD_BYTES)
            time.sleep(1e-4)
        return pwrite(handle, content, at)

    os.pwrite = twice  # type: ignore[assignment] # the planted defect


def _no_checksum(_fields: bytes, _payload: bytes) -> int:
    return 0


def _unchecked() -> None:
    """What a bare copy under a counter would be: half of the next packet's payload is there already."""
    pwrite = os.pwrite
    _bare(lambda handle, payload, at: pwrite(handle, payload[:300], at))


def _zeroed_first() -> None:
    """The predecessor's writer: everything is zero for a moment."""
    pwrite = os.pwrite
    _bare(lambda handle, _payload, at: pwrite(handle, bytes(4000), at))


PLANTED: Final[dict[str, Callable[[], None]]] = {
    "": _nothing_planted,
    "unchecked": _unchecked,
    "zeroed first": _zeroed_first,
}


# --- processes -------------------------------------------------------------------------------------------------------


def write(base: str, journal: str, life: int, planted: str) -> None:
    """In a child: publish until killed."""
    PLANTED[planted]()
    place = place_of(Path(base), Path(journal))
    writer = PlaneWriter(place, SCHEMA, payload_of(life, 1), time.monotonic_ns())
    number = 1
    while True:
        number += 1
        writer.publish(payload_of(life, number), time.monotonic_ns())


def read(base: str, journal: str, told: str, planted: str) -> None:
    """In a child: look until killed. Appends a line for every fault at once, and one for its looks now and then."""
    PLANTED[planted]()
    place = place_of(Path(base), Path(journal))
    handle = os.open(told, os.O_WRONLY | os.O_APPEND)
    reader = _reader(place)
    life, number, looks, last = 0, 0, 0, ""
    while True:
        try:
            seen = reader.look(time.monotonic_ns())
        except PlaneDamaged:
            os.write(handle, b"damaged\n")
            continue
        looks += 1
        payload = seen.packet.payload
        fault = fault_of(payload)
        now = (life, number) if fault else _NUMBERS.unpack_from(payload)
        if now < (life, number):
            fault = f"back from {(life, number)} to {now}"
        life, number = now
        if fault:
            os.write(handle, f"{fault}\n".encode())
        said = f"{seen.pulse.value} {life} {len(seen.damaged)}\n"
        if said != last or looks % 1000 == 0:
            os.write(handle, said.encode())
        last = said


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS_MAX
    while not holds() and time.monotonic() < until:
        time.sleep(0.002)


def _reader(place: Place) -> PlaneReader:
    while True:
        try:
            return PlaneReader(place, SCHEMA)
        except PlaneMissing:
            time.sleep(0.001)


def under_fire(
    base: Path, folder: Path, *, lives: int, rng: random.Random, planted: str = "", is_cut: bool = False
) -> list[str]:
    """So many lives of a writer, two readers beside them, all ended by SIGKILL; what the readers told, line by line.

    ``is_cut``: while each life lasts somebody cuts the region short. A reader that ends by itself is a fault.
    """
    told = folder / "told"
    told.touch()
    context = multiprocessing.get_context("fork")  # nothing to import anew: a life begins in milliseconds
    journal = str(folder / "journal.sqlite")

    def start(work: Callable[..., None], *arguments: object) -> BaseProcess:
        process = context.Process(target=work, args=(str(base), journal, *arguments, planted), daemon=True)
        process.start()
        return process

    readers = [start(read, str(told)) for _ in range(2)]
    writers: list[BaseProcess] = []
    try:
        for life in range(1, lives + 1):
            writers.append(start(write, life))
            _wait_until(functools.partial(_is_told, told, f"live {life} "))
            time.sleep(rng.uniform(0.02, 0.12))
            if is_cut:
                os.truncate(place_of(base, Path(journal)).region, rng.randrange(layout.REGION_BYTES // 2))
                time.sleep(0.02)
            _kill(writers[-1])
            _wait_until(functools.partial(_is_told, told, f"died {life} "))
            if rng.random() < 0.3:
                victim = rng.randrange(2)
                _kill(readers[victim])
                readers[victim] = start(read, str(told))
        ended = sum(not reader.is_alive() for reader in readers)
    finally:
        for process in (*readers, *writers):
            _kill(process)
    return [*told.read_text().splitlines(), *["a reader ended by itself"] * ended]


def _is_told(told: Path, words: str) -> bool:
    return words in told.read_text()


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join()
