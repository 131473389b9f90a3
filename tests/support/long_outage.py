"""A session that trades while its analytics server and its cluster are away, by the clock: nothing is lost.

``python tests/support/long_outage.py [SECONDS]``, by default ten minutes. Both are killed and stay away so long; then
they
are started again, the session is told to stop, and every sink is judged as after the kills of ``all_sinks``.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from all_sinks import company
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import installed_bindings, load_for_conformance
from sample_certificate import written_certificate
from sink_judge import judged, stored_in, truth_of

_SECONDS: Final = 600.0


def main(jar: Path, seconds: float) -> int:
    """Print how much the session wrote, and what is wrong; 1 when something is."""
    with tempfile.TemporaryDirectory(prefix="dita-outage-") as name:
        folder = Path(name)
        certificate = written_certificate(folder / "certificate", installed_bindings(load_for_conformance(IMAGE_PATH)))
        with company(folder, certificate, jar) as made:
            ends = made.last_life(seconds)
            rows = len(stored_in(ends.journal)[2])
            truth = truth_of(ends.journal)
            found = judged(ends, truth)
    made_of = sum(map(len, truth.rows.values()))
    sys.stdout.write(
        f"away for {seconds:g} s: {rows} rows of the journal, {made_of} of the stores, {len(found)} problems\n"
    )
    sys.stdout.write("".join(f"{one}\n" for one in found))
    return 1 if found else 0


if __name__ == "__main__":
    at = Path(sys.prefix) / "hazelcast" / "hazelcast-5.5.0.jar"
    sys.exit(main(at, float(sys.argv[1]) if len(sys.argv) > 1 else _SECONDS))
