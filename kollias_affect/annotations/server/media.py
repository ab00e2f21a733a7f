"""Serves the page's files and the videos, and nothing else.

The page's files are listed when the server starts, and a video is looked up by its public name: no
part of an address ever becomes a path.
"""

import mimetypes
from importlib import resources

from starlette.responses import FileResponse, JSONResponse, Response

from kollias_affect.annotations import videos
from kollias_affect.annotations.server.lists import served
from kollias_affect.annotations.server.sessions import current

_TYPES = {".js": "text/javascript", ".json": "application/json", ".html": "text/html"}


def page_files():
    """Dict from the address of each file of the page to its content and media type."""
    root = resources.files("kollias_affect.annotations") / "page"
    files = {}
    for item, name in _walk(root, ""):
        ending = name[name.rfind(".") :]
        kind = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        files[name] = item.read_bytes(), kind
    return files


def _walk(folder, prefix):
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        elif not item.name.endswith((".py", ".pyc", ".md")):
            yield item, prefix + item.name


def page_file(context, request, content):
    """Answers a file of the page."""
    found = context.page.get(request.path_params.get("name") or "index.html")
    if found is None:
        return Response("Not found", 404, media_type="text/plain")
    # The files change with the package only, but an update must not leave half of them old.
    return Response(found[0], media_type=found[1], headers={"cache-control": "no-cache"})


def texts(context, request, content):
    """Answers the texts of the page."""
    return JSONResponse(context.settings.texts)


def video(context, request, content):
    """Answers a video, or a range of its bytes."""
    current(context, request)
    path, kind = videos.played_file(context.store, served(context, request.path_params["video"]))
    if not path.is_file():
        return Response("The video was moved. Start the server again.", 410)
    return FileResponse(path, media_type=kind, headers={"cache-control": "private"})
