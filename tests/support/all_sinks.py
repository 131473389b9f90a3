"""A session with everything on, killed at random with everything beside it; and what every sink holds then.

Beside the session are a process that feeds a folder, one that feeds a server over HTTP, that server, and the relay to a
Hazelcast member. ``python all_sinks.py FOLDER CERTIFICATE JAR KILLS SEED`` plays it with whatever ``dita`` is on the
path, prints what the judge finds, and ends with status 1 if that is anything.
"""

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from dita.adapters.control import Command, ControlError, Request, ask
from dita.adapters.grid import Map, open_grid, read_entry
from dita.adapters.plane import Place, PlaneError, PlaneReader, place_of
from dita.runtime.publishing import SCHEMA, read_snapshot
from dita.spec.published.snapshot import LiveSnapshot
from dita.spec.vocabulary import SLOTS
from hazelcast_member import CLUSTER, member
from kill_check import ENDLESS, Scene, wait_until
from loopback import ROWS_METRIC, free_port, scraped
from session_process import QUICK, exchange_process, finish, forking, kill, run_dita
from sink_judge import Commanded, Ends, judged, stored_in, truth_of

_FRONT: Final = Path(__file__).with_name("clickhouse_front.py")
_WITHIN_SECONDS: Final = 120.0
_SOON_SECONDS: Final = 5.0
_LIVES_SECONDS: Final = (0.3, 1.5)
_ANSWER_SECONDS: Final = 3.0
_METRICS_AGE_SECONDS: Final = 1.1  # what is scraped may be so old
# What leaves something unfinished at most moments: orders that fill in parts and late, replies that never come.
_FAULTS: Final = [
    {"kind": "split_fills", "parts": 3, "delay_ms": 100, "when": {"every": 2, "times": 0}},
    {"kind": "lose_reply", "how": "reset", "when": {"every": 11, "times": 0}},
    {"kind": "drop_frame", "event": "ORDER_TRADE_UPDATE", "when": {"every": 17, "times": 0}},
]


