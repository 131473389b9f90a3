"""The named arithmetic's machine code: all of it is proved; what is wrong with it is refuted, and seen on this CPU."""

from pathlib import Path
from typing import Final

import pytest

from dita.conformance.arithmetic_vectors import by_reference
from dita.conformance.defects import build_image, planted
from dita.conformance.equiv.bodies import BodiesReport, BodyProof, BodyRow, explored, run_bodies
from dita.conformance.equiv.calls import CallsReport
from dita.conformance.equiv.domains import domain_of
from dita.conformance.equiv.opinions import Opinions
from dita.conformance.equiv.replay import Replayed
from dita.conformance.prove.contracts import CONTRACTS
from dita.kernel.image import IMAGE_PATH

SOURCE: Final = Path("kernel_rs") / "src" / "arithmetic.rs"
PLANTED: Final = {
    "ties up": ("wrapping_add(quotient & 1)", "wrapping_add(1)", {"predicted_fee", "calibrated_rate"}),
    "ties down": ("remainder == rest && quotient & 1 == 1", "false", {"cost_share"}),
    "no saturation": (
        "word(divide_by_notional(product(quantity, price)).0)",
        "divide_by_notional(product(quantity, price)).0.cast_signed()", {"notional"},
    ),
    "off by one": ("share.checked_rem(lot)", "share.wrapping_sub(1).checked_rem(lot)", {"leg_quantity"}),
    "a bound left out": (
        "at_reference <= paid.wrapping_mul(4) &&", "at_reference < paid.wrapping_mul(4) &&", {"price_plausible"},
    ),
    "leverage met is exceeded": (
        "<= i128::from(capital)", "< i128::from(capital)", {"within_leverage"},
    ),
    "half a lot more": ("step.wrapping_sub(rest)", "step.wrapping_sub(rest >> 1)", {"minimum_quantity"}),
    "a limit left out": ("<= BOUND\n", "< BOUND\n", {"fits_scales"}),
    "zero is no multiple": (
        "value == 0 || value.unsigned_abs() % step == 0", "value > 0 && value.unsigned_abs() % step == 0",
        {"is_multiple"},
    ),
}  # fmt: skip
"""What is written instead of what, and the functions that then give something else."""
BYTES: Final = {
    "a magic number one too small": ("notional", "48b9bfd5edbdcefee6db", "48b9bed5edbdcefee6db"),
    "a shift by 22 instead of 23": ("notional", "48f7e14889d048c1e817c3", "48f7e14889d048c1e816c3"),
}  # fmt: skip
"""A function, and what is written in its machine code instead of what: it then gives something else."""
UNLAWFUL: Final = {
    "rbx is lost": ("480f43c15bc3", "480f43c159c3", "does not restore rbx"),
    "the caller's stack": ("b901000000480f46ce4801c1", "4889442410480f46ce4801c1", "a write to the caller's stack"),
    "other memory": ("4801c148c7c0ffffffff480f43c148b9", "4801c148890500000000480f43c148b9", "a write of 8 bytes at"),
    "an argument that is none": ("480f46ce4801c1", "480f46ce4c01c1", "depends on garbage"),
}  # fmt: skip
"""What is written in the code of ``dita_cost_share`` instead of what, and why that is refused."""


def patched(folder: Path, old: str, new: str) -> Path:
    """The built image with these bytes in place of those, which it has in one place."""
    content = IMAGE_PATH.read_bytes()
    assert content.count(bytes.fromhex(old)) == 1
    image = folder / "kernel.image"
    image.write_bytes(content.replace(bytes.fromhex(old), bytes.fromhex(new)))
    return image


def wrong(report: BodiesReport) -> set[str]:
    """The functions that are refuted, with arguments."""
    return {name for name, row in report.rows.items() if row.differ}


@pytest.mark.timeout(900)
def test_every_body_of_the_built_image_is_proved() -> None:
    """All ten, on every path, by both solvers; and thousands of vectors agree with the processor."""
    report = run_bodies()
    figures = report.figures

    assert (report.problems, report.assumed) == ([], [])
    assert figures["bodies_proved"] == figures["functions"] == len(CONTRACTS)
    assert all(row.vectors > 2_000 and row.lifted > 2_000 for row in report.rows.values())
    assert all(row.reached and row.cases and row.claims for row in report.rows.values())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_body_is_refuted_on_the_cpu(name: str) -> None:
    """Another calculation is not proved; arguments are found with which the image gives something else; the rest is."""
    old, new, functions = PLANTED[name]
    with planted(None) as tree:
        text = (tree / SOURCE).read_text()
        assert old in text
        (tree / SOURCE).write_text(text.replace(old, new))
        report = run_bodies(build_image(tree), only=functions)

    assert wrong(report) == functions
    assert all(row.assumed for row in report.rows.values()), "the solvers found nothing"
    assert report.figures["bodies_proved"] == 0
    assert len(report.problems) == len(functions)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BYTES)
def test_a_wrong_byte_is_refuted_on_the_cpu(name: str, tmp_path: Path) -> None:
    """One byte of a multiplication that stands for a division; the solver's own arguments show it."""
    function, old, new = BYTES[name]
    report = run_bodies(patched(tmp_path, old, new), only=[function])

    assert wrong(report) == {function}
    assert report.rows[function].shown
    assert report.figures["bodies_proved"] == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", UNLAWFUL)
def test_what_no_function_may_do_is_refused(name: str, tmp_path: Path) -> None:
    """Whatever it answers, it is not proved, and that is a problem."""
    old, new, why = UNLAWFUL[name]
    found, *_ = explored(patched(tmp_path, old, new), [CONTRACTS["cost_share"]])
    row = BodyRow("cost_share")
    BodyProof(CONTRACTS["cost_share"], Opinions(), row).prove(found)

    assert why in row.refused
    assert not row.proved
    assert BodiesReport({"cost_share": row}, calls=CallsReport()).problems == [f"cost_share: {row.refused}"]


@pytest.mark.timeout(300)
def test_a_division_that_traps_is_not_proved(tmp_path: Path) -> None:
    """Without the zero in front of what is divided the quotient may not fit; the lifter's formula has one."""
    (found,) = explored(patched(tmp_path, "31d248f7f14885d20f94c0c331c0c3", "909048f7f14885d20f94c0c331c0c3"),
                        [CONTRACTS["is_multiple"]])  # fmt: skip
    row = BodyRow("is_multiple")
    BodyProof(CONTRACTS["is_multiple"], Opinions(), row).prove(found)

    assert row.assumed
    assert not row.proved


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("price_plausible", (0, -(1 << 63), (1 << 63) - 1)), ("fits_scales", (0, 0, -(1 << 62), 1 << 62))],
)
def test_outside_the_narrower_domain_the_image_gives_something_else(name: str, arguments: tuple[int, ...]) -> None:
    """So the contract's own, which is all integers, would be a false claim; the reference calls neither there."""
    image = Replayed(IMAGE_PATH).call(f"dita_{name}", tuple(value % (1 << 64) for value in arguments))

    assert CONTRACTS[name].domain(*arguments)
    assert not domain_of(CONTRACTS[name])(*arguments)
    assert image != by_reference(name, arguments)
