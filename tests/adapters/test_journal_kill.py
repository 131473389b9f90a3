"""The journal under SIGKILL and on a real disk limit, in processes of their own."""

import asyncio
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dita.adapters.journal import InlineCommit, open_journal

KILLS = 10  # each about half a second
WRITER = """
import asyncio, os, sys
from dita.adapters.journal import InlineCommit, ThreadCommit, open_journal
from dita.adapters.journal.journal import Journal
from dita.adapters.journal.store import JournalStore
from dita.spec.inputs import Input

class EarlyCommit:
    "Planted: says durable before it is. The newest 20 are never written, so that no moment of a kill is a lucky one."
    def __init__(self, store):
        self.store, self.kept = store, []
    async def commit(self, entry):
        self.kept.append(entry)
        if len(self.kept) == 50:
            self.store.write(self.kept[:-20])
            del self.kept[:-20]
    async def close(self):
        pass

DRIVERS = {"thread": ThreadCommit, "inline": InlineCommit, "early": EarlyCommit}

async def worker(journal):
    while True:
        place = journal.append(Input(kind=1), send_by_ns=0, digest=bytes(32), wall_ns=0)
        position = journal.position
        await place
        os.write(1, f"{position}\\n".encode())

async def main():
    journal = open_journal(__import__("pathlib").Path(sys.argv[1]), account="a", tag="tag0", wall_ns=1,
                           driver=DRIVERS[sys.argv[2]])
    os.write(1, b"0\\n")
    await asyncio.gather(*(worker(journal) for _ in range(8)))

asyncio.run(main())
"""


def run_and_kill(path: Path, driver: str, acknowledged: int) -> set[int]:
    """Let a writer acknowledge about so many rows, kill it, and give every position that it had acknowledged."""
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path), driver], stdout=subprocess.PIPE)
    assert child.stdout is not None
    said: list[bytes] = []
    while len(said) <= acknowledged and (line := child.stdout.readline()):
        said.append(line)
    child.send_signal(signal.SIGKILL)
    said += child.stdout.readlines()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return {int(line) for line in said if line.endswith(b"\n")} - {0}


def positions(path: Path) -> set[int]:
    async def read() -> set[int]:
        journal = open_journal(path, account="a", tag="tag0", wall_ns=1, driver=InlineCommit)
        found = {row.position for row in journal.rows()}
        await journal.close()
        return found

    return asyncio.run(read())


def lost_rows(path: Path, driver: str, rng: random.Random, kills: int) -> int:
    """Kill writers of one journal again and again; how many acknowledged rows are missing afterwards."""
    acknowledged: set[int] = set()
    lost: set[int] = set()
    for _ in range(kills):
        acknowledged |= run_and_kill(path, driver, rng.randint(1, 120))
        lost |= acknowledged - positions(path)
    assert len(acknowledged) > kills
    return len(lost)


@pytest.mark.parametrize("driver", ["thread", "inline"])
def test_no_acknowledged_row_is_lost_to_a_kill(tmp_path: Path, driver: str) -> None:
    """SIGKILL in the middle of writes, again and again on one journal: 0 acknowledged rows lost, and no gap."""
    assert lost_rows(tmp_path / "j", driver, random.Random(2), KILLS) == 0


def test_the_kill_test_finds_a_commit_that_acknowledges_early(tmp_path: Path) -> None:
    """Planted defect: a driver that acknowledges before it writes loses rows, and the same check sees it."""
    assert lost_rows(tmp_path / "j", "early", random.Random(2), 3) > 0


LIMITED = """
import asyncio, sys, pathlib
from dita.adapters.journal import JournalFull, JournalUnwritable, ThreadCommit, open_journal
from dita.spec.inputs import Input

async def main():
    journal = open_journal(pathlib.Path(sys.argv[1]), account="a", tag="tag0", wall_ns=1, driver=ThreadCommit)
    try:
        while True:
            await journal.append(Input(kind=1), send_by_ns=0, digest=bytes(32), wall_ns=0)
            print(journal.position, flush=True)
    except (JournalFull, JournalUnwritable) as error:
        print("refused:", error, flush=True)

asyncio.run(main())
"""


def limit_file_size(size: int = 200_000) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_file_size_limit_is_named_and_loses_nothing(tmp_path: Path) -> None:
    """When the operating system refuses to write, the append raises by name; every acknowledged row is there."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "j")],
        stdout=subprocess.PIPE, preexec_fn=limit_file_size, text=True, check=False, timeout=60,
    )  # fmt: skip
    *said, last = done.stdout.splitlines()
    assert last.startswith("refused: journal ")
    assert "then start again" in last
    assert {int(line) for line in said} <= positions(tmp_path / "j")
    assert len(said) > 10


def test_no_room_for_a_new_journal_is_named_and_leaves_no_lock(tmp_path: Path) -> None:
    """There is no space even for the tables: refused by name, and with space again the same path can be used."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "j")],
        stderr=subprocess.PIPE, preexec_fn=lambda: limit_file_size(6000), text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "JournalUnwritable" in done.stderr or "JournalFull" in done.stderr
    assert "then start again" in done.stderr
    assert positions(tmp_path / "j") == set()
