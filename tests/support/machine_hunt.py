"""Let a hypothesis machine look for a broken law in whatever reference is on the path, and say how long it took.

``python machine_hunt.py MACHINE SEED EXAMPLES STEPS`` prints one JSON object: ``found_after`` (the number of the
example that broke a law, or null), ``problem`` (what the machine said), ``reference`` (the file of the reference).
Nothing is shrunk: this measures finding only.
"""

import json
import sys
from typing import Final, NamedTuple

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

import dita.reference
from occupancy_machine import Occupancy, OccupancyAlone
from reference_machine import Machine

MACHINES: Final[dict[str, type[Machine]]] = {
    "reference": Machine,
    "occupancy": Occupancy,
    "occupancy alone": OccupancyAlone,
}

SLOWNESS: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


class Hunted(NamedTuple):
    """What a hunt came to."""

    found_after: int | None
    problem: str


def hunt(machine: type[Machine], number: int, examples: int, steps: int) -> Hunted:
    """Up to so many examples of the machine, drawn with this seed."""
    begun = 0

    class Counted(machine):  # type: ignore[valid-type,misc]  # the machine is an argument
        def __init__(self) -> None:
            nonlocal begun
            begun += 1
            super().__init__()

    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=[Phase.generate],
        report_multiple_bugs=False, verbosity=Verbosity.quiet, suppress_health_check=SLOWNESS,
    )  # fmt: skip
    try:
        run_state_machine_as_test(seed(number)(Counted), settings=chosen)
    except Exception as problem:  # noqa: BLE001 - whatever the reference or the machine raises is a find
        return Hunted(begun, f"{type(problem).__name__}: {problem}")
    return Hunted(None, "")


def main(arguments: list[str]) -> int:
    """Hunt as the command line says."""
    name, number, examples, steps = arguments
    hunted = hunt(MACHINES[name], int(number), int(examples), int(steps))
    sys.stdout.write(json.dumps({**hunted._asdict(), "reference": dita.reference.__file__}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
