"""Worker processes that do not outlive whoever started them.

A pool's workers look for the end of their parent between two tasks only, and a task may take half an hour: a command
that was ended by a signal would leave them computing for nobody.
"""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor


def worker_pool(processes: int) -> ProcessPoolExecutor:
    """So many fresh processes, which end with this one however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=end_with_parent)


def end_with_parent() -> None:
    """In a worker: from now on end as soon as the parent has ended, whatever is being done."""
    threading.Thread(target=_end, name="end-with-parent", daemon=True).start()


def _end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
