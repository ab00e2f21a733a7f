"""From the options of the command to an application that is ready to be served."""

import contextlib
import dataclasses
from pathlib import Path

from kollias_affect import _checks
from kollias_affect._web import running
from kollias_affect.annotations import guidelines as guideline_pages
from kollias_affect.annotations import playlists, videos
from kollias_affect.annotations import texts as page_texts
from kollias_affect.annotations.server import app, settings
from kollias_affect.annotations.store import FILE_NAME, Store

DEFAULT_PERSON = "1"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A server that only has to be running.

    Attributes:
        app: ASGI application.
        listener: Socket that it listens on.
        address: What people open, with the token.
        count: Number of videos.
        store_file: The SQLite file.
    """

    app: object
    listener: object
    address: str
    count: int
    store_file: Path


@contextlib.contextmanager
def prepare(
    paths, out, *, confirm, report=lambda text: None, dimensions=(), modes=(), persons=(),
    order="random", seed=0, playlist=None, practice=None, guidelines=None, texts=None, experts=(),
    first_viewing=True, countdown=3, read_only=False, host="127.0.0.1", port=0, token=None,
    names=(),
):  # fmt: skip
    """Checks the options, opens the store and adds the videos to it.

    Args:
        paths: Videos, or folders of videos.
        out: Folder of the store.
        confirm: Function that receives the list of `videos.Unplayable` and returns whether copies
            are made.
        report: Function that receives lines of progress.
        dimensions, modes, persons, order, seed, playlist, practice, guidelines, texts, experts,
            first_viewing, countdown, read_only, host, port, token, names: Options of the command.

    Yields:
        `Prepared`.

    Raises:
        OSError, ValueError: If an option is wrong or a video cannot be used.
    """
    _checks.integer_between("countdown", countdown, 0, 60)
    pages = _pages(guidelines, texts)
    files = videos.listed([*paths, *([practice] if practice is not None else [])])
    with Store(out, read_only) as store:
        found = _registered(store, files, confirm, report)
        listener = running.listen(host, port)
        with contextlib.closing(listener):
            _add_persons(store, found, persons)
            secret = running.token_for(host, token, names, lambda: _kept_token(store))
            chosen = settings.Settings(
                videos=tuple(found),
                practice=_practice(found, practice),
                dimensions=tuple(dimensions) or settings.DIMENSIONS,
                modes=tuple(modes) or settings.MODES,
                order=order,
                seed=seed,
                playlists=playlists.read(playlist, {v["name"] for v in found}) if playlist else {},
                experts=tuple(experts),
                first_viewing=first_viewing,
                countdown=countdown,
                read_only=read_only,
                token=secret,
                **pages,
                **running.hosts_for(host, names),
            )
            yield Prepared(
                app.create_app(store, chosen), listener, running.address_of(listener, host, secret),
                len(found), Path(out) / FILE_NAME,
            )  # fmt: skip


def _kept_token(store):
    """The token of a store, made once, so that pages survive a restart."""
    kept = store.meta("token")
    if kept is None:
        kept = running.new_token()
        if not store.read_only:
            store.set_meta("token", kept)
    return kept


def _pages(guidelines_file, texts_file):
    text = guideline_pages.read(guidelines_file) if guidelines_file else guideline_pages.default()
    return {
        "guidelines": guideline_pages.to_html(text),
        "texts": page_texts.read(texts_file) if texts_file else page_texts.default(),
    }


def _registered(store, files, confirm, report):
    found, unplayable = videos.register(store, files, report=report)
    if not unplayable:
        return found
    lines = "\n".join(f"  {u.path}: {', '.join(u.problems)}" for u in unplayable)
    report(f"Browsers do not play, or play without sound:\n{lines}")
    if not confirm(unplayable):
        raise ValueError(
            "Every video must be one that browsers play (MP4 with H.264 and AAC, or WebM). "
            f"Received: {len(unplayable)} others:\n{lines}\nUse --convert: it makes copies for "
            "browsers with the same time stamps. The videos themselves stay as they are."
        )
    return videos.register(store, files, convert=True, report=report)[0]


def _practice(found, practice):
    if practice is None:
        return None
    path = Path(practice).absolute()
    return next((v["id"] for v in found if Path(v["path"]) == path or v["name"] == path.name), None)


def _add_persons(store, found, persons):
    if store.read_only:
        return
    names = {v["name"]: v for v in found}
    for person in persons:
        name, equals, label = person.rpartition("=")
        if not equals or not label.strip() or name not in names:
            raise ValueError(
                "--person must be VIDEO=LABEL with the file name of one of the videos. Received: "
                f"{person!r}. The videos are {', '.join(sorted(names))}."
            )
        store.videos.add_person(names[name]["id"], label.strip())
    for video in found:
        if not store.videos.persons(video["id"]):
            store.videos.add_person(video["id"], DEFAULT_PERSON)
