"""``dita control``: one command to a running session, answered with what came of it.

Nothing is left behind where nobody answers: what the next session is to obey as well is a switch (``dita halt``).
"""

from pathlib import Path

from rich.table import Table

from dita.adapters.control import Command, Condition, NobodyThere, Reply, Request, ask
from dita.adapters.plane import place_of
from dita.runtime.cli_report import CommandError, Report, Reporter, escape
from dita.runtime.settings import load_settings


def control(
    reporter: Reporter,
    *,
    command: str,
    number: int | None,
    journal: Path | None,
    why: str | None,
    within_seconds: float,
) -> Report:
    """Give the command, and report its effect. Raises ControlError, PlaneError, CommandError."""
    settings = load_settings(journal=journal)
    if settings.plane == "off":
        raise CommandError("DITA_PLANE: `off` leaves no socket to command by; leave it out, or use `dita halt`")
    asked = Command(command)
    waits = within_seconds if asked is Command.FLATTEN else 0.0  # the session itself, until it is flat
    request = Request(asked, why or "", number or 0, round(waits * 1000))
    reporter.progress(f"asking the session of {settings.journal}", 0, 0)
    try:
        reply = ask(place_of(settings.plane, settings.journal), request, within_seconds + waits)
    except NobodyThere as nobody:
        return Report({"command": command, "running": 0, "done": 0}, (f"{command}: {nobody}",))
    figures: dict[str, int | str] = {
        "command": command,
        "running": 1,
        "done": int(not reply.problem),
        "pid": reply.pid,
        "row": reply.position,
        "journaled": int(reply.is_journaled),
        "mode": reply.after.mode,
        "paused": int(reply.after.is_paused),
        "flattening": int(reply.after.is_flattening),
        "slot_limit": reply.after.slot_limit,
        "live_slots": reply.after.live_slots,
    }
    return Report(figures, (f"{command}: {reply.problem}",) if reply.problem else (), [_shown(command, reply)])


def _shown(command: str, reply: Reply) -> Table:
    made = Table(title=f"{command}, process {reply.pid}", title_justify="left", header_style="bold")
    for name in ("what", "before", "after"):
        made.add_column(name)
    for name in Condition._fields:
        made.add_row(name.replace("_", " "), *(escape(str(getattr(one, name))) for one in (reply.before, reply.after)))
    made.add_row("journal", "", f"row {reply.position}" if reply.is_journaled else "fails")
    for answer in reply.answers:
        made.add_row(f"kernel: {answer.kind}", "", f"{answer.verdict} {answer.code}")
    for left in reply.left:
        made.add_row("live", "", escape(left))
    return made