def until(what: Callable[[], object], about: str, seconds: float = _WITHIN_SECONDS) -> None:
    """Wait until it is so. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"{about}: not within {seconds:g} s")
        time.sleep(0.05)


class Beside:
    """A process beside the session: ``dita`` with these arguments, as often as it is started."""

    def __init__(self, name: str, folder: Path, arguments: Sequence[str]) -> None:
        self.name = name
        self.killed = 0
        self._folder = folder
        self._arguments = [*arguments, "--journal", str(folder / "journal.sqlite")]
        self._starts = 0
        self._process: BaseProcess | None = None

    @property
    def said(self) -> str:
        """Since its newest start."""
        path = self._folder / f"{self.name}-{self._starts}.txt"
        return path.read_text() if path.exists() else ""

    def start(self, *more: str) -> BaseProcess:
        """Start it unless it runs."""
        if self._process is None or not self._process.is_alive():
            self._starts += 1
            output = str(self._folder / f"{self.name}-{self._starts}.txt")
            arguments = [*self._arguments, *more]
            environment = QUICK | {"DITA_PLANE": str(self._folder)}
            self._process = forking().Process(target=run_dita, args=(str(self._folder), arguments, environment, output))
            self._process.start()
        return self._process

    def kill(self) -> None:
        """By SIGKILL, if it runs."""
        if self._process is not None and self._process.is_alive():
            kill(self._process)
            self.killed += 1

    def stop(self) -> None:
        """By SIGTERM, at which it ends in order."""
        assert self._process is not None
        assert self._process.is_alive(), f"{self.name} ended before its time:\n{self.said[-2000:]}"
        self._process.terminate()
        assert finish(self._process, _WITHIN_SECONDS) == 0, f"{self.name}:\n{self.said[-2000:]}"


class Served:
    """ClickHouse's engine behind HTTP, in a process of its own; killed, it is started on what it left."""

    def __init__(self, folder: Path) -> None:
        self.killed = 0
        self._folder = folder
        self._port = free_port()
        self.where = f"http://127.0.0.1:{self._port}/trading"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen([sys.executable, str(_FRONT), str(self._folder), str(self._port)])
            until(self._listens, "the server of analytics")

    def kill(self) -> None:
        """By SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self.killed += 1

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True


class Company:
    """The session of a scene, and everybody beside it."""

    def __init__(self, scene: Scene, jar: Path, patience_seconds: float) -> None:
        folder, port = scene.folder, free_port()
        self.journal = folder / "journal.sqlite"
        self.served = Served(folder / "served")
        self.killed = 0
        self._scene = scene
        self._patience_seconds = patience_seconds  # how long the cluster may take to hear of the end
        self._members = [f"127.0.0.1:{port}"]
        self._cluster = ExitStack()
        self._new_member = partial(member, folder / "member", port, jar)
        self._place: Place = place_of(folder, self.journal)
        self._cluster.enter_context(self._new_member())
        self._grid = open_grid(self._members, CLUSTER, None)
        self.folder_feeder = Beside("folder", folder, ["analytics", "follow", "--store", str(folder / "analytics")])
        self.server_feeder = Beside("server", folder, ["analytics", "follow", "--store", self.served.where])
        self.relay = Beside("relay", folder, ["relay", "--member", *self._members, "--cluster", CLUSTER, "--commands"])
        self.beside = (self.folder_feeder, self.server_feeder, self.relay)
        self._metrics_port = free_port()
        self._commands: list[Commanded] = []
        self._sessions = 0
        self._newest: BaseProcess | None = None

    def close(self) -> None:
        """Nobody runs any more."""
        self._grid.close()
        if self._newest is not None and self._newest.is_alive():
            kill(self._newest)
        for one in self.beside:
            one.kill()
        self.served.kill()
        self._cluster.close()

    # --- one life -----------------------------------------------------------------------------------------------------

    def live_and_die(self, rng: random.Random, number: int) -> None:
        """The session is commanded, and killed; at moments of their own, so are some of those beside it."""
        session = self._session()
        if number % 2:  # these are killed while they start, or soon after
            until(self.journal.exists, "the journal")
            self._start_beside()
        else:
            self._at_work(session)
        by = self._command if rng.random() < 0.5 else self._put_command
        acts: list[tuple[float, Callable[[], None]]] = [
            (rng.uniform(*_LIVES_SECONDS), partial(self._kill, session)),
            (rng.uniform(0.0, _LIVES_SECONDS[1]), partial(by, f"life {number}", rng.randint(1, SLOTS))),
        ]
        victims = [*(one.kill for one in self.beside), self.served.kill]
        acts += [(rng.uniform(0.0, _LIVES_SECONDS[1]), victim) for victim in victims if rng.random() < 0.5]
        began = time.monotonic()
        for at, act in sorted(acts, key=lambda one: one[0]):
            time.sleep(max(0.0, began + at - time.monotonic()))
            act()

    def last_life(self, away_seconds: float = 0.0) -> Ends:
        """It is commanded, looked at and told to stop; everybody else takes in its end and ends in order.

        Before that server and cluster may be away, while it trades.
        """
        session = self._session()
        self._at_work(session)
        if away_seconds:
            self._without_sinks(session, away_seconds)
        with PlaneReader(self._place, SCHEMA) as reader:
            self._command("last", SLOTS - 1)
            number = 0
            while self._answer(f"last {number}") is None:  # one that is put while the relay is away is not taken
                number += 1
                self._put_command(f"last {number}", SLOTS - 2)
                until(partial(self._grid.get, Map.REPLIES, f"last {number}"), "an answer in the cluster")
            scraped = self._scraped_rows()
            session.terminate()
            status = finish(session, _WITHIN_SECONDS)
            assert status == 1, f"status {status}:\n{self._output.read_text()[-2000:]}"  # it had more to do
            plane = read_snapshot(reader.read()[0].payload)
        tag, _, rows = stored_in(self.journal)
        with suppress(TimeoutError):  # the judge says what is missing
            end = rows[-1][0].position
            until(lambda: self._in_the_cluster(tag).engine.journal_position == end, "its end", self._patience_seconds)
        for one in self.beside:
            one.stop()
        for one in (self.folder_feeder, self.server_feeder):
            assert finish(one.start("--once"), _WITHIN_SECONDS) == 0, one.said[-2000:]
        commands = [one._replace(position=one.position or self._answer(one.why)) for one in self._commands]
        figures = json.loads((self._scene.folder / "session.json").read_text())["figures"]
        return Ends(
            self.journal, str(self._scene.folder / "analytics"), self.served.where, plane, self._in_the_cluster(tag),
            scraped, commands, figures,
        )  # fmt: skip

    def _without_sinks(self, session: BaseProcess, seconds: float) -> None:
        """Both are killed at once; what the cluster had in memory is gone with it."""
        self.served.kill()
        self._grid.close()
        self._cluster.close()
        back = time.monotonic() + seconds
        while time.monotonic() < back:
            time.sleep(min(1.0, seconds))
            assert session.is_alive(), f"the session ended before its time:\n{self._output.read_text()[-2000:]}"
        self._cluster.enter_context(self._new_member())
        self._grid = open_grid(self._members, CLUSTER, None)
        self.served.start()

    # --- who takes part -----------------------------------------------------------------------------------------------

    @property
    def _output(self) -> Path:
        return self._scene.folder / f"session-{self._sessions}.txt"

    def _session(self) -> BaseProcess:
        self._sessions += 1
        more = {"DITA_METRICS_PORT": str(self._metrics_port), "DITA_LOG_FORMAT": "json"}
        self._newest = self._scene.start(self._output, ENDLESS, more=more)
        return self._newest

    def _trades(self) -> bool:
        return self._output.exists() and "trading" in self._output.read_text()

    def _start_beside(self) -> None:
        self.served.start()
        for one in self.beside:
            one.start()

    def _at_work(self, session: BaseProcess) -> None:
        """Wait until the session trades and the others have taken something in."""
        wait_until(self._trades, session, self._output)
        self._start_beside()
        for one in self.beside:
            until(partial(_is_at_work, one), one.name)

    def _kill(self, session: BaseProcess) -> None:
        assert session.is_alive(), f"the session ended before its time:\n{self._output.read_text()[-2000:]}"
        kill(session)
        self.killed += 1

    # --- commands and looks -------------------------------------------------------------------------------------------

    def _command(self, why: str, slot_limit: int) -> None:
        """By the socket. One that is not answered, because the session is killed, may have been obeyed or not."""
        position: int | None = None
        with suppress(ControlError, PlaneError):
            position = ask(self._place, Request(Command.LIMIT, why, slot_limit), _ANSWER_SECONDS).position
        self._commands.append(Commanded(why, slot_limit, position))

    def _put_command(self, why: str, slot_limit: int) -> None:
        """By the cluster. What came of it is asked at the end."""
        request = {"version": 1, "command": Command.LIMIT, "why": why, "slot_limit": slot_limit, "wait_ms": 0}
        tag, _, _ = stored_in(self.journal)
        self._grid.put(Map.COMMANDS, why, json.dumps(request | {"journal_tag": tag}))
        self._commands.append(Commanded(why, slot_limit, None))

    def _answer(self, why: str) -> int | None:
        """The row that a reply in the cluster names; None when there is none, or the command was not taken."""
        reply = json.loads(self._grid.get(Map.REPLIES, why) or "{}")
        return int(reply["journal_position"]) if reply and not reply["problem"] else None

    def _in_the_cluster(self, tag: str) -> LiveSnapshot:
        return read_entry(LiveSnapshot, self._grid.get(Map.SNAPSHOTS, tag) or "")

    def _scraped_rows(self) -> tuple[int, int, int]:
        before = stored_in(self.journal)[2][-1][0].position
        time.sleep(_METRICS_AGE_SECONDS)
        counted = scraped(self._metrics_port, ROWS_METRIC)
        return before, counted, stored_in(self.journal)[2][-1][0].position


def _is_at_work(one: Beside) -> bool:
    return "following" in one.said or "relaying" in one.said


@contextmanager
def company(
    folder: Path, certificate: Path, jar: Path, patience_seconds: float = _WITHIN_SECONDS
) -> Generator[Company]:
    """An exchange, a member, and who takes part."""
    with exchange_process(folder, faults={"faults": _FAULTS}) as exchange:
        made = Company(Scene(exchange, certificate, folder), jar, patience_seconds)
        try:
            yield made
        finally:
            made.close()


def played(made: Company, kills: int, seed: int) -> Ends:
    """So many lives that end by SIGKILL, and the last one."""
    rng = random.Random(seed)
    for number in range(kills):
        made.live_and_die(rng, number)
    return made.last_life()


def main(folder: Path, certificate: Path, jar: Path, kills: int, seed: int) -> int:
    """Play it, and judge; what does not get there soon is not waited for."""
    with company(folder, certificate, jar, _SOON_SECONDS) as made:
        ends = played(made, kills, seed)
        found = judged(ends, truth_of(ends.journal))
    sys.stdout.write("".join(f"{one}\n" for one in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
