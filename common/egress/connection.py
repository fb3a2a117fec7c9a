"""Connecting to an address that was checked, and TLS for the name that it was checked for: HTTP and SMTP alike."""

import socket
import ssl
from ipaddress import IPv6Address

from common.egress.addresses import Address
from common.egress.errors import ExchangeFailed, ExchangeFailure
from common.egress.resolution import Deadline

_MAX_ADDRESSES_TRIED = 4


def require_verifying(context: ssl.SSLContext) -> None:
    """Raises ValueError for a context that would take any certificate."""
    if not (context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED):
        raise ValueError("ssl_context must verify certificates and host names.")


def connect(addresses: list[Address], port: int, deadline: Deadline) -> tuple[socket.socket, Address]:
    """A connection to the first of `addresses` that takes one, at most four of them, and that address.

    Raises `ExchangeFailed` of kind connect or timeout.
    """
    error: OSError | None = None
    addresses = addresses[:_MAX_ADDRESSES_TRIED]
    for position, address in enumerate(addresses):
        family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
        # One address that swallows packets must not use up the time of those after it.
        patience = deadline.remaining() / (len(addresses) - position)
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as failure:
            error = failure
            continue
        try:
            connection.settimeout(patience)
            connection.connect((str(address), port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as failure:
            connection.close()
            error = failure
        else:
            return connection, address
    if isinstance(error, TimeoutError):
        raise deadline.exceeded() from error
    raise ExchangeFailed(ExchangeFailure.CONNECT, f"Connecting failed: {_reason(error)}.") from error


def start_tls(connection: socket.socket, host: str, context: ssl.SSLContext, deadline: Deadline) -> ssl.SSLSocket:
    """TLS on a connection that is open, verified for `host`. Raises `ExchangeFailed` of kind tls or timeout."""
    try:
        # The host name, not the address: it selects the certificate (SNI) and is what the certificate must be for.
        # Wrapping first and shaking hands second lets the handshake run under what is left of the deadline.
        wrapped = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
    except (OSError, ValueError) as error:
        raise ExchangeFailed(ExchangeFailure.TLS, f"TLS failed: {_reason(error)}.") from error
    try:
        wrapped.settimeout(deadline.remaining())
        wrapped.do_handshake()
    except TimeoutError as error:
        wrapped.close()
        raise deadline.exceeded() from error
    except ssl.SSLCertVerificationError as error:
        wrapped.close()
        raise ExchangeFailed(
            ExchangeFailure.TLS, f"The certificate was refused: {error.verify_message.rstrip('.')}."
        ) from error
    except (OSError, ValueError) as error:
        wrapped.close()
        raise ExchangeFailed(ExchangeFailure.TLS, f"TLS failed: {_reason(error)}.") from error
    except ExchangeFailed:
        wrapped.close()
        raise
    return wrapped


def _reason(error: Exception | None) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "handshake failure").replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "no reason given"
