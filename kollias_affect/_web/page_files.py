"""The files of a page, read once: no part of an address ever becomes a path."""

import mimetypes
from importlib import resources

from starlette.responses import Response

SHARED = "js/shared/"  # where a page finds the scripts of `_web/page`, and its colours
_TYPES = {".js": "text/javascript", ".json": "application/json", ".html": "text/html"}


def read(package):
    """Reads the folder `page` of a package, and the files that the pages share.

    Args:
        package: Dotted name of the package.

    Returns:
        Dict from the address of each file, below the page's folder, to its content and media type.
    """
    own = _walk(resources.files(package) / "page", "")
    shared = _walk(resources.files("kollias_affect._web") / "page", SHARED)
    return {name: (item.read_bytes(), _media_type(name)) for item, name in (*own, *shared)}


def _walk(folder, prefix):
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        elif not item.name.endswith((".py", ".pyc", ".md")):
            yield item, prefix + item.name


def _media_type(name):
    ending = name[name.rfind(".") :]
    return _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def response(files, name):
    """Answers a file of a page: what `read` returned, and the address."""
    found = files.get(name or "index.html")
    if found is None:
        return Response("Not found", 404, media_type="text/plain")
    # The files change with the package only, but an update must not leave half of them old.
    return Response(found[0], media_type=found[1], headers={"cache-control": "no-cache"})
