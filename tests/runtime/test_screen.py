"""The screen: what it looks like, that every published field can be seen on it, and that old numbers look old."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot

from dita.adapters.control import Command
from dita.runtime.screen import panels
from dita.runtime.screen.app import StatusApp
from dita.runtime.screen.controls import CONTROLS
from dita.runtime.screen.look import OLD, Look, Standing
from dita.runtime.screen.panels import BAD, NOT_SHOWN, PANELS, banner
from dita.runtime.screen.words import age, amount, percent, price, span, times
from dita.spec.published import Kind, checked, declared
from dita.spec.published.snapshot import LiveSnapshot, OrderView
from screen_looks import ENGINE, HEALTH, LIVE, NOW_NS, S
from screen_shots import ALL, PICTURE, SHOTS, Shot, Still, never, on_screen, pictured, taken, text_of

WIDE = 1000
A_QUARTER_OF_AN_HOUR_NS = 987_654_321_012


# ---- what it looks like


@pytest.mark.parametrize("name", ALL)
async def test_a_moment_looks_as_it_is_kept(name: str) -> None:
    """To the character; `python tests/support/screen_shots.py --update` after a change that is meant."""
    assert await taken(ALL[name]) == (SHOTS / f"{name}.txt").read_text()


async def test_the_picture_in_the_readme_is_of_this_screen(repository: Path) -> None:
    """Byte for byte, and it fetches nothing."""
    picture = PICTURE.read_text()

    assert picture == await pictured()
    assert set(re.findall(r"https?://[^\s\"<]+", picture)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
    assert "(docs/screen.svg)" in (repository / "README.md").read_text()


def test_no_kept_moment_is_left_over() -> None:
    """Each file is one of the moments, and those made by hand are as the schema has them."""
    assert {path.stem for path in SHOTS.iterdir()} == set(ALL)
    assert checked(LiveSnapshot(ENGINE, HEALTH)) == (ENGINE, HEALTH)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 16), (132, 44), (200, 60), (40, 10), (1, 1)])
def test_a_panel_keeps_to_its_place_and_counts_what_it_leaves_out(width: int, height: int) -> None:
    """Never wider or higher than its place; where lines are left out, the last row says how many."""
    for make in PANELS.values():
        panel = make(LIVE)
        rows = panel.fitted(width, height).plain.split("\n")
        assert len(rows) <= max(height, 1)
        assert all(len(row) <= width for row in rows)
        hidden = len(panel.lines) - (height - 1)
        if hidden > 0 and height > 1 and width > 10:
            assert rows[-1] == f"… {hidden + 1} more"


async def test_no_text_of_others_is_obeyed_by_the_terminal() -> None:
    """Escape sequences, line breaks and markup in an alert, a hold or a name are only shown."""
    hostile = "\x1b]0;title\x07 \x1b[2J\r\n[bold]x[/] \u202e \x9b31m"
    look = LIVE._replace(
        health=HEALTH._replace(alerts=(HEALTH.alerts[0]._replace(text=hostile),), kept_back=hostile), about=hostile
    )  # fmt: skip

    text = await taken(Shot(look, 400, 24))

    assert text.count("[bold]x[/]") == 3
    assert len(text.splitlines()) == 24
    assert all(one.isprintable() for one in text.replace("\n", ""))


# ---- nothing that is published is invisible


def leaves(record: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    """Every plain field of a record: the way to it, its name with its record's, and a value that it has not."""
    kind: type[Any] = record.__class__
    for field, value in zip(declared(kind), record, strict=True):
        here = (*path, field.name)
        if field.kind is Kind.RECORD:
            yield from leaves(value, here)
        elif field.kind is Kind.LIST:
            assert value, f"{field.name}: nothing in it that could be changed; give the sample one"
            yield from leaves(value[0], (*here, 0))
        else:
            yield here, f"{type(record).__name__}.{field.name}", other(field.kind, field.names, value)


