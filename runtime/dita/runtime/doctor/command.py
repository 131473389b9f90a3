"""``dita doctor``: walk every check of a stage, show all, fail on any."""

import asyncio

from rich.table import Table

from dita.runtime.cli_report import Report, Reporter, escape
from dita.runtime.doctor.account import account_checks, stage_of
from dita.runtime.doctor.checks import Check, Health, Stage
from dita.runtime.doctor.machine import state_probes, system_probes
from dita.runtime.settings import SettingsError, load_settings


def doctor(reporter: Reporter, *, options: dict[str, object], stage: str | None, running: bool) -> Report:
    """Check everything; the input is one of the things that are checked."""
    checks = list(_walk(reporter, options, None if stage is None else Stage(stage), running=running))
    shown = Table(title="doctor", title_justify="left", header_style="bold")
    for header in ("check", "", "found", "next step"):
        shown.add_column(header, overflow="fold")
    for check in checks:
        health = check.health.value
        shown.add_row(check.name, health, escape(check.found), "" if health == "ok" else escape(check.next_step))
    figures: dict[str, object] = {"checks": len(checks)}
    figures |= {one.value: sum(check.health is one for check in checks) for one in Health}
    figures["results"] = [
        {"check": one.name, "health": one.health.value, "found": one.found, "next_step": one.next_step}
        for one in checks
    ]
    problems = [f"{one.name}: {one.found}; {one.next_step}" for one in checks if one.health is Health.FAIL]
    return Report(figures, problems, [shown])


def _walk(reporter: Reporter, options: dict[str, object], stage: Stage | None, *, running: bool) -> list[Check]:
    try:
        settings = load_settings(**options)
    except SettingsError as error:
        wrong = Check("settings", Health.FAIL, "\n".join(error.problems), "correct all of them; nothing else was asked")
        return [*(probe() for probe in system_probes(stage or Stage.PAPER)), wrong]
    stage = stage or stage_of(settings)
    probes = [*system_probes(stage), *state_probes(settings, stage, running=running)]
    checks = [
        Check("settings", Health.OK, f"for stage {stage}, policy {settings.policy}, {', '.join(settings.symbols)}")
    ]
    for number, probe in enumerate(probes):
        reporter.progress("checking", number, len(probes))
        checks.append(probe())
    if running:
        return checks  # the runtime asks the venue all day, and its requests are counted together with ours
    reporter.progress("asking the venue", 0, 0)
    return [*checks, *asyncio.run(account_checks(settings, stage))]
