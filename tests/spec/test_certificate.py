"""The certificate's statement: written in one form, and refused by name for every way in which it can be wrong."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.spec.canonical import canonical_json, tree_sha256
from dita.spec.certificate import Bindings, CertificateRefused, Refusal, Statement
from dita.spec.certificate_check import verify
from dita.spec.certificate_format import decode_statement, encode_statement
from forgeries import FORGERIES, Change, Files

MakeCertificate = Callable[[Bindings], tuple[Statement, Files]]

INSTALLED = Bindings(
    image_sha256="1" * 64,
    spec_sha256="2" * 64,
    reference_sha256="3" * 64,
    logic_sha256="6" * 64,
    conformance_sha256="7" * 64,
    abi_version=1,
    layout_sha256="4" * 64,
    source_sha256="5" * 64,
)


def hold(content: bytes, evidence: Mapping[str, bytes], installed: Bindings = INSTALLED) -> Statement:
    """Read and verify, as the loader does."""
    statement = decode_statement(content)
    verify(statement, installed, evidence)
    return statement


@pytest.mark.parametrize(("reason", "change"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES])
def test_every_defect_is_refused_by_its_name(
    make_certificate: MakeCertificate, reason: Refusal, change: Change
) -> None:
    """A certificate with this defect, otherwise sound, is refused with exactly this reason."""
    content, evidence = change(*make_certificate(INSTALLED))

    with pytest.raises(CertificateRefused) as refusal:
        hold(content, evidence)

    assert refusal.value.reason is reason
    assert reason.name in str(refusal.value)
    assert reason.value in str(refusal.value)


def test_every_reason_has_a_defect() -> None:
    """No reason is without a row above, but the loader's own: the file that is not there, and the signature."""
    loaders = {Refusal.MISSING, Refusal.UNSIGNED, Refusal.UNTRUSTED_KEY, Refusal.BAD_SIGNATURE}
    assert {row[1] for row in FORGERIES} == set(Refusal) - loaders - {Refusal.WRONG_PAYLOAD_TYPE}


def test_a_sound_certificate_holds_and_reads_back_equal(make_certificate: MakeCertificate) -> None:
    """Without a defect there is no refusal, and reading gives what was written."""
    statement, evidence = make_certificate(INSTALLED)

    assert hold(encode_statement(statement), evidence) == statement


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Bindings)])
def test_a_certificate_holds_for_one_installation_only(make_certificate: MakeCertificate, name: str) -> None:
    """Each thing that the certificate binds, when it differs here, refuses it (clause K3)."""
    statement, evidence = make_certificate(INSTALLED)
    value: Any = 2 if name == "abi_version" else "9" * 64
    elsewhere = dataclasses.replace(INSTALLED, **{name: value})

    with pytest.raises(CertificateRefused):
        hold(encode_statement(statement), evidence, elsewhere)


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(position: int, bit: int, make_certificate: MakeCertificate) -> None:
    """A certificate is refused, by name, after any single flipped bit; nothing else is ever raised."""
    statement, evidence = make_certificate(INSTALLED)
    content = bytearray(encode_statement(statement))
    content[position % len(content)] ^= 1 << bit

    with pytest.raises(CertificateRefused):
        hold(bytes(content), evidence)


def test_canonical_json_has_one_form() -> None:
    """Keys are sorted, nothing is spaced, text is UTF-8, a line feed ends it; floats and non-text keys are refused."""
    assert canonical_json({"b": [1, True, None], "a": "é"}) == '{"a":"é","b":[1,true,null]}\n'.encode()
    for value in (1.5, [1.0], {"a": float("nan")}, 2**53 + 1, {1: 2}):
        with pytest.raises(ValueError, match="canonical JSON"):
            canonical_json(value)


def test_a_folder_hash_sees_names_and_boundaries() -> None:
    """Renaming a file or moving a byte from one file to the next changes the hash; the order of reading does not."""
    base = tree_sha256({"a": b"12", "b": b"3"})

    assert base == tree_sha256({"b": b"3", "a": b"12"})
    assert len({base, tree_sha256({"a": b"1", "b": b"23"}), tree_sha256({"a": b"12", "c": b"3"})}) == 3
