"""Simulate until a run fails: what a planted defect is run against, with whatever ``dita`` is on the path.

``python simulation_hunt.py FOLDER RUN RUN …`` prints what was found, after how many runs, and ends with status 1 at the
first run that fails, with 0 when none does. A run is ``SEED`` as it is drawn, ``SEED@POINT`` for the seed's market with
one kill at that point, or ``SEED+PLAN`` for the seed's market, twenty seconds of it, and one of ``PLANS``.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from dita.adapters.exchange import CutStream, DropFrame, Fault, LoseReply, LoseRequest, When
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import installed_bindings, load_certified, load_for_conformance
from dita.runtime.simulation.scenario import Happening, Scenario, Trouble, draw_scenario
from dita.runtime.simulation.world import simulate
from sample_certificate import written_certificate

PLANNED_SECONDS: Final = 20.0
HEAL_SECONDS: Final = 150.0  # sound runs of these plans need far less
_OFTEN: Final = When(every=2, times=0)
PLANS: Final[dict[str, tuple[Fault | Happening, ...]]] = {
    "deaf": (LoseReply("hang", _OFTEN), DropFrame("ORDER_TRADE_UPDATE", When(times=0))),
    "killed": (
        LoseReply("hang", _OFTEN), DropFrame("ORDER_TRADE_UPDATE", When(times=0)),
        *(Happening("crash", at) for at in (2.5, 5.0, 7.5, 10.0, 12.5, 15.0)),
    ),
    "hand": (
        LoseRequest("hang", _OFTEN), *(Happening("hand_close", 2 + 0.6 * n, number=1_000_000) for n in range(25)),
    ),
    "failing": tuple(Happening("failed_flush", at, number=3) for at in (3.0, 6.0, 9.0, 12.0, 15.0)),
    "cut": (CutStream("ORDER_TRADE_UPDATE", When(every=9, times=0)),),
    "backwards": (
        Happening("clock_step", 2.0, 20.0), Happening("clock_step", 8.0, -20.0), Happening("restart", 9.0),
        Happening("clock_step", 12.0, 20.0), Happening("clock_step", 16.0, -20.0),
    ),
}  # fmt: skip


def named(text: str) -> Scenario:
    """The scenario that a word of the command line names."""
    name, _, plan = text.partition("+")
    seed, _, point = name.partition("@")
    scenario = draw_scenario(int(seed))
    if point:
        return scenario.killed_at(int(point))
    if plan:
        troubles = tuple(Trouble(number, what) for number, what in enumerate(PLANS[plan]))
        return replace(scenario, troubles=troubles, safety_seconds=PLANNED_SECONDS)
    return scenario


def main(folder: Path, names: list[str]) -> int:
    """Each run in turn."""
    certified = load_certified(written_certificate(folder, installed_bindings(load_for_conformance(IMAGE_PATH))))
    for number, name in enumerate(names, 1):
        result = simulate(named(name), certified, HEAL_SECONDS)
        if not result.ok:
            found = "\n".join([*result.violations, result.unconverged])
            sys.stdout.write(f"run {number}, {name}: {found}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
