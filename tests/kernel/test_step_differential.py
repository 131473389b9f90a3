"""The Rust step beside the reference: the same state and outcome, every byte, after every input of random walks."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.outcome import Outcome
from dita.spec.state import initial_state
from dita.spec.vocabulary import Code, Kind, Verdict
from kernel_walk import Walk, divergence

WALKS = """
import sys
from collections import Counter
from pathlib import Path
from kernel_walk import divergence
from dita.kernel.loader import load_for_conformance
print(divergence(load_for_conformance(Path(sys.argv[1])), range(100), 300, Counter()))
"""


def test_walks_agree_with_the_reference(raw_kernel: RawKernel) -> None:
    """Forty walks of 300 inputs, from a runtime's traffic to noise: no word of state or outcome differs after any."""
    seen: Counter[tuple[int, int, int]] = Counter()

    assert divergence(raw_kernel, range(1000, 1040), 300, seen) is None

    codes = {code for _, _, code in seen}
    accepted = {kind for kind, verdict, _ in seen if verdict == Verdict.ACCEPTED}
    assert seen.total() == 12_000
    assert set(range(Kind.ENTER, Kind.CALIBRATE + 1)) == accepted, "a kind was never accepted: the walk is too shallow"
    assert len(codes) > len(Code) - 3, f"never seen: {[code.name for code in Code if code not in codes]}"


def test_a_kernel_behind_a_handle_takes_the_same_steps(raw_kernel: RawKernel) -> None:
    """The step of an open kernel, one by one and in a batch, is that of the reference too."""
    walk, state = Walk(7), initial_state()
    opening = walk.opening()
    events: list[Input] = []
    with Kernel(raw_kernel) as single, Kernel(raw_kernel) as batched:
        wanted: list[Outcome] = []
        for _ in range(400):
            event = next(opening, None) or walk.next(state)
            events.append(event)
            state, outcome = step(state, event)
            assert single.step(event) == outcome, event
            wanted.append(outcome)

        assert batched.step_batch(events) == wanted
        assert single.snapshot() == batched.snapshot() == pack(state)
        assert single.state() == state


@pytest.mark.parametrize(
    ("file", "sound", "planted", "shown"),
    [
        ("orders.rs", "return quantity > known_quantity;", "return true;", "NO_CHANGE"),
        ("trades.rs", "account.live_slots < account.slot_limit", "true", "SLOT_LIMIT"),
    ],
    ids=["an older snapshot overwrites the cumulative fill", "the slot limit is not enforced"],
)
@pytest.mark.timeout(300)
def test_a_planted_defect_is_found(
    repository: Path, tmp_path: Path, file: str, sound: str, planted: str, shown: str
) -> None:
    """A defect in one line of the Rust step, compiled in a scratch copy, is found by such walks and shown in words."""
    crate = tmp_path / "crate"
    shutil.copytree(repository / "kernel_rs", crate, ignore=shutil.ignore_patterns("target", "dita", "__pycache__"))
    source = crate / "src" / file
    text = source.read_text()
    assert text.count(sound) == 1
    source.write_text(text.replace(sound, planted))
    image = tmp_path / "kernel.image"
    build = [sys.executable, str(crate / "build_kernel.py"), "--image", str(image)]
    subprocess.run(build, check=True, capture_output=True, timeout=280)
    walks = [sys.executable, "-c", WALKS, str(image)]

    found = subprocess.run(walks, check=True, capture_output=True, text=True, timeout=100, env=_environment(repository))

    assert "reference:" in found.stdout, found.stdout
    assert shown in found.stdout, found.stdout


def _environment(repository: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(repository / "tests" / "support")}
