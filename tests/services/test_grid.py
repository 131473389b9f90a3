"""Snapshots, features and commands through a real Hazelcast member, which comes and goes."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from dita.adapters.control import Command, Condition, ControlServer, Reply, Request
from dita.adapters.grid import GridAway, Map, command_of, entry, open_grid, read_entry
from dita.adapters.plane import PlaneWriter, place_of
from dita.runtime.doctor.checks import Health
from dita.runtime.doctor.machine import hazelcast_check
from dita.runtime.features import FeatureMap, FeaturesError
from dita.runtime.publishing import SCHEMA
from dita.runtime.relay import Relay
from dita.runtime.settings import load_settings
from dita.spec.decisions import Feature
from dita.spec.published import PublishedError, packed
from dita.spec.published.snapshot import FeatureView, LiveSnapshot
from hazelcast_member import CLUSTER, member
from loopback import free_port
from sample_published import sample

JAR: Final = Path(sys.prefix) / "hazelcast" / "hazelcast-5.5.0.jar"
TAG: Final = "test0"
STANDS: Final = Condition("HALTED", is_paused=False, is_flattening=False, slot_limit=3, live_slots=0, kept_back="")


def live(sequence: int) -> LiveSnapshot:
    """A snapshot of the session under test."""
    made: LiveSnapshot = sample(LiveSnapshot)
    return made._replace(
        engine=made.engine._replace(journal_tag=TAG), health=made.health._replace(sequence=sequence)
    )  # fmt: skip


class Session:
    """The session's side: a plane, and a socket that obeys."""

    def __init__(self, base: Path, journal: Path) -> None:
        self.place = place_of(base, journal)
        self.asked: list[Request] = []
        self._ended = False
        self.writer = PlaneWriter(self.place, SCHEMA, packed(live(1)), time.monotonic_ns())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._listening = threading.Event()
        self._thread.start()
        assert self._listening.wait(10)

    def publish(self, sequence: int) -> None:
        """A newer snapshot."""
        self.writer.publish(packed(live(sequence)), time.monotonic_ns())

    def end(self) -> None:
        """The last word, and the place is gone."""
        if not self._ended:
            self._ended = True
            self.writer.close(time.monotonic_ns())

    def close(self) -> None:
        """End both."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self.end()

    def _serve(self) -> None:
        async def obey(request: Request, _: str) -> Reply:
            self.asked.append(request)
            return Reply("", 7, 41, True, STANDS, STANDS, (), ())

        async def start() -> None:
            await server.start()
            self._listening.set()

        asyncio.set_event_loop(self._loop)
        server = ControlServer(self.place, obey)
        self._loop.run_until_complete(start())
        self._loop.run_forever()
        server.close()
        self._loop.close()


@contextmanager
def session(folder: Path) -> Generator[Session]:
    """In a folder of its own."""
    made = Session(folder, folder / "journal.sqlite")
    try:
        yield made
    finally:
        made.close()


def relay(folder: Path, port: int, features: Callable[[], FeatureMap] = dict) -> Relay:
    """Of that session."""
    return Relay(
        folder, folder / "journal.sqlite", TAG,
        lambda take: open_grid([f"127.0.0.1:{port}"], CLUSTER, take), features, time.time_ns, time.monotonic_ns,
    )  # fmt: skip


def until(relaying: Relay, holds: Callable[[], Any]) -> Any:
    """Let the relay look until something is there."""
    for _ in range(200):
        relaying.look()
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.mark.timeout(300)
def test_a_member_is_given_what_is_published_and_its_commands_are_obeyed(tmp_path: Path) -> None:
    """Snapshot and features; a command put while the relay listens, one that lay there, one for another journal."""
    port = free_port()
    known: dict[str, dict[Feature, object]] = {"BTC-USDT": {Feature.BOOST: 1.5}}
    halt = {"version": 1, "command": Command.HALT, "why": "by the grid", "slot_limit": 0, "wait_ms": 0}
    with member(tmp_path / "member", port, JAR), session(tmp_path) as trading:
        other = open_grid([f"127.0.0.1:{port}"], CLUSTER, None)
        other.put(Map.COMMANDS, "old", json.dumps(halt | {"journal_tag": TAG}))
        relaying = relay(tmp_path, port, lambda: known)
        relaying.look()
        shown = read_entry(LiveSnapshot, other.get(Map.SNAPSHOTS, TAG) or "")
        assert shown == live(1)
        boost = read_entry(FeatureView, other.get(Map.FEATURES, "BTC-USDT") or "")
        assert (boost.symbol, boost.boost_ppm) == ("BTC-USDT", 1_500_000)
        assert "nobody listened" in (other.get(Map.REPLIES, "old") or "")

        trading.publish(2)
        known.clear()
        assert until(relaying, lambda: read_entry(LiveSnapshot, other.get(Map.SNAPSHOTS, TAG) or "") == live(2))
        assert other.get(Map.FEATURES, "BTC-USDT") is None

        other.put(Map.COMMANDS, "one", json.dumps(halt | {"journal_tag": TAG}))
        reply = json.loads(until(relaying, lambda: other.get(Map.REPLIES, "one")))
        assert reply == {"problem": "", "journal_position": 41, "mode": "HALTED"}
        assert trading.asked == [Request(Command.HALT, "by the grid")]
        for name, text, word in (
            ("two", json.dumps(halt | {"journal_tag": "another0"}), "not the journal of this session"),
            ("three", json.dumps(halt | {"journal_tag": TAG, "command": "sell"}), "none of"),
            ("four", "no JSON", "no JSON"),
            ("five", json.dumps(halt), "journal_tag"),
        ):
            other.put(Map.COMMANDS, name, text)
            assert word in until(relaying, partial(other.get, Map.REPLIES, name))
        assert len(trading.asked) == 1
        assert other.keys(Map.COMMANDS) == []
        other.close()
        relaying.close()


@pytest.mark.timeout(300)
def test_a_member_that_is_away_holds_up_nobody_and_gets_the_newest(tmp_path: Path) -> None:
    """Killed by SIGKILL; the session publishes on; the next member is given the newest, and the last word."""
    port = free_port()
    with session(tmp_path) as trading:
        relaying = relay(tmp_path, port)
        with pytest.raises(GridAway):
            relaying.look()
        with member(tmp_path / "first", port, JAR):
            relaying.look()
            assert relaying.put == 1
        trading.publish(2)
        with pytest.raises(GridAway):
            relaying.look()
        trading.publish(3)
        with member(tmp_path / "second", port, JAR):
            relaying.look()
            other = open_grid([f"127.0.0.1:{port}"], CLUSTER, None)
            assert read_entry(LiveSnapshot, other.get(Map.SNAPSHOTS, TAG) or "") == live(3)
            trading.publish(4)
            trading.end()
            relaying.look()
            assert read_entry(LiveSnapshot, other.get(Map.SNAPSHOTS, TAG) or "") == live(4)
            other.close()
        relaying.close()


def test_a_wrong_key_is_told_and_nothing_is_shown() -> None:
    """An entry of another schema, with a field renamed, missing or too many, or that is none."""
    text = entry(FeatureView("BTC-USDT", 1, 2))
    whole = json.loads(text)
    renamed = {"schema": whole["schema"], "record": {"latest_acb": 1, **whole["record"]}}
    missing = {"schema": whole["schema"], "record": {"symbol": "BTC-USDT", "told_ns": 2}}
    wrongs: list[object] = [
        renamed, missing, whole | {"schema": "x"}, {"record": whole["record"]}, whole | {"more": 1}, [],
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(PublishedError):
            read_entry(FeatureView, json.dumps(wrong))
    with pytest.raises(PublishedError):
        read_entry(FeatureView, "{")
    with pytest.raises(PublishedError, match="characters"):
        command_of("x" * 9_000)
    assert read_entry(FeatureView, text) == FeatureView("BTC-USDT", 1, 2)


@pytest.mark.timeout(200)
def test_the_doctor_reaches_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there; once it is gone, or called by another cluster's name, the check says so."""
    port = free_port()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DITA_HAZELCAST", f"127.0.0.1:{port}")
    monkeypatch.setenv("DITA_HAZELCAST_CLUSTER", CLUSTER)
    with member(tmp_path / "member", port, JAR):
        assert hazelcast_check(load_settings()).health is Health.OK
        monkeypatch.setenv("DITA_HAZELCAST_CLUSTER", "another")
        assert hazelcast_check(load_settings()).health is Health.WARN
    monkeypatch.setenv("DITA_HAZELCAST_CLUSTER", CLUSTER)
    gone = hazelcast_check(load_settings())
    assert (gone.health, f"127.0.0.1:{port}" in gone.found) == (Health.WARN, True)


@pytest.mark.timeout(200)
def test_features_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """And the snapshot goes its way."""
    port = free_port()

    def refused() -> FeatureMap:
        raise FeaturesError("features.json", ("`latest_acb`: there is no such feature",))

    with member(tmp_path / "member", port, JAR), session(tmp_path):
        relaying = relay(tmp_path, port, refused)
        relaying.look()
        assert relaying.put == 1
        assert "latest_acb" in relaying.problems[0]
        relaying.close()
