"""The application: which address is answered by what."""

import dataclasses
import functools
import logging

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kollias_affect import _files
from kollias_affect._web.security import Guard
from kollias_affect.annotations.server import (
    fields,
    lists,
    media,
    recording,
    reviewing,
    sessions,
)
from kollias_affect.annotations.server.errors import RequestError
from kollias_affect.annotations.server.settings import Settings
from kollias_affect.annotations.store import Store

# Method, address, function. With --read-only, only GET is answered.
ROUTES = (
    ("GET", "/", media.page_file),
    ("GET", "/page/{name:path}", media.page_file),
    ("GET", "/texts.json", media.texts),
    ("GET", "/media/{video}", media.video),
    ("GET", "/api/config", sessions.config),
    ("GET", "/api/session", sessions.session),
    ("POST", "/api/session", sessions.log_in),
    ("POST", "/api/session/settings", sessions.change_settings),
    ("POST", "/api/session/end", sessions.log_out),
    ("GET", "/api/videos", lists.videos),
    ("POST", "/api/persons", lists.add_person),
    ("POST", "/api/viewings", lists.watch),
    ("POST", "/api/takes", recording.create),
    ("GET", "/api/takes/{take}", reviewing.show),
    ("POST", "/api/takes/{take}/batches", recording.add_batch),
    ("POST", "/api/takes/{take}/finish", recording.finish),
    ("POST", "/api/takes/{take}/reopen", recording.reopen),
    ("POST", "/api/takes/{take}/drops", reviewing.drop),
    ("POST", "/api/takes/{take}/verdict", reviewing.judge),
    ("GET", "/api/compare", reviewing.compare),
    ("POST", "/api/choices", reviewing.choose),
)


@dataclasses.dataclass(frozen=True)
class Context:
    """What every handler receives."""

    store: Store
    settings: Settings
    page: dict


def create_app(store, settings):
    """Returns the ASGI application of a store.

    Args:
        store: `Store`.
        settings: `Settings`.
    """
    context = Context(store, settings, media.files_of_page())
    routes = [
        Route(path, functools.partial(_answer, context, function), methods=[method])
        for method, path, function in ROUTES
    ]
    guard = Middleware(Guard, access=settings, cookie=f"kollias_token_{store.identity}")
    return Starlette(routes=routes, middleware=[guard])


async def _answer(context, function, request):
    try:
        content = None
        if request.method == "POST":
            if context.settings.read_only:
                raise RequestError(403, "read_only", "This server is started with --read-only.")
            content = await fields.body_of(request)
        # SQLite waits for the disk: other requests are answered meanwhile.
        answer = await run_in_threadpool(function, context, request, content)
    except RequestError as error:
        return JSONResponse({"code": error.code, "message": error.message}, error.status)
    except Exception as error:
        if _files.is_disk_full(error):  # The page keeps what it recorded and sends it again.
            full = _files.DiskFullError(context.store.database.path)
            logging.getLogger(__name__).error("%s", full)
            return JSONResponse({"code": "disk_full", "message": str(full)}, 507)
        logging.getLogger(__name__).exception("%s %s failed", request.method, request.url.path)
        return JSONResponse({"code": "failed", "message": "The server has an error."}, 500)
    return answer if isinstance(answer, Response) else JSONResponse(answer)
