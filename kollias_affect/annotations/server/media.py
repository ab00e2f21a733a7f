"""Serves the page's files and the videos, and nothing else.

The page's files are listed when the server starts, and a video is looked up by its public name: no
part of an address ever becomes a path.
"""

from starlette.responses import FileResponse, JSONResponse, Response

from kollias_affect._web import page_files
from kollias_affect.annotations import videos
from kollias_affect.annotations.server.lists import served
from kollias_affect.annotations.server.sessions import current


def files_of_page():
    """The page's files, see `page_files.read`."""
    return page_files.read("kollias_affect.annotations")


def page_file(context, request, content):
    """Answers a file of the page."""
    return page_files.response(context.page, request.path_params.get("name"))


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
