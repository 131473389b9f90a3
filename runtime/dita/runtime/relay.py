"""From the shared-memory plane to a Hazelcast cluster, and commands from there to the session's own socket.

A process beside the session, which neither knows of it nor waits for it. While the cluster is away nothing is kept for
it: when it is back, the newest snapshot goes there. A command counts only if it is put while this listens; one that was
lying there is answered as not taken, for whoever put it may have given it up.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, Queue
from typing import Final, final

from dita.adapters.control import ControlError, ask
from dita.adapters.control.messages import read_request
from dita.adapters.grid import Grid, GridAway, Map, command_of, entry
from dita.adapters.plane import PlaneError, PlaneReader, place_of
from dita.runtime.features import FeatureMap, FeaturesError
from dita.runtime.foreign_numbers import NotANumber, positive_units
from dita.runtime.publishing import read_snapshot, watch
from dita.spec.decisions import Feature
from dita.spec.published import PublishedError
from dita.spec.published.snapshot import FeatureView
from dita.spec.scales import RATIO_SCALE

COMMANDS_MAX: Final = 64  # that wait; more are answered as not taken
ANSWER_SECONDS: Final = 10.0
_REMEMBERED: Final = 1024


@final
class Relay:
    """One session's. ``open_`` connects, and hands over who takes commands."""

    def __init__(
        self,
        base: Path,
        journal: Path,
        tag: str,
        open_: Callable[[Callable[[str, str], None]], Grid],
        features: Callable[[], FeatureMap],
        wall_ns: Callable[[], int],
        monotonic_ns: Callable[[], int],
    ) -> None:
        self.put = 0
        self.commands = 0
        self.problems: deque[str] = deque(maxlen=20)
        self._base = base
        self._journal = journal
        self._tag = tag
        self._open = open_
        self._read_features = features
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._grid: Grid | None = None
        self._reader: PlaneReader | None = None  # kept: the last word of a session is read when its place is gone
        self._queue: Queue[tuple[str, str]] = Queue(COMMANDS_MAX)
        self._answered: deque[str] = deque(maxlen=_REMEMBERED)
        self._newest = (0, -1)  # began, sequence
        self._features: Mapping[str, int] = {}

    def look(self) -> bool:
        """Once: put what is new, answer commands; whether there was something. Raises GridAway; call again then."""
        try:
            grid = self._connected()
            done = self._snapshot(grid)
            done |= self._put_features(grid)
            return self._answer(grid) or done
        except GridAway:
            self._forget_grid()
            raise

    def close(self) -> None:
        """Let go of the cluster and of the session."""
        self._forget_grid()
        self._forget_reader()

    def _forget_grid(self) -> None:
        grid, self._grid = self._grid, None
        if grid is not None:
            grid.close()

    def _connected(self) -> Grid:
        if self._grid is None:
            self._grid = self._open(self._take)
            self._newest, self._features = (0, -1), {}
            for name in self._grid.keys(Map.COMMANDS):
                if self._grid.take(Map.COMMANDS, name):
                    self._grid.put(Map.REPLIES, name, _reply("not taken: nobody listened when it was put"))
        return self._grid

    def _take(self, name: str, text: str) -> None:
        """Called in a thread of the client's."""
        if not self._queue.full():
            self._queue.put_nowait((name, text))

    def _snapshot(self, grid: Grid) -> bool:
        try:
            if self._reader is None:
                self._reader = watch(self._base, self._journal)
            snapshot = read_snapshot(self._reader.look(self._monotonic_ns()).packet.payload)
        except (PlaneError, PublishedError) as error:
            self._forget_reader()
            self._say(str(error))
            return False
        which = snapshot.health.began_ns, snapshot.health.sequence
        if which == self._newest or snapshot.engine.journal_tag != self._tag:
            return False  # how old it is, it says itself: ``made_ns``
        grid.put(Map.SNAPSHOTS, self._tag, entry(snapshot))
        self._newest = which
        self.put += 1
        return True

    def _forget_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _put_features(self, grid: Grid) -> bool:
        try:
            known = _boosts(self._read_features())
        except FeaturesError as error:
            self._say(str(error))
            return False
        if known == self._features:
            return False
        for symbol, boost_ppm in known.items():
            grid.put(Map.FEATURES, symbol, entry(FeatureView(symbol, boost_ppm, self._wall_ns())))
        for symbol in self._features.keys() - known.keys():
            grid.take(Map.FEATURES, symbol)
        self._features = known
        return True

    def _answer(self, grid: Grid) -> bool:
        answered = False
        while True:
            try:
                name, text = self._queue.get_nowait()
            except Empty:
                return answered
            if name in self._answered or not grid.take(Map.COMMANDS, name):
                continue
            self._answered.append(name)
            said = self._carried_out(text)
            if said is not None:
                self.commands += 1
                grid.put(Map.REPLIES, name, said)
                answered = True

    def _carried_out(self, text: str) -> str | None:
        try:
            tag, line = command_of(text)
            if tag != self._tag:
                return _reply(f"not taken: `{tag}` is not the journal of this session, `{self._tag}`")
            reply = ask(place_of(self._base, self._journal), read_request(line), ANSWER_SECONDS)
        except (PublishedError, ControlError, PlaneError) as error:
            return _reply(str(error))
        return _reply(reply.problem, reply.position, reply.after.mode)

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _reply(problem: str, position: int = 0, mode: str = "") -> str:
    return json.dumps({"problem": problem, "journal_position": position, "mode": mode})


def _boosts(features: FeatureMap) -> dict[str, int]:
    found: dict[str, int] = {}
    for symbol, row in features.items():
        boost_ppm = positive_units(row.get(Feature.BOOST, 1), RATIO_SCALE)
        if not isinstance(boost_ppm, NotANumber):
            found[symbol] = int(boost_ppm)
    return found
