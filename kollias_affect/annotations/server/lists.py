"""The lists of videos and takes, persons, and the first viewing."""

from kollias_affect.annotations import playlists, stretches
from kollias_affect.annotations.server import fields
from kollias_affect.annotations.server.errors import RequestError, missing
from kollias_affect.annotations.server.sessions import current
from kollias_affect.annotations.store.videos import SEEN

MAX_PERSONS = 50


def videos(context, request, content):
    """Answers all videos in the annotator's order, with their persons and takes."""
    session = current(context, request)
    store = context.store
    watched = store.videos.watched(session["annotator"])
    own = session["annotator"] if session["role"] == "annotator" else None
    takes = {}
    for take in store.takes.list(annotator=own):
        takes.setdefault(take["video"], []).append(take)
    return {
        "videos": [
            {
                "video": video["public"],
                "name": video["name"],
                "duration": video["duration"],
                "rate": video["rate"],
                "practice": video["id"] == context.settings.practice,
                "persons": store.videos.persons(video["id"]),
                "watched": watched.get(video["id"], 0.0),
                "takes": [summary(take, video) for take in takes.get(video["id"], ())],
            }
            for video in _ordered(context.settings, session)
        ]
    }


def _ordered(settings, session):
    chosen = settings.videos
    playlist = settings.playlists.get(session["settings"].get("playlist"))
    if playlist is not None:
        chosen = [v for name in playlist for v in chosen if v["name"] == name]
    by_content = {v["sha256"]: v for v in chosen if v["id"] != settings.practice}
    kind = settings.order if session["role"] == "annotator" else "given"
    order = playlists.order(by_content, session["name"], kind, settings.seed)
    practice = settings.by_number(settings.practice)
    return [practice] * (practice is not None) + [by_content[sha256] for sha256 in order]


def summary(take, video):
    """What lists tell of a take."""
    spans, found = take["spans"], take["quality"]
    covered = stretches.length(spans) / video["duration"] if video["duration"] else 0.0
    if found is not None and take["state"] != "open":
        covered = found["covered"]
    return {
        "take": take["uid"],
        "annotator": take["name"],
        "person": take["person"],
        "person_label": take["person_label"],
        "dimension": take["dimension"],
        "mode": take["mode"],
        "practice": take["practice"],
        "state": take["state"],
        "samples": take["samples"],
        "segments": take["segments"],
        "covered": min(covered, 1.0),
        # Work resumes at the first stretch that is missing.
        "resume": spans[0][1] if spans and spans[0][0] < 1 else 0.0,
        "quality": found,
    }


def add_person(context, request, content):
    """Adds a person to a video."""
    current(context, request)
    video = served(context, fields.text(content, "video", 40))
    label = fields.text(content, "label", 60)
    if len(context.store.videos.persons(video["id"])) >= MAX_PERSONS:
        raise RequestError(422, "too_many_persons", f"A video has at most {MAX_PERSONS} persons.")
    return context.store.videos.add_person(video["id"], label)


def watch(context, request, content):
    """Notes which stretches of a video were watched."""
    session = current(context, request)
    video = served(context, fields.text(content, "video", 40))
    ranges = fields.pairs(content, "ranges", 500, video["duration"] + 5)
    share = context.store.videos.watch(session["annotator"], video, ranges)
    return {"watched": share, "enough": share >= SEEN}


def served(context, public):
    """Returns a served video by its public name, or raises `RequestError`."""
    video = context.settings.by_public_name(public)
    if video is None:
        raise missing("This video")
    return video
