"""Refuses requests that do not come from the page of this server.

A page of another site that is open in the same browser can send requests to 127.0.0.1. It is
recognised by its `Origin` (or `Sec-Fetch-Site`), and by its `Host` if it has made its name point to
this machine (DNS rebinding). Where other machines may connect, a token is needed as well.
"""

import dataclasses
import hmac
import ipaddress
import re
import urllib.parse

from starlette.responses import PlainTextResponse, RedirectResponse

SAFE = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Access:
    """Who reaches a server.

    Attributes:
        token: Secret that the first address must hold, or `None`.
        hosts: Host names, in lower case and without port, under which the server is reached.
        any_address: Whether every numeric address is one of them too.
    """

    token: str | None = None
    hosts: tuple = ("127.0.0.1", "localhost", "::1")
    any_address: bool = False


class Guard:
    """ASGI middleware that checks host, origin and token, and adds security headers.

    Args:
        app: The ASGI application.
        access: `Access`.
        cookie: Name of the cookie that holds the token.
    """

    def __init__(self, app, access: Access, cookie):
        self.app, self.access, self.cookie = app, access, cookie

    async def __call__(self, scope, receive, send):
        """Handles a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        answer = self._refusal(scope) or self.app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope):
        """The response that refuses a request, or `None`."""
        headers = _headers(scope)
        host = headers.get("host", "")
        if not self._is_own_host(host):
            return PlainTextResponse("This server is not reached by this host name.", 421)
        if scope["method"] not in SAFE and not _is_same_origin(headers, host):
            return PlainTextResponse("This request comes from another site.", 403)
        if self.access.token is None:
            return None
        return self._check_token(scope, headers)

    def _is_own_host(self, host):
        name = _host_name(host)
        if name is None:
            return False
        return name in self.access.hosts or (self.access.any_address and _is_address(name))

    def _check_token(self, scope, headers):
        query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
        offered = query.get("token", [""])[0]
        if scope["path"] == "/" and _equal(offered, self.access.token):
            # Out of the address, so that it is not in the browser's history and screenshots.
            response = RedirectResponse("/", 303)
            response.set_cookie(self.cookie, self.access.token, httponly=True, samesite="lax")
            return response
        cookies = _cookies(headers.get("cookie", ""))
        if _equal(cookies.get(self.cookie, ""), self.access.token):
            return None
        return PlainTextResponse(
            "This server needs its token. Open the address that it printed when it started.", 403
        )


def _headers(scope):
    return {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}


def _host_name(host):
    """Name in a Host header, in lower case and without port, or `None`."""
    match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d{1,5})?|([A-Za-z0-9._-]+)(?::\d{1,5})?", host)
    return match and (match[1] or match[2]).lower()


def _is_address(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(headers, host):
    site = headers.get("sec-fetch-site", "same-origin")
    origin = headers.get("origin")
    if origin is None:  # Browsers send it with every POST; other programs need not.
        return site in ("same-origin", "none")
    return site in ("same-origin", "none") and urllib.parse.urlsplit(origin).netloc == host


def _cookies(header):
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, _, value in pairs}


def _equal(a, b):
    return hmac.compare_digest(a.encode(), b.encode())
