"""The tool that says what the kernel's shape costs: images that differ in that alone, and an honest ratio."""

import re
import subprocess
from pathlib import Path
from unittest.mock import Mock

from dita.kernel.image import IMAGE_PATH
from shaping_cost import inlined, ratios_of


def calls_in_step(image: Path) -> int:
    """Calls of exported functions, in the machine code of the step."""
    command = ["objdump", "-d", "--disassemble=dita_core", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return len(re.findall(r"call.*\(%rip\)", done.stdout))


def test_the_other_image_calls_no_named_function() -> None:
    """What is left of the calls is the C library's."""
    with inlined() as image:
        assert calls_in_step(image) < 5
    assert calls_in_step(IMAGE_PATH) > 30


def test_a_ratio_is_of_one_round_and_the_images_take_turns() -> None:
    """Twice the time is 2 in every round, however the machine's speed changes between rounds."""
    both = Mock()
    both.shipped.side_effect = [{"a": 20, "b": 6}, {"a": 200, "b": 60}]
    both.other.side_effect = [{"a": 10, "b": 6}, {"a": 100, "b": 60}]

    assert ratios_of(both.shipped, both.other, 2) == {"a": [2, 2], "b": [1, 1]}
    assert [name for name, *_ in both.mock_calls] == ["other", "shipped", "shipped", "other"]
