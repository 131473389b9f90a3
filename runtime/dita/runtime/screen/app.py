"""The screen itself: panels, keys, and a look ten times a second."""

from pathlib import Path
from typing import ClassVar, Final, Protocol, final

from rich.text import Text
from textual.app import App, ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from dita.runtime.screen.controls import CONTROLS, Control, Send
from dita.runtime.screen.dialogs import Ask, Keys, LogTail
from dita.runtime.screen.look import OLD, Look, Standing
from dita.runtime.screen.panels import BAD, GOOD, PANELS, WORRY, Panel, banner, one_row

LOOK_SECONDS: Final = 0.1
_SAID_SECONDS: Final = 10.0


class Source(Protocol):
    """Where looks come from."""

    def look(self) -> Look:
        """The newest."""
        ...


class Rewindable(Source, Protocol):
    """A source that can be moved through: a journal."""

    def move(self, rows: int) -> None:
        """So many rows on, or back; beyond an end is that end."""
        ...


@final
class PanelView(Widget):
    """A panel in the place that the screen has for it. It is painted anew only when it would look otherwise."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.painted = 0  # how often it had to be
        self._panel: Panel | None = None
        self._shown = Text()

    def show(self, panel: Panel) -> None:
        """From now on."""
        self._panel = panel
        fitted = panel.fitted(self.size.width, self.size.height)
        if fitted != self._shown:
            self._shown = fitted
            self.painted += 1
            self.refresh()

    def render(self) -> RenderResult:
        """What is painted; a panel that was resized is fitted anew."""
        if self._panel is not None:
            self._shown = self._panel.fitted(self.size.width, self.size.height)
        return self._shown


@final
class Line(Widget):
    """One line of text."""

    def __init__(self, name: str, text: Text) -> None:
        super().__init__(id=name)
        self._text = text

    def show(self, text: Text) -> None:
        """From now on."""
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> RenderResult:
        """What is painted."""
        return one_row(self._text, self.size.width)


@final
class StatusApp(App[None]):
    """``dita status``. ``send`` is None where there is nobody to command; ``log``: the file that ``l`` shows."""

    CSS = """
    Screen { layout: vertical; background: ansi_default; color: ansi_default; }
    Line { height: 1; }
    PanelView { height: 1fr; width: 1fr; }
    #capital { height: 3; }
    #slots { height: 5fr; }
    #orders { height: 3fr; }
    #middle { height: 4fr; }
    #lower { height: 4fr; }
    #log { height: 3fr; }
    #positions, #streams { width: 1fr; margin-right: 1; }
    .old PanelView { text-style: dim; background: #3a0000; }
    .dialog { width: 64; height: auto; padding: 1 2; border: heavy $accent; background: $surface; }
    ModalScreen { align: center middle; }
    #tail { width: 100%; height: 100%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(control.key, f"command('{control.command}')", control.command) for control in CONTROLS),
        Binding("l", "log", "log"),
        Binding("question_mark,f1", "keys", "keys"),
        Binding("q,ctrl+c", "quit", "quit"),
        Binding("left", "move(-1)"), Binding("right", "move(1)"),
        Binding("pageup", "move(-100)"), Binding("pagedown", "move(100)"),
        Binding("home", f"move({-10**9})"), Binding("end", f"move({10**9})"),
        Binding("space", "play"),
    ]  # fmt: skip
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, source: Source, send: Send | None, journal: Rewindable | None = None, log: Path | None = None
    ) -> None:
        super().__init__(ansi_color=True)
        self._source = source
        self._send = send
        self._journal = journal
        self._log_file = log
        self._is_playing = False
        self._below = Line("keys", self._keys_line())
        self._banner = Line("banner", Text("looking"))
        self._views = {name: PanelView(name) for name in PANELS}
        self.looks = 0

    def compose(self) -> ComposeResult:
        """From top to bottom, for eighty columns and twenty-four lines or more."""
        views = self._views
        yield self._banner
        yield from (views["capital"], views["slots"], views["orders"])
        with Horizontal(id="middle"):
            yield from (views["positions"], views["gates"])
        with Horizontal(id="lower"):
            yield from (views["streams"], views["kernel"])
        yield views["log"]
        yield self._below

    def on_mount(self) -> None:
        """Begin to look."""
        self.set_interval(LOOK_SECONDS, self.show_newest)
        self.call_after_refresh(self.show_newest)

    def show_newest(self) -> None:
        """One look, and what it changes on the screen."""
        if not self._banner.is_attached:
            return  # a timer's last call, while the application is taken down
        if self._is_playing and self._journal is not None:
            self._journal.move(1)
        look = self._source.look()
        self.looks += 1
        self._banner.screen.set_class(look.standing in OLD or look.standing is Standing.MISSING, "old")
        self._banner.show(banner(look))
        for name, panel in PANELS.items():
            self._views[name].show(panel(look))

    @property
    def painted(self) -> int:
        """How often any panel had to be painted anew."""
        return sum(view.painted for view in self._views.values())

    def action_keys(self) -> None:
        """Help."""
        _ = self.push_screen(Keys(replay=self._journal is not None))

    def action_log(self) -> None:
        """The session's log."""
        if self._log_file is None:
            self._say(Text(" a journal has no log; its rows are below ", style=WORRY))
        else:
            _ = self.push_screen(LogTail(self._log_file))

    def action_move(self, rows: int) -> None:
        """Through a journal."""
        if self._journal is not None:
            self._is_playing = False
            self._journal.move(rows)
            self.show_newest()

    def action_play(self) -> None:
        """Row after row, or stop."""
        self._is_playing = self._journal is not None and not self._is_playing

    def action_command(self, command: str) -> None:
        """Ask, then send."""
        control = next(one for one in CONTROLS if one.command == command)
        if self._send is None:
            self._say(Text(" there is no runtime to command here ", style=WORRY))
            return

        def answered(number: int | None) -> None:
            if number is not None:
                self.run_worker(self._command(control, number), exclusive=False)

        _ = self.push_screen(Ask(control), answered)

    async def _command(self, control: Control, number: int) -> None:
        assert self._send is not None  # asked before
        try:
            told = await self._send(control.command, number if control.asks_number else None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator has to read that nothing is sure
            self._say(Text(f" {control.command}: {error} ", style=BAD))
        else:
            self._say(Text(f" {control.command}: {told} ", style=GOOD))

    def _say(self, text: Text) -> None:
        """In the place of the keys, for a while."""
        self._below.show(text)
        self.set_timer(_SAID_SECONDS, lambda: self._below.show(self._keys_line()), name="keys again")

    def _keys_line(self) -> Text:
        if self._journal is not None:
            return Text.from_markup(
                "[b]← →[/b] row  [b]PgUp PgDn[/b] 100 rows  [b]space[/b] play  [b]?[/b] keys  [b]q[/b] quit"
            )
        parts = " ".join(f"[b]{one.key}[/b] {one.command}" for one in CONTROLS)
        return Text.from_markup(f"{parts} [b]l[/b] log [b]?[/b] keys [b]q[/b] quit")
