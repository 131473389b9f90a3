"""Workers on Dask ``distributed``: processes of this machine, or of others whose scheduler is named by its address.

Dask sends tasks and results as pickles, so whoever can reach a scheduler can run code on its workers: a cluster must be
trusted as this machine is. The local one listens on loopback only. A ``tls://`` address takes its keys from Dask's own
settings (``DASK_DISTRIBUTED__COMM__TLS__CA_FILE`` and its neighbours). When a worker dies its shard is run again on
another; one whose workers died ``LOSSES_MAX`` times is reported.
"""

import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any, Final

import distributed
from dask import config as dask_config
from distributed import WorkerPlugin

from dita.conformance.long_campaign import Finished
from dita.conformance.shard import Order, run_shard
from dita.conformance.tasks import TaskResult

_dask: Any = distributed  # only parts of it are typed

LOOPBACK: Final = "127.0.0.1"
LOCAL: Final = "local"
PROCESSES: Final = 2
LOSSES_MAX: Final = 5
CONNECT_SECONDS: Final = 20


class ClusterRefused(Exception):
    """The cluster cannot be used; the message names its address and what to do."""


class LeftToTheCampaign(WorkerPlugin):
    """An interrupt from the keyboard reaches every process of the terminal; the campaign alone answers it."""

    def setup(self, worker: object) -> None:
        """Ignore it in a worker; it ends when the cluster is closed."""
        del worker
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class DaskWorkers:
    """Shards on the workers of a Dask cluster."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._finished: Queue[tuple[Order, Any]] = Queue()

    @property
    def size(self) -> int:
        """How many shards can run at once, at least one."""
        threads: dict[str, int] = self.client.nthreads()
        return max(1, sum(threads.values()))

    def submit(self, order: Order) -> None:
        """Have a shard carried out."""
        future = self.client.submit(run_shard, order, pure=False, key=f"shard-{order.task.seed}")

        def finished(done: object) -> None:
            self._finished.put((order, done))

        future.add_done_callback(finished)

    def finished(self, seconds: float) -> list[Finished]:
        """What has come back; waits so long for a first one."""
        found: list[Finished] = []
        try:
            found.append(_judged(*self._finished.get(timeout=seconds)))
            while True:
                found.append(_judged(*self._finished.get_nowait()))
        except Empty:
            return found


def _judged(order: Order, future: Any) -> Finished:
    if future.status == "finished":
        result: TaskResult = future.result()
        return Finished(order, result, "")
    if future.status == "error":
        return Finished(order, None, f"{future.exception()}")
    return Finished(order, None, f"it was {future.status}: the scheduler is gone")


@contextmanager
def dask_workers(address: str, processes: int = PROCESSES) -> Generator[DaskWorkers]:
    """The workers of ``local`` or of the scheduler at an address. Raises ClusterRefused."""
    with dask_config.set({"distributed.scheduler.allowed-failures": LOSSES_MAX}):
        if address != LOCAL:
            with _remote(address) as client:
                yield DaskWorkers(client)
            return
        with (
            tempfile.TemporaryDirectory(prefix="dita-workers-") as scratch,
            _dask.LocalCluster(
                n_workers=processes, threads_per_worker=1, processes=True, host=LOOPBACK,
                dashboard_address=f"{LOOPBACK}:0", silence_logs=50, local_directory=scratch,
            ) as cluster,
            _dask.Client(cluster, set_as_default=False) as client,
        ):  # fmt: skip
            client.register_plugin(LeftToTheCampaign())
            yield DaskWorkers(client)


@contextmanager
def _remote(address: str) -> Generator[Any]:
    security = _dask.Security() if address.startswith("tls://") else None
    try:
        client = _dask.Client(address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as problem:
        message = f"--cluster: no scheduler answers at `{address}` ({problem}); start one with `dask scheduler`"
        raise ClusterRefused(message) from problem
    with client:
        if not client.nthreads():
            raise ClusterRefused(
                f"--cluster: the scheduler at `{address}` has no workers; start some with `dask worker`"
            )
        client.register_plugin(LeftToTheCampaign())
        yield client
