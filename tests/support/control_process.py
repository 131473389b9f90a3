"""A small session that takes commands, as a process of its own: journal, engine, helm, plane and socket; no venue.

``python control_process.py FOLDER MOMENT BASE`` answers until it is killed, with its plane under BASE. At the moments
"before" and "after" the row of a command is the last thing that happens: it is never written, or it is written and
nobody is told. At "slow" such a row takes a while.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dita.adapters.control import ControlServer, NobodyThere, Request, ask
from dita.adapters.control.messages import Command
from dita.adapters.journal import Entry, InlineCommit
from dita.adapters.journal.store import JournalStore
from dita.adapters.plane import Place, PlaneWriter, place_of
from dita.runtime.alerts import Alerts
from dita.runtime.engine import Engine
from dita.runtime.helm import Helm
from dita.runtime.lockstep import Lockstep
from dita.runtime.standing import NOTE
from dita.spec.vocabulary import SLOTS, Mode
from helm_parts import Kept, limits_of
from runtime_parts import ReferenceKernel, open_test_journal, registered

START_SECONDS: Final = 20.0


class CutCommit:
    """A journal that stops at the row of a command: see the module."""

    def __init__(self, store: JournalStore, moment: str) -> None:
        self._inline = InlineCommit(store)
        self._moment = moment

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        is_command = any(note.name == NOTE for note in entry.notes)
        if is_command and self._moment == "before":
            return asyncio.get_running_loop().create_future()
        done = self._inline.commit(entry)
        if is_command and self._moment == "after":
            return asyncio.get_running_loop().create_future()
        return asyncio.create_task(_later(done)) if is_command and self._moment == "slow" else done

    async def close(self) -> None:
        """See ``Commit``."""


async def _later(done: Awaitable[None]) -> None:
    await asyncio.sleep(0.05)
    await done


async def serve(folder: Path, moment: str, base: Path) -> None:
    """In the child."""
    journal = open_test_journal(folder / "journal.sqlite", lambda store: CutCommit(store, moment))
    place = place_of(base, folder / "journal.sqlite")
    lockstep = Lockstep(ReferenceKernel())
    for row in journal.rows():
        lockstep.step(row.input)
    alerts = Alerts(time.time_ns)
    engine = Engine(
        lockstep, journal, alerts, wall_ns=time.time_ns, venue_now_ns=time.time_ns, on_divergence=lambda _: None
    )
    if journal.position == 0:
        for event in registered():
            await engine.apply(event)
    helm = Helm(engine, alerts, Kept(), Mode.ACTIVE, SLOTS, limits_of, lambda _: True)
    await helm.begin()
    with PlaneWriter(place, bytes(32), b"", time.monotonic_ns()):
        server = ControlServer(place, helm.command)
        await server.start()
        await asyncio.get_running_loop().create_future()


@contextmanager
def session(folder: Path, moment: str = "", base: Path | None = None) -> Generator[subprocess.Popen[bytes]]:
    """Such a session that answers, killed in the end."""
    base = base or folder
    place = place_of(base, folder / "journal.sqlite")
    child = subprocess.Popen([sys.executable, __file__, str(folder), moment, str(base)], env=os.environ | _path())
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(place, child.pid):
            assert child.poll() is None, "the session ended at once"
            assert time.monotonic() < until, "the session does not start"
            time.sleep(0.01)
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parent)}


def _answers(place: Place, pid: int) -> bool:
    try:
        return ask(place, Request(Command.STATUS), 5).pid == pid
    except NobodyThere:
        return False


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
