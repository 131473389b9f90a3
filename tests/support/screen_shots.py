"""What the screen looks like as text, moment by moment, in files that a person reads.

``python tests/support/screen_shots.py --update`` writes them anew: commit only what you can explain.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from textual.pilot import Pilot

from dita.adapters.control import Command
from dita.runtime.screen.app import StatusApp
from dita.runtime.screen.look import Look, Standing
from screen_looks import ENGINE, HEALTH, LIVE, NOW_NS, S

SHOTS: Final = Path(__file__).parents[1] / "runtime" / "screens"

TROUBLED: Final = LIVE._replace(
    engine=ENGINE._replace(
        mode="HALTED", is_frozen=True, difference_e8_usdt=-1_50000000, unreconciled=1, is_wallet_seen=True,
        instruments=(ENGINE.instruments[0]._replace(is_reconcile_required=True, evidence_ns=NOW_NS - 5 * S),),
        orders=(), slots=(ENGINE.slots[0]._replace(is_flattening=True),),
    ),
    health=HEALTH._replace(
        is_opening=False, kept_back="stalled, fees", is_fenced=True, is_journal_sound=False, is_in_lockstep=False,
        streams=(HEALTH.streams[0]._replace(is_live=False, dropped=3), HEALTH.streams[1]),
    ),
    damaged=2,
)  # fmt: skip


class Still:
    """A source that shows one moment for ever."""

    def __init__(self, look: Look) -> None:
        self.shown = look
        self.moved = 0

    def look(self) -> Look:
        """That one."""
        return self.shown

    def move(self, rows: int) -> None:
        """Remember how far."""
        self.moved += rows


class Shot(NamedTuple):
    """A moment, the size of the terminal, and the keys that are pressed before it is taken."""

    look: Look
    width: int = 80
    height: int = 24
    keys: tuple[str, ...] = ()
    is_replay: bool = False
    log: Path | None = None


ALL: Final = {
    "live": Shot(LIVE),
    "live-large": Shot(LIVE, 132, 44),
    "live-tiny": Shot(LIVE, 60, 16),
    "troubled": Shot(TROUBLED),
    "stalled": Shot(LIVE._replace(standing=Standing.STALLED, old_ns=12 * S)),
    "died": Shot(LIVE._replace(standing=Standing.DIED, old_ns=7300 * S)),
    "missing": Shot(Look(Standing.MISSING, NOW_NS, about="nobody publishes for out/journal.sqlite")),
    "replay": Shot(Look(Standing.REPLAY, ENGINE.wall_ns, ENGINE, about="journal.sqlite, 2000 rows:"), is_replay=True),
    "keys": Shot(LIVE, keys=("question_mark",)),
    "flatten": Shot(LIVE, keys=("f",)),
    "limit": Shot(LIVE, keys=("n", "1", "2")),
}


async def never(command: Command, number: int | None) -> str:
    """Nothing is commanded in a picture."""
    raise AssertionError(f"`{command}` {number} was sent")


def text_of(app: StatusApp) -> str:
    """The terminal's text, lines without what is blank at their end."""
    painter = app.screen._compositor  # pyright: ignore[reportPrivateUsage] - what paints the strips is not public
    strips = painter.render_strips(app.size)
    return "".join(f"{strip.text.rstrip()}\n" for strip in strips)


async def on_screen(shot: Shot, then: "Callable[[StatusApp, Pilot[None]], Awaitable[None]]") -> None:
    """Open the screen, press the keys, and hand it over."""
    source = Still(shot.look)
    app = StatusApp(source, None if shot.is_replay else never, source if shot.is_replay else None, shot.log)
    async with app.run_test(size=(shot.width, shot.height)) as pilot:
        await pilot.pause()
        await pilot.press(*shot.keys)
        await pilot.pause()
        await then(app, pilot)


async def taken(shot: Shot) -> str:
    """Its text."""
    texts: list[str] = []

    async def take(app: StatusApp, pilot: "Pilot[None]") -> None:
        del pilot
        texts.append(text_of(app))

    await on_screen(shot, take)
    return texts[0]


PICTURE: Final = Path(__file__).parents[2] / "docs" / "screen.svg"


async def pictured() -> str:
    """The busy moment as the README shows it; in whatever fixed font the reader has, for none is fetched."""
    pictures: list[str] = []

    async def take(app: StatusApp, pilot: "Pilot[None]") -> None:
        del pilot
        pictures.append(app.export_screenshot(title="dita status"))

    await on_screen(ALL["live"]._replace(width=100, height=30), take)
    without_fonts = re.sub(r"\s*@font-face \{.*?\n    \}", "", pictures[0], flags=re.DOTALL)
    mono = without_fonts.replace("font-family: Fira Code, monospace", "font-family: DejaVu Sans Mono, Menlo, monospace")
    return "".join(f"{line.rstrip()}\n" for line in mono.splitlines())


def main() -> None:
    """Compare, or write."""
    picture = asyncio.run(pictured())
    if "--update" in sys.argv:
        PICTURE.write_text(picture)
    print(f"picture: {'as it is kept' if PICTURE.read_text() == picture else 'another'}")  # noqa: T201 - a tool
    for name, shot in ALL.items():
        path, text = SHOTS / f"{name}.txt", asyncio.run(taken(shot))
        if "--update" in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        print(f"{name}: {'as it is kept' if path.read_text() == text else 'another'}")  # noqa: T201 - a tool


if __name__ == "__main__":
    main()