def other(kind: Kind, names: tuple[str, ...], value: Any) -> Any:
    """Another value of the same kind."""
    if kind is Kind.FLAG:
        return not value
    if kind is Kind.NAME:
        return next(name for name in names if name != value)
    return f"other {value}" if kind is Kind.TEXT else value + A_QUARTER_OF_AN_HOUR_NS


def changed(record: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The record with another value at the end of a path."""
    step, *rest = path
    if isinstance(step, int):
        inner = changed(record[step], tuple(rest), value) if rest else value
        return (*record[:step], inner, *record[step + 1 :])
    inner = changed(getattr(record, step), tuple(rest), value) if rest else value
    return record._replace(**{step: inner})


def everything(look: Look) -> str:
    """All text of a screen without edges."""
    lines = [banner(look)]
    for make in PANELS.values():
        panel = make(look)
        lines += [panel.title, *panel.lines, *panel.more]
    return "\n".join(line.plain for line in lines)


FIELDS = [*leaves(LiveSnapshot(ENGINE, HEALTH))]


@pytest.mark.parametrize(("path", "name", "value"), FIELDS, ids=[row[1] for row in FIELDS])
def test_a_field_that_changes_is_seen_to_change(path: tuple[str | int, ...], name: str, value: Any) -> None:
    """In words, not by colour alone; the few that are not shown stand in a table with their reason."""
    snapshot = changed(LiveSnapshot(ENGINE, HEALTH), path, value)
    after = everything(LIVE._replace(engine=snapshot.engine, health=snapshot.health))

    assert (after == everything(LIVE)) is (name in NOT_SHOWN)


def test_the_table_of_what_is_not_shown_holds_fields_with_reasons() -> None:
    """Neither a field that there is no more, nor one without a reason."""
    assert set(NOT_SHOWN) < {row[1] for row in FIELDS}
    assert all(NOT_SHOWN.values())


def forgetful(view: OrderView, now_ns: int) -> Text:
    """The planted defect: the line of an order without its fill."""
    return Text(view.client_order_id)


def test_a_panel_that_forgets_a_field_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without a field looks the same when the field changes."""
    path, _, value = next(row for row in FIELDS if row[1] == "OrderView.filled_e8_coins")
    monkeypatch.setattr(panels, "_order", forgetful)
    snapshot = changed(LiveSnapshot(ENGINE, HEALTH), path, value)
    look = LIVE._replace(engine=snapshot.engine, health=snapshot.health)

    assert everything(look) == everything(LIVE)


# ---- old numbers look old


@pytest.mark.parametrize("standing", Standing)
async def test_only_what_is_live_looks_alive(standing: Standing) -> None:
    """Anything else begins with its word, in red unless it is a replay; what is old says so; every panel is dark."""
    look = LIVE._replace(standing=standing, old_ns=75 * S)
    said = banner(look)

    assert said.plain.startswith(f" {standing.value} ")
    assert (said.spans[0].style == BAD) is (standing not in (Standing.LIVE, Standing.REPLAY))
    assert ("75 s: THESE NUMBERS ARE OLD" in said.plain) is (standing in OLD)
    assert ("was active" in said.plain) is (standing in OLD)

    async def dark(app: StatusApp, _: "Pilot[None]") -> None:
        assert app.screen.has_class("old") is (standing not in (Standing.LIVE, Standing.REPLAY))
        view = app.query_one("#slots")
        assert (view.styles.background.rgb == (58, 0, 0)) is app.screen.has_class("old")

    await on_screen(Shot(look), dark)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"is_fenced": True}, " FENCED "),
        ({"is_journal_sound": False}, " JOURNAL FAILED "),
        ({"is_in_lockstep": False}, " KERNEL AND REFERENCE DISAGREE "),
        ({"streams": (HEALTH.streams[0]._replace(is_live=False),)}, " DARK "),
        ({"streams": (HEALTH.streams[0]._replace(dropped=1),)}, " lost 1"),
    ],
)
def test_what_is_wrong_in_the_process_is_red(parts: dict[str, Any], said: str) -> None:
    """The word stands in red, and nowhere when nothing is wrong."""
    assert said not in everything(LIVE)
    assert red(LIVE._replace(health=HEALTH._replace(**parts)), said)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"is_frozen": True}, " FROZEN, nothing opens "),
        ({"is_wallet_seen": False}, " UNREAD "),
        ({"unreconciled": 2}, "  2 TO RECONCILE"),
        ({"mode": "HALTED"}, " halted "),
        ({"mode": "REDUCE_ONLY"}, " reduce only "),
        ({"slots": (ENGINE.slots[0]._replace(phase="EXIT_UNRESOLVED"),)}, "exit unresolved  "),
        ({"instruments": (ENGINE.instruments[0]._replace(is_reconcile_required=True),)}, " RECONCILE "),
    ],
)
def test_what_is_wrong_in_the_books_is_red(parts: dict[str, Any], said: str) -> None:
    """The same of the engine."""
    assert not red(LIVE, said)
    assert red(LIVE._replace(engine=ENGINE._replace(**parts)), said)


