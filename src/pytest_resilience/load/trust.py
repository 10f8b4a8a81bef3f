"""Trust over TLS: whom a request trusts, and by what it is known itself."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from pytest_resilience.errors import UsageError

File: TypeAlias = "str | Path"
Verify: TypeAlias = "bool | str | Path"
Cert: TypeAlias = "str | Path | tuple[str | Path, str | Path] | None"


def check_trust(verify: Verify, cert: Cert) -> None:
    """Raise `UsageError` for files of certificates that are not there."""
    if not isinstance(verify, bool) and not Path(verify).is_file():
        raise UsageError(
            f"verify={str(verify)!r}: there is no such file; expected one of certificates to trust, or False"
        )
    if cert is None:
        return
    files = files_of(cert)
    if len(files) not in {1, 2} or not all(isinstance(file, (str, Path)) for file in files):
        raise UsageError(
            f"cert={cert!r}: expected the path of a PEM file with a certificate and its key, or a tuple of two files"
        )
    for file in files:
        if not Path(file).is_file():
            raise UsageError(f"cert={str(file)!r}: there is no such file; expected a certificate or its key, as PEM")


def files_of(cert: str | Path | tuple[File, File]) -> tuple[File, ...]:
    """Return the file of a certificate, and that of its key where it is another."""
    return cert if isinstance(cert, tuple) else (cert,)
