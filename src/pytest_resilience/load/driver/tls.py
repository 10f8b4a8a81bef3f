"""TLS: how the driver checks whom it talks to, and shows who it is."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pytest_resilience.errors import UsageError
from pytest_resilience.load.trust import files_of

if TYPE_CHECKING:
    from pytest_resilience.load.trust import Cert, Verify


def context(verify: Verify, cert: Cert = None) -> ssl.SSLContext:
    """Return the settings of TLS connections.

    :param verify: True to trust what the host trusts, a path to trust the certificates in that file, False to
        trust anybody.
    :param cert: the files of the certificate and the key to be known by; None to be nobody.
    :raises UsageError: a file holds no certificates, the key is not that of the certificate, or has a passphrase.
    """
    try:
        made = ssl.create_default_context(cafile=None if isinstance(verify, bool) else str(verify))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"verify={str(verify)!r}: its certificates cannot be read: {error}") from error
    if verify is False:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if cert is not None:
        try:
            first, *key = files_of(cert)
            # Without the empty passphrase, OpenSSL would ask for one at a terminal.
            made.load_cert_chain(first, key[0] if key else None, password="")
        except (OSError, ssl.SSLError, ValueError) as error:
            raise UsageError(f"cert={cert!r}: certificate and key cannot be used: {error}") from error
    return made
