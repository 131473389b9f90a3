"""``dita doctor``: every check holds where all is well, and each is turned by the failure that it is there for."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from dita.adapters.bingx.credentials import KEY_NAME, SECRET_NAME
from dita.adapters.bingx.errors import BadReply
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.exchange import AccountConfig, ExchangeConfig
from dita.adapters.exchange.config import Contract
from dita.adapters.journal import InlineCommit, Switch, SwitchTo, open_journal, set_switch
from dita.adapters.plane import PlaneWriter, place_of
from dita.conformance.signing import SigningKey
from dita.kernel.loader import RawKernel, installed_bindings
from dita.runtime.cli_report import Reporter
from dita.runtime.connect import Patience
from dita.runtime.doctor import account, machine
from dita.runtime.doctor.account import account_checks, stage_of
from dita.runtime.doctor.checks import Check, Health, Stage, fatal_from
from dita.runtime.doctor.command import doctor
from dita.runtime.publishing import SCHEMA
from dita.runtime.settings import load_settings
from dita.spec.published import packed
from dita.spec.published.snapshot import LiveSnapshot
from exchange_client import KEY, MS, SECRET, HandClock, exchange, exchange_config
from sample_certificate import written_certificate
from screen_looks import ENGINE, HEALTH

ACCOUNT = AccountConfig(KEY, SECRET, leverage=1)
LONG_AGO_NS = 1_700_000_000 * 10**9


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of our settings but what a test gives; in a folder of its own."""
    for name in list(os.environ):
        if name.startswith(("DITA_", "BINGX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def walked(stage: str | None = None, *, running: bool = False, **options: object) -> dict[str, Check]:
    """All checks of a walk, by name."""
    report = doctor(Reporter(), options=options, stage=stage, running=running)
    rows: Any = report.figures["results"]
    checks = {row["check"]: Check(row["check"], Health(row["health"]), row["found"], row["next_step"]) for row in rows}
    assert len(checks) == report.figures["checks"] == len(rows)
    assert {one.name for one in checks.values() if one.health is Health.FAIL} == {
        problem.partition(": ")[0] for problem in report.problems
    }
    return checks


def a_journal(path: Path, account: str = "a@b") -> None:
    """A new journal of an account."""
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = open_journal(path, account=account, tag="t1", wall_ns=LONG_AGO_NS, driver=InlineCommit)
    asyncio.run(journal.close())


# ---- this machine


@pytest.fixture
def sound(raw_kernel: RawKernel) -> SigningKey:
    """A state folder as a start for money wants it: a signed certificate, a journal, and nobody else's writing."""
    key = SigningKey.generate()
    written_certificate(Path("out"), installed_bindings(raw_kernel), key)
    a_journal(Path("out/journal.sqlite"))
    Path("out").chmod(0o700)
    return key


def test_on_a_sound_machine_every_check_holds(sound: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails; at stage live the quick tier is worth a word, and root a refusal."""
    monkeypatch.setattr(shutil, "which", mock.Mock(return_value="/bin/tool"))
    monkeypatch.setattr(os, "getuid", lambda: Path("out").stat().st_uid)
    paper = walked("paper")
    assert {name: one for name, one in paper.items() if one.health is not Health.OK and name != "user"} == {}

    monkeypatch.setenv("DITA_PROFILE", "live")
    monkeypatch.setenv("DITA_TRUSTED_KEYS", sound.public_key)
    live = walked()
    assert live["signature"].health is Health.OK
    assert live["certificate"].health is Health.WARN
    assert live["venue"].health is Health.FAIL  # none is named


def damaged() -> None:
    """A page in the middle of the journal is not as it was written."""
    a_journal(Path("out/journal.sqlite"))
    path = Path("out/journal.sqlite")
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 400)


def a_locked_folder() -> None:
    """The folder is a file."""
    shutil.rmtree("out")
    Path("out").write_text("")


def a_shared_folder() -> None:
    """Everybody writes there."""
    Path("out").chmod(0o777)


def an_edited_certificate() -> None:
    """A certificate that says nothing."""
    Path("out/certificate.json").write_text("{}")


def a_switch() -> None:
    """An operator has halted."""
    set_switch(Path("out/journal.sqlite"), Switch(SwitchTo.FLAT, "a planted reason", 1))


PLANTED: list[tuple[str, str, Callable[[], object], Health, dict[str, str]]] = [
    # check, stage, what is planted, what it turns to, settings
    ("settings", "paper", lambda: None, Health.FAIL, {"DITA_SEED": "x", "DITA_SYMBOLS": "BTC", "DITA_MOON": "1"}),
    ("certificate", "paper", an_edited_certificate, Health.FAIL, {}),
    ("certificate", "paper", lambda: Path("out/certificate.json").unlink(), Health.WARN, {}),
    ("certificate", "vst", lambda: Path("out/certificate.json").unlink(), Health.FAIL, {}),
    ("signature", "live", lambda: None, Health.FAIL, {}),
    ("signature", "live", lambda: None, Health.FAIL, {"DITA_PROFILE": "live", "DITA_TRUSTED_KEYS": "4" * 64}),
    ("state folder out", "paper", a_locked_folder, Health.FAIL, {}),
    ("state folder out", "paper", a_shared_folder, Health.WARN, {}),
    ("state folder out", "live", a_shared_folder, Health.FAIL, {}),
    ("state folder out", "paper", lambda: shutil.rmtree("out"), Health.WARN, {}),
    ("operator's switch", "paper", a_switch, Health.WARN, {}),
    ("journal", "paper", damaged, Health.FAIL, {}),
    ("journal", "paper", lambda: Path("out/journal.sqlite").write_text("no journal " * 99), Health.FAIL, {}),
    ("recordings", "paper", lambda: None, Health.FAIL, {"DITA_SOURCE": "recorded"}),
    ("recordings", "paper", lambda: None, Health.FAIL, {"DITA_RECORDINGS": "nowhere"}),
    ("analytics", "live", lambda: None, Health.WARN, {"DITA_ANALYTICS": "http://127.0.0.1:9"}),
    ("hazelcast", "live", lambda: None, Health.WARN, {"DITA_HAZELCAST": "127.0.0.1:9"}),
    ("venue", "vst", lambda: None, Health.FAIL, {}),
    ("credentials", "vst", lambda: None, Health.FAIL, {"DITA_EXCHANGE": "http://127.0.0.1:9"}),
    ("venue", "live", lambda: None, Health.FAIL, {
        "DITA_EXCHANGE": "https://open-api.bingx.com", KEY_NAME: "k", SECRET_NAME: "s",
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "stage", "plant", "health", "settings"), PLANTED, ids=[f"{row[0]}-{row[1]}" for row in PLANTED]
)
def test_what_is_wrong_on_the_machine_is_found(
    sound: SigningKey, monkeypatch: pytest.MonkeyPatch,
    name: str, stage: str, plant: Callable[[], object], health: Health, settings: dict[str, str],
) -> None:  # fmt: skip
    """Without it the check holds on paper; with it, it is as bad as the stage makes it, and says what to do."""
    before = walked("paper").get(name)
    plant()
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)

    after = walked(stage)[name]

    assert after.health is health
    assert before is None or before.health is Health.OK
    assert after.next_step
    for variable in ("DITA_SEED", "DITA_SYMBOLS", "DITA_MOON"):
        assert (f"{variable}: " in after.found) is (variable in settings)


def test_system_user_tools_and_disk_are_found_wanting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Python, another system, root, no compiler, no room, no image: each turns its own check."""
    assert machine.user(Stage.LIVE, 0).health is Health.FAIL
    assert machine.user(Stage.VST, 0).health is Health.WARN
    assert machine.user(Stage.LIVE, 1000).health is Health.OK
    assert machine.tool("no-such-program", "install it").health is Health.WARN
    for free, health in ((0, Health.FAIL), (500 * 2**20, Health.WARN), (2**40, Health.OK)):
        monkeypatch.setattr(shutil, "disk_usage", mock.Mock(return_value=mock.Mock(free=free)))
        assert machine.room(tmp_path / "not" / "there").health is health
    monkeypatch.setattr(machine, "_PYTHON_NEEDED", (9, 0))
    monkeypatch.setattr("platform.system", lambda: "Plan9")
    monkeypatch.setattr(machine, "IMAGE_PATH", tmp_path / "none.image")
    turned = walked("paper")
    assert [turned[name].health for name in ("python", "system", "kernel image")] == [Health.FAIL] * 3


def test_a_runtime_at_work_is_no_fault_when_it_is_asked_for() -> None:
    """Held: refused before a start, wanted with --running; and the other way round. The holder is named."""
    assert walked("paper", running=True)["runtime"].health is Health.FAIL
    Path("out").mkdir()
    journal = open_journal(Path("out/journal.sqlite"), account="a", tag="t1", wall_ns=1, driver=InlineCommit)
    try:
        assert walked("paper")["runtime"].health is Health.FAIL
        held = walked("paper", running=True)["runtime"]
    finally:
        asyncio.run(journal.close())
    assert (held.health, f"process {os.getpid()}" in held.found) == (Health.OK, True)
    assert walked("paper")["runtime"].health is Health.OK


@pytest.mark.parametrize(
    ("parts", "age_ns", "says"),
    [
        ({}, 0, ""),
        ({}, 60 * 10**9, "stalled"),
        ({"is_fenced": True}, 0, "fenced"),
        ({"is_journal_sound": False}, 0, "its journal failed"),
        ({"is_in_lockstep": False}, 0, "kernel and reference disagree"),
        ({"streams": (HEALTH.streams[0]._replace(is_live=False),)}, 0, "a stream is dark"),
    ],
)
def test_a_runtime_that_holds_its_lock_may_be_sick(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parts: dict[str, Any], age_ns: int, says: str
) -> None:
    """By what it publishes of itself: a process that is there is not yet one that works."""
    monkeypatch.setenv("DITA_PLANE", str(tmp_path))
    Path("out").mkdir()
    payload = packed(LiveSnapshot(ENGINE, HEALTH._replace(**parts)))
    place = place_of(tmp_path, Path("out/journal.sqlite"))
    with PlaneWriter(place, SCHEMA, payload, time.monotonic_ns() - age_ns):
        pulse = walked("paper", running=True)["pulse"]

    assert pulse.health is (Health.FAIL if says else Health.OK)
    assert says in pulse.found


def test_a_runtime_without_a_pulse_is_not_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody publishes: a failure. Publishing is off: nobody can tell, which is worth a word."""
    Path("out").mkdir()
    monkeypatch.setenv("DITA_PLANE", str(tmp_path))
    assert walked("paper", running=True)["pulse"].health is Health.FAIL
    monkeypatch.setenv("DITA_PLANE", "off")
    assert walked("paper", running=True)["pulse"].health is Health.WARN


def test_a_store_that_answers_is_reached_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the password of the environment, which is shown nowhere."""
    reached = mock.Mock()
    monkeypatch.setattr(machine, "open_connection", reached)
    monkeypatch.setenv("DITA_ANALYTICS", "http://somebody@127.0.0.1:9/dita")
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", "very-secret-text")

    check = walked("paper")["analytics"]

    assert check.health is Health.OK
    reached.assert_called_once_with("http://somebody@127.0.0.1:9/dita", "very-secret-text")
    reached.return_value.close.assert_called_once_with()
    assert "very-secret-text" not in check.found


def test_a_cluster_that_answers_is_reached_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the members and the name that the settings give; a member that is no address is refused by name."""
    reached = mock.Mock()
    monkeypatch.setattr(machine, "open_grid", reached)
    monkeypatch.setenv("DITA_HAZELCAST", "one:5701, two:5702")
    monkeypatch.setenv("DITA_HAZELCAST_CLUSTER", "trading")

    assert walked("paper")["hazelcast"].health is Health.OK

    reached.assert_called_once_with(["one:5701", "two:5702"], "trading", None)
    reached.return_value.close.assert_called_once_with()
    monkeypatch.setenv("DITA_HAZELCAST", "one")
    assert "DITA_HAZELCAST" in walked("paper")["settings"].found


# ---- the account


class Running(HandClock):
    """A clock that goes, so far ahead of ours."""

    def __call__(self) -> int:
        """The time, as the exchange asks for it."""
        return time.time_ns() + self.now_ns


async def asked(
    config: ExchangeConfig, stage: Stage = Stage.VST, *, skew_ms: int = 0, trades: bool = False, **options: object
) -> dict[str, Check]:
    """The checks of an account on a simulator whose clock is so far ahead of ours; ``trades``: it has a fill."""
    clock = Running(skew_ms * MS)
    async with exchange(config, clock) as (server, client):
        if trades:
            assert (await client.submit())["code"] == 0
        given = {"exchange": server.rest_url, "symbols": "BTC-USDT", **options}
        with (
            mock.patch.dict(os.environ, {KEY_NAME: KEY, SECRET_NAME: SECRET}),
            mock.patch.object(account, "Patience", partial(Patience, unlimited=True)),
        ):
            return {one.name: one for one in await account_checks(load_settings(**given), stage)}


def on(**parts: Any) -> ExchangeConfig:
    """An exchange with an account that fits the settings, but for these parts of it."""
    return exchange_config(accounts=(replace(ACCOUNT, **parts),))


def contract(**parts: Any) -> ExchangeConfig:
    """The same with other terms."""
    terms = Contract("BTC-USDT", price_precision=1, quantity_precision=4, min_quantity=10_000, **parts)
    return exchange_config(accounts=(ACCOUNT,), contracts=(terms,))


async def test_an_account_that_fits_passes_every_check() -> None:
    """All ok at stage vst but for the venue, which is a rehearsal; neither key nor secret is shown."""
    checks = await asked(on(), trades=True)

    assert {one.name: one.found for one in checks.values() if one.health is not Health.OK} == {
        "venue": checks["venue"].found
    }
    assert "a rehearsal" in checks["venue"].found
    assert "cost 100.00 % of the model" in checks["fees"].found
    assert not any(secret in str(checks) for secret in (KEY, SECRET))


ACCOUNT_PLANTED: list[tuple[str, ExchangeConfig, dict[str, Any], Health]] = [
    ("clock", on(), {"skew_ms": -1500}, Health.WARN),
    ("clock", on(), {"skew_ms": 9000}, Health.FAIL),
    ("contracts", contract(status=25), {}, Health.FAIL),
    ("leverage", on(leverage=5), {}, Health.WARN),
    ("leverage", on(), {"leverage_ppm": 2_000_000}, Health.WARN),
    ("leverage", contract(max_leverage=3), {"leverage_ppm": 3_000_001}, Health.FAIL),
    ("fees", contract(charged_ppm=1_020_000), {"trades": True}, Health.WARN),
    ("fees", contract(charged_ppm=1_200_000), {"trades": True}, Health.FAIL),
    ("balance", on(wallet=0), {}, Health.FAIL),
    ("key", on(can_trade=False), {}, Health.FAIL),
    ("key", on(can_withdraw=True), {}, Health.FAIL),
    ("key", on(can_withdraw=True), {"stage": Stage.PAPER}, Health.WARN),
    ("key", on(address_bound=False), {}, Health.WARN),
]


@pytest.mark.parametrize(("name", "config", "how", "health"), ACCOUNT_PLANTED)
async def test_what_is_wrong_with_the_account_is_found(
    name: str, config: ExchangeConfig, how: dict[str, Any], health: Health
) -> None:
    """That check, with what it found and what to do, and no other of the account's."""
    checks = await asked(config, **how)

    assert checks[name].health is health, checks[name]
    assert checks[name].next_step
    assert {one for one, check in checks.items() if check.health is not Health.OK} <= {name, "venue"}


async def test_the_books_have_to_be_those_of_the_key(tmp_path: Path) -> None:
    """A journal of another account, or none that can be read, is told before a start refuses it."""
    path = tmp_path / "j"
    await asyncio.to_thread(a_journal, path, "another@venue")
    assert (await asked(on(), journal=path))["books"].health is Health.FAIL
    path.write_text("no journal")
    assert (await asked(on(), journal=path))["books"].health is Health.FAIL


async def test_an_answer_that_cannot_be_read_fails_its_check() -> None:
    """The mode is read by the start and by the check: the second answer is unreadable. At live so is the key's."""
    spoilt = BadReply("planted", "no such thing")
    with mock.patch.object(BingxRest, "position_mode", side_effect=[PositionMode.HEDGE, spoilt]):
        assert (await asked(on()))["position mode"].health is Health.FAIL
    with mock.patch.object(BingxRest, "key_permissions", side_effect=spoilt):
        assert (await asked(on()))["key"].health is Health.WARN
        assert (await asked(on(), Stage.LIVE))["key"].health is Health.FAIL


async def test_a_venue_that_does_not_answer_leaves_nothing_for_well() -> None:
    """What could not be asked is a failure, each by its name; so is an account with a wrong secret."""
    settings = load_settings(exchange="http://127.0.0.1:9")
    with mock.patch.dict(os.environ, {KEY_NAME: "k", SECRET_NAME: "s"}):
        checks = await account_checks(settings, Stage.PAPER)
    assert [one.name for one in checks if one.health is Health.OK] == ["credentials"]
    known = await asked(on())
    assert {one.name for one in checks} == set(known)


def test_every_check_has_a_failure_that_turns_it() -> None:
    """The names of all checks there are, and those that the tests of this module turn."""
    every = {*walked("paper"), *walked("paper", running=True), *asyncio.run(asked(on())), "credentials"}
    turned = {row[0] for row in (*PLANTED, *ACCOUNT_PLANTED)} | {"books", "position mode", "runtime", "pulse"}
    turned |= {"python", "system", "user", "cargo", "cc", "kernel image", "room in out"}

    assert every == turned


def test_a_stage_is_what_the_settings_are_for() -> None:
    """By profile first, then by where the exchange is."""
    for given, stage in (
        ({}, Stage.PAPER),
        ({"exchange": "http://127.0.0.1:9"}, Stage.PAPER),
        ({"exchange": "https://open-api-vst.bingx.com"}, Stage.VST),
        ({"exchange": "https://open-api.bingx.com"}, Stage.LIVE),
        ({"profile": "live", "trusted_keys": "4" * 64}, Stage.LIVE),
    ):
        assert stage_of(load_settings({}, **given)) is stage
    assert [fatal_from(stage, Stage.VST) for stage in Stage] == [Health.WARN, Health.FAIL, Health.FAIL]
