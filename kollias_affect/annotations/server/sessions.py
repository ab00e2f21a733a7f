"""Log-in, log-out, and who sends a request."""

from starlette.responses import JSONResponse

from kollias_affect.annotations.server import fields
from kollias_affect.annotations.server.errors import RequestError

ROLES = ("annotator", "expert")
DEVICES = ("keyboard", "mouse", "touch", "wheel", "gamepad")
VIEWER = {"id": None, "annotator": None, "name": "", "role": "viewer", "settings": {}}


def cookie_of(store):
    """Name of the session's cookie; several servers on one machine keep theirs apart."""
    return f"kollias_session_{store.identity}"


def current(context, request):
    """Returns the session of a request.

    Raises:
        RequestError: If nobody has logged in. With `read_only`, everybody is a viewer.
    """
    if context.settings.read_only:
        return VIEWER
    secret = request.cookies.get(cookie_of(context.store), "")
    session = context.store.people.session(secret) if secret else None
    if session is None:
        raise RequestError(401, "logged_out", "Log in first.")
    return session


def config(context, request, content):
    """Answers what the log-in page needs."""
    settings = context.settings
    return {
        "store": context.store.identity,
        "dimensions": settings.dimensions,
        "modes": settings.modes,
        "playlists": list(settings.playlists),
        "experts": bool(settings.experts),
        "first_viewing": settings.first_viewing,
        "countdown": settings.countdown,
        "guidelines": settings.guidelines,
        "read_only": settings.read_only,
    }


def log_in(context, request, content):
    """Starts a session and sets its cookie."""
    settings = context.settings
    name = fields.text(content, "name", 64)
    role = fields.one_of(content, "role", ROLES)
    if role == "expert" and settings.experts and name not in settings.experts:
        raise RequestError(
            403, "no_expert", f"Experts are named by --expert. Received: {name!r}. Log in as an "
            "annotator, or ask the owner of the server.",
        )  # fmt: skip
    secret = context.store.people.log_in(name, role, _settings(settings, content))
    session = context.store.people.session(secret)
    response = JSONResponse(_public(session))
    response.set_cookie(
        cookie_of(context.store), secret, httponly=True, samesite="strict", max_age=400 * 86400
    )
    return response


def _settings(settings, content):
    chosen = {
        "dimension": fields.one_of(content, "dimension", settings.dimensions),
        "mode": fields.one_of(content, "mode", settings.modes),
        "device": fields.one_of(content, "device", DEVICES),
        "playlist": None,
    }
    if settings.playlists:
        chosen["playlist"] = fields.one_of(content, "playlist", tuple(settings.playlists))
    return chosen


def session(context, request, content):
    """Answers who is logged in, `None` for nobody."""
    try:
        return {"session": _public(current(context, request))}
    except RequestError:
        return {"session": None}


def change_settings(context, request, content):
    """Replaces dimension, mode, device and playlist of the session."""
    found = current(context, request)
    context.store.people.change_settings(found["id"], _settings(context.settings, content))
    return _public(current(context, request))


def log_out(context, request, content):
    """Ends the session."""
    context.store.people.log_out(current(context, request)["id"])
    response = JSONResponse({})
    response.delete_cookie(cookie_of(context.store))
    return response


def _public(session):
    return {name: session[name] for name in ("name", "role", "settings")}
