"""``dita simulate``."""

from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from dita.runtime.cli_report import CommandError, Report, Reporter, table
from dita.runtime.doors import certified_kernel
from dita.runtime.settings import load_settings
from dita.runtime.simulation.campaign import Tier, Totals, run_one, run_seeds
from dita.runtime.simulation.scenario import FAULT_KINDS, Scenario, draw_scenario
from dita.runtime.simulation.soak import Held, Soaked, soak

_LINES: Final = 60
_SOAK_SEED: Final = 1


def run(
    reporter: Reporter,
    *,
    tier: Tier,
    seed: int | None,
    keep: str | None,
    seconds: float | None,
    point: int | None,
    first: int,
    processes: int,
    soak_hours: float | None = None,
) -> Report:
    """One seed, those of a tier, or a soak. Raises SettingsError, CertificateRefused, ImageRefused, CommandError."""
    settings = load_settings()
    given = "certificate" in settings.model_fields_set

    def certify(path: Path) -> None:
        from dita.runtime.cli_checks import certify_quickly  # noqa: PLC0415 - what simulates needs no judge, no solver

        certify_quickly(path, reporter.progress)

    if soak_hours is not None or seed is None:
        belongs = "it belongs to one run, name its --seed" if soak_hours is None else "a soak is run as it is"
        for name, value in (("keep", keep), ("seconds", seconds), ("point", point)):
            if value is not None:
                raise CommandError(f"--{name}: {belongs}")
    scenario = None if seed is None else _asked(seed, keep, seconds, point)
    certified = certified_kernel(settings.certificate, certify=None if given else certify, trust=settings.trust)
    if soak_hours is not None:
        return _soak_report(soak(_SOAK_SEED if seed is None else seed, soak_hours, certified, reporter.progress))
    if scenario is None:
        totals = run_seeds(tier, settings.certificate, certified, reporter.progress, first=first, processes=processes)
        problems = totals.problems(tier)
    else:
        reporter.progress(f"simulating seed {seed}", 0, 0)
        totals = run_one(scenario, certified, reporter.progress)
        problems = totals.problems(None)
    return Report(
        totals.figures, problems, [*_shown(totals, scenario), table("simulate", totals.figures, ("figure", "value"))]
    )


def _asked(seed: int, keep: str | None, seconds: float | None, point: int | None) -> Scenario:
    scenario = draw_scenario(seed)
    if point is not None:
        if keep is not None:
            raise CommandError("--point: it is the only trouble then; leave --keep out")
        scenario = scenario.killed_at(point)
    if keep is not None:
        known = {trouble.number for trouble in scenario.troubles}
        try:
            wanted = [int(text) for text in keep.split(",") if text]
        except ValueError:
            raise CommandError(f"--keep: `{keep}` is no list of numbers such as 0,3,4") from None
        missing = [number for number in wanted if number not in known]
        if missing:
            raise CommandError(f"--keep: seed {seed} has no trouble `{missing[0]}`; it has 0 to {len(known) - 1}")
        scenario = scenario.only(wanted)
    return scenario if seconds is None else scenario.shorter(seconds)


def _held(held: Held) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in held._asdict().items() if name != "resident_bytes")
    return f"{held.resident_bytes >> 20} MiB, {counts}"


def _soak_report(soaked: Soaked) -> Report:
    quarters = [(f"quarter {number}", _held(held)) for number, held in enumerate(soaked.quarters, 1)]
    shown = [table("what is held", quarters, ("after", "at most")), table("soak", soaked.figures, ("figure", "value"))]
    return Report(soaked.figures, soaked.problems(), shown)


def _shown(totals: Totals, scenario: Scenario | None) -> list[RenderableType]:
    shown: list[RenderableType] = []
    if scenario is not None:
        lines = "\n".join(str(trouble) for trouble in scenario.troubles) or "nothing goes wrong"
        shown.append(
            Text(f"seed {scenario.seed}, {scenario.safety_seconds:g} s, {', '.join(scenario.symbols)}\n{lines}\n")
        )
    shown.append(Text(f"digest {totals.digest}\n"))
    for failure in totals.failures:
        story = failure.result.trace[-_LINES:]
        shown += [Text("\n".join([f"seed {failure.result.scenario.seed}, the end of its story:", *story, ""]))]
    if scenario is None:
        shown.append(table("what went wrong", {kind: totals.fired[kind] for kind in FAULT_KINDS}, ("kind", "times")))
    return shown
