"""Keys and signed certificates on the command line: made, used, demanded, and never told."""

import json
from functools import partial
from pathlib import Path

import pytest

from command import dita
from dita.adapters.private_file import PrivateFileError
from dita.conformance.certify import run_certify
from dita.conformance.layers import LayerOrder, LayerOutcome, LayerRunner
from dita.conformance.signing import SigningKey
from dita.kernel.loader import RawKernel, installed_bindings, load_certified
from dita.runtime.cli_checks import certify
from dita.runtime.cli_keygen import read_signing_key
from dita.runtime.cli_report import CommandError, Reporter
from dita.runtime.doors import certified_kernel
from dita.runtime.settings import SettingsError, load_settings
from dita.spec.certificate import REQUIRED_LAYERS, CertificateRefused, LayerRule, Refusal, Trust
from sample_certificate import parts_of, passing_counts, written_certificate

KEY = "4" * 64


def passing(rule: LayerRule, order: LayerOrder) -> LayerOutcome:
    """A layer that holds."""
    assert order.tier == "quick"
    return LayerOutcome(rule.name, parts_of(passing_counts(rule)), {})


def test_keygen_makes_a_key_that_only_we_read(tmp_path: Path) -> None:
    """Mode 0600; the public half is printed, the secret is not; a second key never replaces it."""
    first = dita(tmp_path, "keygen", "keys/sign.pem", "--json", "keygen.json")
    again = dita(tmp_path, "keygen", "keys/sign.pem")
    path = tmp_path / "keys" / "sign.pem"
    secret = path.read_text().splitlines()[1]
    public = json.loads((tmp_path / "keygen.json").read_text())["figures"]["public_key"]

    assert first.returncode == 0, first.stderr
    assert path.stat().st_mode & 0o7777 == 0o600
    assert read_signing_key(path).public_key == public
    assert f"DITA_TRUSTED_KEYS={public}" in first.stdout
    assert secret not in first.stdout + first.stderr
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert path.read_text().splitlines()[1] == secret


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o700, 0o400])
def test_a_key_that_others_can_read_is_refused_by_name(tmp_path: Path, mode: int) -> None:
    """Any mode but 0600: the file, its mode and the remedy are told, nothing of the content."""
    path = tmp_path / "sign.pem"
    path.write_bytes(pem := SigningKey.generate().to_pem())
    path.chmod(mode)

    with pytest.raises(
        PrivateFileError, match=rf"signing key: `{path}` has mode `{mode:04o}`; run chmod 600"
    ) as caught:
        read_signing_key(path)

    assert pem.splitlines()[1].decode() not in str(caught.value)


def test_certify_refuses_a_bad_key_before_it_works(tmp_path: Path) -> None:
    """A key that is missing, too open or no key: the file is named at once, and no certificate touched."""
    (tmp_path / "open.pem").write_bytes(pem := SigningKey.generate().to_pem())
    (tmp_path / "open.pem").chmod(0o644)
    (tmp_path / "text.pem").write_text("very secret text")
    (tmp_path / "text.pem").chmod(0o600)
    refusals = (PrivateFileError, CommandError)
    for name, says in (("none.pem", "cannot be opened"), ("open.pem", "run chmod 600"), ("text.pem", "no private key")):
        with pytest.raises(refusals, match=f"{name}.*{says}") as caught:
            certify(Reporter(), tier="quick", sign=tmp_path / name)
        for secret in (pem.splitlines()[1].decode(), "very secret text"):
            assert secret not in str(caught.value)

    done = dita(tmp_path, "certify", "--sign", "open.pem")

    assert done.returncode == 2, done.stdout + done.stderr
    assert "open.pem" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_certificate_signed_on_writing_loads_where_its_key_is_trusted(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """What certify writes with a key is accepted by the loader with the public half, and with no other."""
    key = SigningKey.generate()
    layers = tuple(LayerRunner(rule.name, partial(passing, rule)) for rule in REQUIRED_LAYERS)
    report = run_certify("quick", out_dir=tmp_path, layers=layers, key=key)
    assert report.certificate is not None, report.refusals

    loaded = load_certified(report.certificate, trust=Trust((key.public_key,), signature_required=True))

    assert loaded.clearance.signed
    assert loaded.statement.bindings == installed_bindings(raw_kernel)
    with pytest.raises(CertificateRefused, match="UNTRUSTED_KEY"):
        load_certified(report.certificate, trust=Trust((KEY,), signature_required=True))


def test_live_needs_a_key_that_is_trusted() -> None:
    """The profile without a key, a short key and an unknown profile are told by name; with a key it holds."""
    wrong = {"DITA_PROFILE": "live"}, {"DITA_TRUSTED_KEYS": "12"}, {"DITA_PROFILE": "demo"}
    for environment, name in zip(wrong, ("DITA_TRUSTED_KEYS", "DITA_TRUSTED_KEYS", "DITA_PROFILE"), strict=True):
        with pytest.raises(SettingsError, match=f"{name}: "):
            load_settings(environment)

    live = load_settings({"DITA_PROFILE": "live", "DITA_TRUSTED_KEYS": f"{KEY.upper()}, {'5' * 64}"})

    assert live.trust == Trust((KEY, "5" * 64), signature_required=True)
    assert load_settings({}).trust == Trust()


def test_live_makes_no_certificate_of_its_own(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """Where a signature is required, a missing certificate stays missing; on paper the quick one is made."""
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        written_certificate(path.parent, installed_bindings(raw_kernel))

    path = tmp_path / "out" / "certificate.json"
    with pytest.raises(CertificateRefused) as refused:
        certified_kernel(path, certify=make, trust=Trust((KEY,), signature_required=True))
    assert (refused.value.reason, made) == (Refusal.MISSING, [])

    assert not certified_kernel(path, certify=make).clearance.signed
    assert made == [path]


def test_a_certificate_of_another_version_is_made_anew(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """What an older DITA left behind is no damage: on paper the quick certificate takes its place."""
    path = written_certificate(tmp_path / "out", installed_bindings(raw_kernel))
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b"urn:dita:certificate:v2", b"urn:dita:certificate:v1"))

    def make(old: Path) -> None:
        assert b"certificate:v1" in old.read_bytes()
        old.write_bytes(sound)

    assert certified_kernel(path, certify=make).raw is raw_kernel


def test_a_live_session_refuses_an_unsigned_certificate(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """`dita run` under the live profile: status 2, UNSIGNED and what to do; nothing was started. Doctor says it too."""
    written_certificate(tmp_path / "out", installed_bindings(raw_kernel))
    done = dita(tmp_path, "run", DITA_PROFILE="live", DITA_TRUSTED_KEYS=KEY)
    doctor = dita(tmp_path, "doctor", DITA_PROFILE="live", DITA_TRUSTED_KEYS=KEY)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "UNSIGNED" in done.stderr
    assert "dita certify --sign KEY" in done.stderr
    assert not (tmp_path / "out" / "paper").exists()
    assert doctor.returncode == 1
    assert "UNSIGNED" in doctor.stderr


def test_doctor_shows_how_long_loading_took(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """With a certificate that holds, the row says tier, signature and milliseconds."""
    written_certificate(tmp_path / "out", installed_bindings(raw_kernel))

    done = dita(tmp_path, "doctor")

    assert done.returncode == 0, done.stderr
    assert "tier quick, unsigned, loaded in " in " ".join(done.stdout.split())
