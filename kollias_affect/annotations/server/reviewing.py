"""Replay, dropped stretches, verdicts, and the comparison of all annotators of a video."""

import numpy as np

from kollias_affect.annotations import agreement, traces
from kollias_affect.annotations.server import fields
from kollias_affect.annotations.server.errors import RequestError, invalid, missing
from kollias_affect.annotations.server.lists import served, summary
from kollias_affect.annotations.server.recording import take_of
from kollias_affect.annotations.server.sessions import current

MAX_POINTS = 40_000  # of a trace that a page draws
FEWEST, MOST = 2, 4  # annotations that an expert accepts, paper C §3.4


def show(context, request, content):
    """Answers a take with its samples, events and dropped stretches."""
    session = current(context, request)
    take, video = take_of(context, request, session)
    trace = context.store.takes.trace(take["id"])
    step = -(-len(trace.times) // MAX_POINTS) or 1
    return {
        **summary(take, video),
        "video": video["public"],
        "name": video["name"],
        "duration": video["duration"],
        "own": take["annotator"] == session["annotator"],
        "times": np.round(trace.times[::step], 4).tolist(),
        "values": np.round(trace.values[::step], 5).T.tolist(),
        "events": context.store.takes.events(take["id"]),
        "drops": context.store.reviews.drops(take["id"]),
        "verdicts": context.store.reviews.verdicts(take["id"]),
    }


def drop(context, request, content):
    """Marks a stretch of a take, or takes the mark off again."""
    session = current(context, request)
    take, video = take_of(context, request, session)
    if "remove" in content:
        context.store.reviews.undrop(take["id"], fields.integer(content, "remove"))
    else:
        start = fields.number(content, "start", 0, video["duration"] + 5)
        stop = fields.number(content, "stop", start, video["duration"] + 5)
        context.store.reviews.drop(take["id"], session["annotator"], start, stop)
    return {"drops": context.store.reviews.drops(take["id"])}


def judge(context, request, content):
    """Accepts a take, or has it recorded again."""
    session = current(context, request)
    take, video = take_of(context, request, session)
    verdict = fields.one_of(content, "verdict", ("accept", "redo"))
    context.store.reviews.judge(take["id"], session["annotator"], verdict)
    return summary(context.store.takes.get(take["uid"]), video)


def compare(context, request, content):
    """Answers all annotators' traces of a person over each other (paper C, fig. 9)."""
    _require_expert(current(context, request))
    video, person, dimension = _track(context, request.query_params)
    takes = _comparable(context, video, person, dimension)
    column = {"valence": 0, "arousal": 1}[dimension]
    grid = np.arange(0, video["duration"], 1 / min(video["rate"], 25))
    sampled = [_on_grid(context, take, column, grid) for take in takes]
    shared = np.isfinite(sampled).all(axis=0) if takes else np.zeros(len(grid), bool)
    correlations = []
    if shared.any():
        correlations = _without_nan(
            agreement.correlation_matrix(np.array(sampled)[:, shared]).round(4)
        )
    step = -(-len(grid) // (MAX_POINTS // 10)) or 1
    choices = context.store.reviews.choices(video["id"], person, dimension)
    public = {take["id"]: take["uid"] for take in takes}
    return {
        "name": video["name"],
        "duration": video["duration"],
        "times": grid[::step].round(4).tolist(),
        "takes": [summary(take, video) for take in takes],
        "traces": [_without_nan(values[::step].round(4)) for values in sampled],
        "correlations": correlations,
        "shared": round(float(shared.mean()), 4) if len(grid) else 0.0,
        "proposed": _proposal(takes, sampled, shared),
        "choices": [
            {**choice, "takes": [public[t] for t in choice["takes"] if t in public]}
            for choice in choices
        ],
        "fewest": FEWEST,
        "most": MOST,
    }


def _require_expert(session):
    if session["role"] == "annotator":
        raise RequestError(403, "expert_only", "Only experts compare annotators. Log in as one.")


def _track(context, content):
    video = served(context, str(content.get("video", "")))
    wanted = str(content.get("person"))  # text in an address, a number in a body
    persons = [p["id"] for p in context.store.videos.persons(video["id"])]
    person = next((number for number in persons if str(number) == wanted), None)
    if person is None:
        raise missing("This person")
    return video, person, fields.one_of(content, "dimension", ("valence", "arousal"))


def _comparable(context, video, person, dimension):
    return [
        take
        for take in context.store.takes.list(video=video["id"])
        if take["person"] == person
        and take["dimension"] in (dimension, "both")
        and take["state"] in ("finished", "accepted")
        and take["samples"]
    ]


def _on_grid(context, take, column, grid):
    """Values of a take at the times of a grid; NaN in gaps and in dropped stretches."""
    trace = context.store.takes.trace(take["id"])
    dropped = [(d["start"], d["stop"]) for d in context.store.reviews.drops(take["id"])]
    values = trace.values[:, column if take["dimension"] == "both" else 0]
    return traces.sampled(trace.times, values, grid, dropped)


def _proposal(takes, sampled, shared):
    """Takes that `agreement.agree` would keep."""
    if len(takes) < FEWEST or not shared.any():
        return []
    kept = agreement.agree(np.array(sampled)[:, shared], keep=(FEWEST, MOST)).kept
    return [takes[i]["uid"] for i in kept] if len(kept) <= MOST else []


def _without_nan(array):
    """The array as nested lists, `None` for NaN, which JSON does not have."""
    return np.where(np.isfinite(array), array, None).tolist()


def choose(context, request, content):
    """Stores which two to four takes an expert accepts."""
    session = current(context, request)
    _require_expert(session)
    video, person, dimension = _track(context, content)
    comparable = {t["uid"]: t for t in _comparable(context, video, person, dimension)}
    chosen = content.get("takes")
    if not isinstance(chosen, list) or not all(isinstance(uid, str) for uid in chosen):
        raise invalid("takes is a list of names of takes.")
    if len(set(chosen)) != len(chosen) or not set(chosen) <= set(comparable):
        raise invalid("takes are different takes of this person.")
    if not FEWEST <= len(chosen) <= MOST:
        raise RequestError(
            422, "choice_size", f"An expert accepts {FEWEST} to {MOST} annotations. Received: "
            f"{len(chosen)}. Change the choice.",
        )  # fmt: skip
    numbers = [comparable[uid]["id"] for uid in chosen]
    context.store.reviews.choose(video["id"], person, dimension, session["annotator"], numbers)
    return {"takes": chosen}
