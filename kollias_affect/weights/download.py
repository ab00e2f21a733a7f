"""Downloads that go on where they broke off and are used only if their hash is right.

Nothing is sent but the request for the file itself.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request

from kollias_affect import _checks

_CHUNK = 1 << 20
_SECONDS = 30  # without a byte
_UNREACHABLE = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
)


def sha256(path):
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(url, path, expected, schemes=("https",)):
    """Downloads `url` to `path`, through `<path>.partial`, which the next call goes on with.

    Args:
        url: of the file.
        path: where it goes; its folder is created.
        expected: SHA-256 of the file, in hexadecimal.
        schemes: allowed beginnings of `url`, and of wherever the server sends us on to.

    Returns:
        `path`.

    Raises:
        ValueError: if the scheme is not allowed, or the file has another hash; it is removed.
        OSError: if the server cannot be reached, refuses, or ends early; what came is kept.
    """
    _check_scheme(url, schemes)
    _checks.writable_folder("cache", path.parent)
    partial = path.with_name(f"{path.name}.partial")
    try:
        _receive(url, partial, schemes)
    except urllib.error.HTTPError as error:
        raise OSError(
            f"The file must be on its server. Received: {error.code} {error.reason} from {url}. "
            "Try again later, or look for a newer version of this package."
        ) from error
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ConnectionError,
    ) as error:
        raise OSError(
            f"A download needs the network. Received: {getattr(error, 'reason', error)} from "
            f"{url}. Try again when it is there, or put the file at {path} by hand."
        ) from error
    found = sha256(partial)
    if found != expected:
        partial.unlink()
        raise ValueError(
            f"The file must have the SHA-256 {expected}. Received: {found} from {url}. What came "
            "was removed. Try again; if it stays so, do not use the file and tell the maintainers."
        )
    os.replace(partial, path)
    return path


def _receive(url, partial, schemes):
    """Adds to `partial` what it lacks."""
    start = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    opener = urllib.request.build_opener(_Redirects(schemes))
    try:
        response = opener.open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # nothing is missing; the hash tells whether that is so
            return
        raise
    with response:
        goes_on = response.status == 206
        size = start if goes_on else 0
        whole = response.headers.get("Content-Length")
        whole = None if whole is None else size + int(whole)
        with open(partial, "ab" if goes_on else "wb") as file:
            while chunk := response.read(_CHUNK):
                size += file.write(chunk)
    if whole is not None and size < whole:
        raise OSError(
            f"The download must be whole. Received: {size:,} of {whole:,} bytes from {url}. What "
            "came is kept. Run the same command again to go on."
        )


def _check_scheme(url, schemes):
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in schemes:
        raise ValueError(
            f"Downloads must come by {' or '.join(schemes)}. Received: {url}. Use another address."
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to allowed schemes only."""

    def __init__(self, schemes):
        self.schemes = schemes

    def redirect_request(self, request, file, code, message, headers, url):
        _check_scheme(url, self.schemes)
        return super().redirect_request(request, file, code, message, headers, url)
