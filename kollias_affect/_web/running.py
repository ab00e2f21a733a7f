"""Host, port and token of a server of pages, and its start."""

import ipaddress
import secrets
import socket

import uvicorn

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def new_token():
    """Returns a random token."""
    return secrets.token_hex(12)


def token_for(host, token=None, names=(), make=new_token):
    """Returns the token that a server on `host` needs, or `None`.

    Args:
        host: Name or address to listen on.
        token: The owner's token, or `None`.
        names: Further host names, of a server in front of this one.
        make: Function that returns a token; it may keep one, so that pages survive a restart.

    Raises:
        ValueError: If `token` is too short to be a secret.
    """
    if token is not None:
        if len(token) < 8 or not token.isascii() or not token.replace("-", "").isalnum():
            raise ValueError(
                "--token must be at least 8 letters, digits or hyphens. Received: "
                f"{len(token)} characters. Leave it out: one is made."
            )
        return token
    return None if host in LOOPBACK and not names else make()


def hosts_for(host, further=()):
    """Returns the host names under which a server that listens on `host` is reached.

    Args:
        host: Name or address to listen on.
        further: Names of a server in front of this one.

    Returns:
        Dict of the fields `hosts` and `any_address` of `security.Access`. A name that another site
        makes point to this machine is never a numeric address.
    """
    names = {host.lower(), *LOOPBACK, *(name.lower() for name in further)}
    if host not in LOOPBACK:
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return {"hosts": tuple(sorted(names)), "any_address": _is_any(host)}


def _is_any(host):
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def listen(host, port):
    """Returns a socket that listens on a host and port; port 0 takes a free one.

    Raises:
        OSError: If the port is taken or the host is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise OSError(
            f"--host and --port must be an address of this machine and a free port. Received: "
            f"{host} port {port} ({error.strerror or error}). Choose another --port."
        ) from error
    return listener


def address_of(listener, host, token=None):
    """The address that people open in their browsers."""
    name = socket.gethostname() if _is_any(host) else host
    name = f"[{name}]" if ":" in name else name
    port = listener.getsockname()[1]
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def server_of(app):
    """Returns the `uvicorn.Server` of an application."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=2, lifespan="off", http="h11", ws="none",
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(app, listener):
    """Answers requests until the process is interrupted."""
    server_of(app).run(sockets=[listener])
