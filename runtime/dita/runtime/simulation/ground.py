"""The ground of a session that runs on virtual time: one loop, connections in memory, a journal without a thread."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import Final

from dita.adapters.journal import GroupedCommit, InlineCommit
from dita.adapters.journal.store import JournalStore
from dita.runtime.ground import Ground
from dita.runtime.simulation.loop import SimulatedClock, VirtualLoop, virtual_library_clocks
from dita.runtime.simulation.network import MemoryListener, MemoryNetwork

LATENCY_SECONDS: Final = 0.001  # of every message, each way
_PORT: Final = 9443  # of an exchange in memory: any will do


def _unsynced(store: JournalStore) -> InlineCommit:
    """At once, and without waiting for the disk: what the loss of power takes, the same command makes again."""
    store.stop_syncing()
    return InlineCommit(store)


def _grouped(store: JournalStore) -> GroupedCommit:
    """The same, in groups."""
    store.stop_syncing()
    return GroupedCommit(store)


@contextmanager
def virtual_ground(seed: int, *, is_direct: bool = False) -> Generator[tuple[VirtualLoop, Ground]]:
    """A loop on virtual time, and the ground of a session that runs on it."""
    wire = f"in memory, {LATENCY_SECONDS * 1000:g} ms of virtual time each way"
    network = MemoryNetwork(Random(f"network {seed}"), (LATENCY_SECONDS, LATENCY_SECONDS))
    loop = VirtualLoop(network)
    ground = Ground(
        name="backtest",
        wire="none, the exchange is called directly" if is_direct else wire,
        clock=SimulatedClock(loop),
        driver=_grouped if is_direct else _unsynced,
        listen=MemoryListener,  # type: ignore[arg-type] # stands for a socket
        port=_PORT,
        is_watched=False,
        within=f" in the memory of process {os.getpid()}",
        pass_time=loop.pass_time if is_direct else None,
    )
    try:
        with virtual_library_clocks(loop):
            yield loop, ground
    finally:
        loop.close()
        network.close()
