"""Workers end with whoever started them, however that ended, and whatever they are doing."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dita.conformance.workers import worker_pool

# A parent with one worker that sleeps for as long as anybody may wait; it says the worker's number.
PARENT = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from dita.conformance.workers import worker_pool
import multiprocessing
plain = lambda count: ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
if __name__ == "__main__":
    with (worker_pool if sys.argv[1] == "ends" else plain)(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 3600).result()
"""
LEFT_ALONE = {"conformance/dita/conformance/vectors/generate.py"}  # every byte of it is part of the vectors' name


def is_alive(pid: int) -> bool:
    """Whether there is such a process that still does something."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kind", ["ends", "plain"])
def test_a_worker_ends_in_the_middle_of_its_task(kind: str, number: signal.Signals) -> None:
    """Its parent is ended by a signal: the worker is gone within moments. Planted: a plain pool's worker stays."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, kind], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    try:
        time.sleep(0.2)
        parent.send_signal(number)
        parent.wait(timeout=20)
        end = time.monotonic() + (20 if kind == "ends" else 1)
        while is_alive(worker) and time.monotonic() < end:
            time.sleep(0.02)

        assert is_alive(worker) == (kind == "plain")
    finally:
        parent.stdout.close()
        if is_alive(worker):
            os.kill(worker, signal.SIGKILL)


def test_a_pool_does_its_work() -> None:
    """Results come back from processes that are not this one."""
    with worker_pool(1) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()


def test_every_pool_of_the_judge_has_such_workers(repository: Path) -> None:
    """No module makes a pool of its own whose workers would stay."""
    room = repository / "conformance" / "dita"
    pools = {
        path.relative_to(repository).as_posix()
        for path in room.rglob("*.py")
        if re.search(r"ProcessPoolExecutor\(", path.read_text(encoding="utf-8"))
        and "end_with_parent()" not in path.read_text(encoding="utf-8")
    }

    assert pools - {"conformance/dita/conformance/workers.py"} == LEFT_ALONE