def red(look: Look, said: str) -> bool:
    """Whether these words stand somewhere in red."""
    lines = [banner(look)]
    for make in PANELS.values():
        panel = make(look)
        lines += [panel.title, *panel.lines]
    return any(line.plain[mark.start : mark.end] == said and mark.style == BAD for line in lines for mark in line.spans)


# ---- keys


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.command)
async def test_a_command_is_asked_about_and_sent_once(control: Any) -> None:
    """The key alone sends nothing, no and Esc send nothing, yes sends it; its answer or its failure is told."""
    sent: list[tuple[Command, int | None]] = []

    async def send(command: Command, number: int | None) -> str:
        sent.append((command, number))
        if len(sent) > 1:
            raise ConnectionError("planted: nobody answers")
        return "obeyed at row 7"

    source = Still(LIVE)
    app = StatusApp(source, send)
    yes = ("3", "enter") if control.asks_number else ("y",)
    async with app.run_test(size=(80, 24)) as pilot:
        for keys in ((control.key, "escape"), (control.key, "x", "escape"), (control.key, "escape", "y")):
            await pilot.press(*keys)
        assert sent == []
        for times_sent, told in ((1, "obeyed at row 7"), (2, "nobody answers")):
            await pilot.press(control.key, *yes)
            await settled(app, pilot)
            assert sent == [(control.command, 3 if control.asks_number else None)] * times_sent
            assert told in text_of(app)


async def settled(app: StatusApp, pilot: "Pilot[None]") -> None:
    """Everything that was sent has been answered and is shown."""
    await app.workers.wait_for_complete()  # pyright: ignore[reportUnknownMemberType] - the library leaves it open
    await pilot.pause()


async def test_a_number_that_is_none_limits_nothing() -> None:
    """An empty line leaves the limit as it is."""

    async def nothing(app: StatusApp, pilot: "Pilot[None]") -> None:
        await pilot.press("n", "enter")
        await settled(app, pilot)

    await on_screen(Shot(LIVE), nothing)  # `never` fails the test when it is asked to send


async def test_a_journal_is_moved_through_and_not_commanded() -> None:
    """Arrows, pages, ends and play move it; a command key only says why not. Help closes on any key, q ends."""
    source = Still(Look(Standing.REPLAY, NOW_NS, ENGINE))
    app = StatusApp(source, None, source)
    async with app.run_test(size=(80, 24)) as pilot:
        for key, rows in (("right", 1), ("left", -1), ("pagedown", 100), ("pageup", -100)):
            source.moved = 0
            await pilot.press(key)
            assert source.moved == rows
        source.moved = 0
        await pilot.press("home")
        assert source.moved < -(10**6)
        await pilot.press("end", "space")
        for _ in range(3):
            app.show_newest()
        assert source.moved >= 3
        await pilot.press("f")
        await pilot.pause()
        assert "no runtime to command" in text_of(app)
        await pilot.press("question_mark")
        assert len(app.screen_stack) == 2
        await pilot.press("x")
        assert len(app.screen_stack) == 1
        await pilot.press("q")
    assert app.return_code == 0


