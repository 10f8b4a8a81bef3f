"""TLS: how the driver checks whom it talks to."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pytest_resilience.errors import UsageError

if TYPE_CHECKING:
    from pytest_resilience.load.request import Verify


def context(verify: Verify) -> ssl.SSLContext:
    """Return the settings of TLS connections.

    :param verify: True to trust what the host trusts, a path to trust the certificates in that file, False to
        trust anybody.
    :raises UsageError: the file holds no certificates.
    """
    try:
        made = ssl.create_default_context(cafile=None if isinstance(verify, bool) else str(verify))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"verify={str(verify)!r}: its certificates cannot be read: {error}") from error
    if verify is False:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
