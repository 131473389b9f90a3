"""``dita keygen``, and the file of the key that signs certificates."""

from pathlib import Path
from typing import Final

from dita.adapters.private_file import read_private, write_private
from dita.conformance.signing import KEY_BYTES_MAX, SigningKey, SigningKeyRefused
from dita.runtime.cli_report import CommandError, Report, Reporter, table

_WHAT: Final = "signing key"


def keygen(reporter: Reporter, *, path: Path) -> Report:
    """Make a key in a new file of mode 0600 and say its public half. Raises PrivateFileError."""
    key = SigningKey.generate()
    write_private(path, _WHAT, key.to_pem())
    reporter.console.print(
        f"sign with:   dita certify --sign {path}\ntrust it by: DITA_TRUSTED_KEYS={key.public_key}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    figures = {"public_key": key.public_key}
    return Report(figures, (), [table("keygen", figures, ("figure", "value"))])


def read_signing_key(path: Path) -> SigningKey:
    """The key in a file that nobody but its owner can read. Raises PrivateFileError, CommandError."""
    try:
        return SigningKey.from_pem(read_private(path, _WHAT, KEY_BYTES_MAX))
    except SigningKeyRefused as refused:
        raise CommandError(f"{_WHAT}: `{path}` cannot sign: {refused}") from None
