"""Takes and their batches."""

from kollias_affect.annotations import quality
from kollias_affect.annotations.server import fields
from kollias_affect.annotations.server.errors import RequestError, missing
from kollias_affect.annotations.server.lists import served, summary
from kollias_affect.annotations.server.sessions import current
from kollias_affect.annotations.store import Batch, SequenceConflict
from kollias_affect.annotations.store.videos import SEEN


def create(context, request, content):
    """Starts a take. The same request again answers the same take."""
    session = current(context, request)
    video = served(context, fields.text(content, "video", 40))
    person = fields.integer(content, "person")
    if person not in [p["id"] for p in context.store.videos.persons(video["id"])]:
        raise missing("This person")
    if context.settings.first_viewing:
        _require_viewing(context, session, video)
    take = context.store.takes.create(
        fields.uid(content, "take"), session, video["id"], person,
        fields.one_of(content, "dimension", context.settings.dimensions),
        fields.one_of(content, "mode", context.settings.modes),
        practice=video["id"] == context.settings.practice,
    )  # fmt: skip
    return summary(_owned(session, take), video)


def _require_viewing(context, session, video):
    share = context.store.videos.watched(session["annotator"]).get(video["id"], 0.0)
    if share < SEEN:
        raise RequestError(
            409, "not_watched", "The whole video must be watched before it is annotated. "
            f"Received: {share:.0%} watched. Watch the rest first.",
        )  # fmt: skip


def take_of(context, request, session, writing=False):
    """Returns the take of a request and its video.

    Args:
        context, request, session: Of the request.
        writing: Whether the annotator must be the one who recorded the take.
    """
    take = context.store.takes.get(request.path_params["take"])
    video = take and context.settings.by_number(take["video"])
    if video is None:
        raise missing("This take")
    if writing or session["role"] == "annotator":
        _owned(session, take)
    return take, video


def _owned(session, take):
    if take["annotator"] != session["annotator"]:
        raise missing("This take")  # Whether it exists is not told.
    return take


def add_batch(context, request, content):
    """Stores a batch and acknowledges it: it is on the disk when the answer leaves."""
    take, video = take_of(context, request, current(context, request), writing=True)
    batch = Batch(
        writer=fields.uid(content, "writer"),
        sequence=fields.integer(content, "sequence"),
        segment=fields.integer(content, "segment", least=1),
        samples=fields.samples(content, take, video["duration"]),
        events=fields.events(content),
        device=fields.device(content),
        origin=fields.number(content, "origin"),
        presented=fields.integer(content, "presented"),
        dropped=fields.integer(content, "dropped"),
    )
    try:
        new = context.store.takes.add(take["id"], batch)
    except SequenceConflict as error:
        raise RequestError(409, "conflict", str(error)) from error
    return {"sequence": batch.sequence, "new": new}


def finish(context, request, content):
    """Ends a take and answers its quality."""
    take, video = take_of(context, request, current(context, request), writing=True)
    found = quality.measure(
        context.store.takes.trace(take["id"]), video["duration"], take["presented"],
        take["dropped"],
    )  # fmt: skip
    context.store.takes.finish(take["id"], found)
    return summary(context.store.takes.get(take["uid"]), video)


def reopen(context, request, content):
    """Opens a finished take again."""
    take, video = take_of(context, request, current(context, request), writing=True)
    context.store.takes.reopen(take["id"])
    return summary(context.store.takes.get(take["uid"]), video)