async def test_the_log_is_shown_as_it_grows(tmp_path: Path) -> None:
    """Its last lines, nothing that a terminal would obey, and what came since; a log that is not there is said."""
    path = tmp_path / "session.log"

    async def read(app: StatusApp, pilot: "Pilot[None]") -> None:
        await pilot.press("l")
        await pilot.pause()
        assert "cannot be read: No such file" in text_of(app)
        await pilot.press("x")
        path.write_text("".join(f"line {number} \x1b[31m red\n" for number in range(9_000)))
        await pilot.press("l")
        await pilot.pause()
        shown = text_of(app).splitlines()
        assert shown[22].startswith("line 8999 �[31m red")
        assert shown[0].startswith("line 8977")
        with path.open("a") as log:
            log.write("the newest\n")
        await pilot.pause(1.2)
        assert text_of(app).splitlines()[22] == "the newest"
        await pilot.press("x")
        assert len(app.screen_stack) == 1

    await on_screen(Shot(LIVE, log=path), read)


# ---- what a look costs


async def test_a_look_paints_only_what_has_changed(record_property: Any) -> None:
    """Nothing for the same moment, one panel for one field; a look takes far less than fifty milliseconds."""
    source = Still(LIVE)
    app = StatusApp(source, never)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.show_newest()
        before = app.painted
        app.show_newest()
        assert app.painted == before
        source.shown = LIVE._replace(engine=ENGINE._replace(newest_trade=43))
        app.show_newest()
        assert app.painted == before + 1

        began = time.process_time()
        for number in range(50):
            source.shown = LIVE._replace(engine=ENGINE._replace(newest_trade=number), now_ns=NOW_NS + number * S)
            app.show_newest()
            text_of(app)
        milliseconds = (time.process_time() - began) * 1000 / 50
    record_property("milliseconds_a_look", milliseconds)
    assert milliseconds < 50  # of the processor, whatever else runs; a look takes some five


def test_without_its_library_the_screen_says_what_to_install() -> None:
    """The extra is missing: one line with the command, no traceback of an import."""
    code = (
        "import sys\nsys.modules['textual'] = None\nfrom dita.runtime.cli import _imported\n"
        "from dita.runtime.cli_report import CommandError\n"
        "try:\n    _imported('screen.command', 'status')\nexcept CommandError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "pip install 'dita[screen]', or --plain" in done.stdout


# ---- words


def test_numbers_keep_every_digit() -> None:
    """Exact, with units' own digits, and nothing rounded away."""
    assert [amount(units) for units in (0, 1, -1, 123_456_789_012, -100_000_000)] == [
        "0.00", "0.00000001", "-0.00000001", "1,234.56789012", "-1.00",
    ]  # fmt: skip
    assert [price(units) for units in (0, 1, 60_000 * 10**10, 600_001 * 10**9)] == [
        "–", "0.0000000001", "60,000.0", "60,000.1",
    ]  # fmt: skip
    assert [times(ppm) for ppm in (3_000_000, 2_500_000, 0)] == ["3×", "2.5×", "0×"]
    assert [percent(ppm) for ppm in (1_000_000, 998_765, 1)] == ["100.00 %", "99.87 %", "0.00 %"]


def test_ages_are_short_and_never_negative() -> None:
    """Tenths of seconds, seconds, minutes, hours, days; six characters at most."""
    spans = {-S: "0.0 s", S // 2: "0.5 s", 59 * S: "59 s", 119 * S: "119 s", 120 * S: "2 min", 7200 * S: "2 h",
             172_800 * S: "2 d"}  # fmt: skip
    assert {one: age(one) for one in spans} == spans
    assert [span(one) for one in (1000, 9_999_000, 10_000_000)] == ["1 µs", "9999 µs", "10 ms"]


def test_shots_are_found_beside_the_tests() -> None:
    """Where a reader looks for them."""
    assert Path(__file__).parent / "screens" == SHOTS
    assert ALL["live"].look is LIVE
