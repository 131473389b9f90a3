"""Simulate until a run fails: what a planted defect is run against, with whatever ``dita`` is on the path.

``python simulation_hunt.py FOLDER SEED SEED@POINT SEED+deaf …`` prints what was found, after how many runs, and ends
with status 1 at the first run that fails, with 0 when none does. ``SEED@POINT`` is the seed's market with one kill at that
point; ``+deaf`` adds that every second order is answered by nobody and every second event of an order is lost.
"""

import sys
from dataclasses import replace
from pathlib import Path

from dita.adapters.exchange import DropFrame, LoseReply, When
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import installed_bindings, load_certified, load_for_conformance
from dita.runtime.simulation.scenario import Scenario, Trouble, draw_scenario
from dita.runtime.simulation.world import simulate
from sample_certificate import written_certificate

OFTEN = When(every=2, times=0)
DEAF = (LoseReply("hang", OFTEN), DropFrame("ORDER_TRADE_UPDATE", OFTEN))


def named(text: str) -> Scenario:
    """The scenario that a word of the command line names."""
    name, _, point = text.partition("@")
    seed, _, addition = name.partition("+")
    scenario = draw_scenario(int(seed))
    if point:
        scenario = scenario.killed_at(int(point))
    if addition:
        assert addition == "deaf", addition
        numbered = [Trouble(100 + number, fault) for number, fault in enumerate(DEAF)]
        scenario = replace(scenario, troubles=(*scenario.troubles, *numbered))
    return scenario


def main(folder: Path, names: list[str]) -> int:
    """Each run in turn."""
    certified = load_certified(written_certificate(folder, installed_bindings(load_for_conformance(IMAGE_PATH))))
    for number, name in enumerate(names, 1):
        result = simulate(named(name), certified)
        if not result.ok:
            found = "\n".join([*result.violations, result.unconverged])
            sys.stdout.write(f"run {number}, {name}: {found}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
