"""Serves the page on this machine."""

import contextlib
import dataclasses
import hashlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from kollias_affect._web import page_files, running, security
from kollias_affect.prediction.view import bundle, contents


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A server that only has to be run.

    Attributes:
        app: ASGI application.
        listener: Socket that it listens on.
        address: What people open, with the token.
        count: Number of inputs.
    """

    app: object
    listener: object
    address: str
    count: int


@contextlib.contextmanager
def prepare(folder, media=(), host="127.0.0.1", port=0, token=None, names=()):
    """Reads the outputs of a prediction and opens the port.

    Args:
        folder: Output folder of `predict`.
        media: Files, and folders of files, among which the inputs are.
        host: Address to listen on. With another one than the loopback, the address has a token.
        port: Port; 0 takes a free one.
        token: The owner's token, or `None`.
        names: Further host names, of a server in front of this one.

    Yields:
        `Prepared`.

    Raises:
        OSError, ValueError: If an option is wrong or `folder` holds no outputs.
    """
    secret = running.token_for(host, token, names)
    found = contents.read(folder, media)
    listener = running.listen(host, port)
    with contextlib.closing(listener):
        access = security.Access(token=secret, **running.hosts_for(host, names))
        # Servers of several folders on one machine keep their cookies apart.
        identity = hashlib.sha256(str(Path(folder).resolve()).encode()).hexdigest()[:12]
        app = create_app(found, access, f"kollias_view_{identity}")
        address = running.address_of(listener, host, secret)
        yield Prepared(app, listener, address, len(found.tracks))


def create_app(found, access, cookie):
    """Returns the ASGI application of contents.

    Args:
        found: `contents.Contents`. Media and tracks are answered by their number: no part of an
            address ever becomes a path.
        access: `security.Access`.
        cookie: Name of the cookie that holds the token.
    """
    files = page_files.read(bundle.PACKAGE)
    index = bundle.as_json(_with_addresses(found.index))

    def page(request):
        return page_files.response(files, request.path_params.get("name"))

    def answer_index(request):
        return _json(index)

    def tracks(request):
        return _item(found.tracks, request, _json)

    def medium(request):
        return _item(found.media, request, _file)

    routes = [
        Route("/", page),
        Route("/page/{name:path}", page),
        Route("/index.json", answer_index),
        Route("/tracks-{number:int}.json", tracks),
        Route("/media/{number:int}", medium),
    ]
    return Starlette(
        routes=routes, middleware=[Middleware(security.Guard, access=access, cookie=cookie)]
    )


def _with_addresses(index):
    entries = [
        {**e, "media": [{**m, "href": f"media/{m['number']}"} for m in e["media"]]}
        for e in index["entries"]
    ]
    return {**index, "entries": entries}


def _item(items, request, answer):
    number = request.path_params["number"]
    return answer(items[number]) if number < len(items) else Response("Not found", 404)


def _json(text):
    headers = {"cache-control": "no-cache"}
    return Response(text, media_type="application/json", headers=headers)


def _file(medium):
    if not medium.path.is_file():
        return Response("The file was moved. Start the server again.", 410)
    return FileResponse(
        medium.path, media_type=medium.media_type, headers={"cache-control": "private"}
    )
