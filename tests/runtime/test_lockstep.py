"""Lockstep: kernel and reference are compared in everything, and a disagreement is never survived in silence."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime.lockstep import KernelPort, Lockstep
from dita.runtime.packing import packed_account, packed_input, packed_instrument, packed_outcome, packed_slot
from dita.runtime.state_image import StateImage
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import filled, pack, word_names
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, initial_state
from dita.spec.vocabulary import Code, Kind, Verdict
from runtime_parts import ReferenceKernel, WrongKernel, trades


def test_the_image_is_what_packing_anew_would_give() -> None:
    """After every step of a long history the patched image equals the packed state, byte for byte."""
    lockstep = Lockstep(ReferenceKernel())
    image = StateImage(lockstep.state)
    rng = random.Random(4)
    for number, event in enumerate(trades(12)):
        stepped = lockstep.step(event)
        image.update(stepped.before, stepped.after, event)
        if rng.random() < 0.5 or number < 10:
            assert image.content == pack(lockstep.state)


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        (Input, packed_input),
        (Outcome, packed_outcome),
        (Account, packed_account),
        (Instrument, packed_instrument),
        (Slot, packed_slot),
    ],
)
def test_each_record_is_packed_as_its_layout_says(kind: type[Any], packed: Callable[[Any], bytes]) -> None:
    """With another number in every word, so that none can stand in the place of another."""
    rng = random.Random(kind.__name__)
    record = filled(kind(), [rng.randint(-(2**63), 2**63 - 1) for _ in word_names(kind)])
    assert packed(record) == pack(record)


def test_kernel_and_reference_agree_on_a_history(raw_kernel: RawKernel) -> None:
    """The built kernel and the reference go through 30 trades without a divergence and end in the same bytes."""
    with Kernel(raw_kernel) as kernel:
        lockstep = Lockstep(kernel)
        for event in trades(30):
            assert lockstep.step(event).outcome.verdict == Verdict.ACCEPTED
        assert lockstep.divergence is None
        assert kernel.snapshot() == pack(lockstep.state)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("raise", "the kernel raised"),
        ("outcome", "the outcomes differ"),
        ("account", "the states differ at `account.exposure`"),
        ("elsewhere", "the states differ at `slots[15].realised`"),
    ],
)
def test_every_kind_of_disagreement_is_found_at_once(how: str, says: str) -> None:
    """A kernel that raises, or differs in outcome, account or an untouched slot, is left at that very step."""
    kernel = WrongKernel(7, how)
    lockstep = Lockstep(kernel)
    for number, event in enumerate(trades(4), 1):
        stepped = lockstep.step(event)
        assert stepped.diverged_now == (number == 7)
    assert lockstep.divergence is not None
    assert says in lockstep.divergence.reason
    assert kernel.steps == 7  # it was not asked again
    plain = Lockstep(ReferenceKernel())
    for event in trades(4):
        plain.step(event)
    assert lockstep.state == plain.state  # the reference went on from the last agreed state


def test_a_used_kernel_is_refused() -> None:
    """Lockstep starts from one state on both sides or not at all."""
    kernel = ReferenceKernel()
    kernel.step(inputs.seed(amount=5, time_ns=1))
    with pytest.raises(ValueError, match="not in the state to begin with"):
        Lockstep(kernel)


def test_a_word_beyond_64_bits_is_refused_before_either_side_sees_it(raw_kernel: RawKernel) -> None:
    """It is our own mistake, not a divergence: BAD_VALUE, both sides unchanged."""
    with Kernel(raw_kernel) as kernel:
        lockstep = Lockstep(kernel)
        stepped = lockstep.step(Input(kind=Kind.WALLET, amount=2**63))
        assert stepped.outcome.code == Code.BAD_VALUE
        assert lockstep.state == initial_state()
        assert lockstep.divergence is None


def test_the_digest_covers_input_outcome_and_state() -> None:
    """Differing in the input, the outcome or the state alone gives another digest."""
    digests: set[bytes] = set()
    for amount in (5, 6):
        lockstep: Lockstep = Lockstep(port())
        event = inputs.seed(amount=amount, time_ns=1)
        outcome = lockstep.step(event).outcome
        digests |= {lockstep.digest(event, outcome), lockstep.digest(event, outcome._replace(code=1))}
        digests.add(lockstep.digest(event._replace(rows=1), outcome))
    assert len(digests) == 6


def port() -> KernelPort:
    return ReferenceKernel()
