"""Checks of what a page sends: types, ranges and lengths of the fields of a JSON object."""

import json
import math
import re
import unicodedata

import numpy as np

from kollias_affect.annotations.server.errors import RequestError, invalid

MAX_BODY = 512 * 1024  # bytes of a request
MAX_SAMPLES = 4000  # of a batch: ten seconds at 400 Hz
MAX_EVENTS = 200
MAX_DEVICE = 4000  # characters of the description of a device
_UID = re.compile(r"[A-Za-z0-9_-]{8,64}")


async def body_of(request):
    """Returns the JSON object in the body of a request.

    Raises:
        RequestError: If it is no JSON object, or longer than `MAX_BODY`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":  # Forms of other sites cannot send this type.
        raise RequestError(415, "invalid", f"Bodies are application/json. Received: {kind!r}.")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY:
            raise RequestError(
                413, "too_large", f"A request has at most {MAX_BODY} bytes. Send smaller batches."
            )
    try:
        content = json.loads(received, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Bodies are JSON. Received: {error}.") from error
    if not isinstance(content, dict):
        raise invalid("Bodies are JSON objects.")
    return content


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def text(content, name, most=200, empty=False):
    """Returns a field of printable characters, without spaces at its ends."""
    value = content.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise invalid(f"{name} is a text of at most {most} characters.")
    value = unicodedata.normalize("NFC", value).strip()
    if not (value or empty) or not all(c.isprintable() for c in value):
        raise invalid(f"{name} is a text of printable characters. Received: {value!r}.")
    return value


def uid(content, name):
    """Returns a field that holds a random name made by the page."""
    value = content.get(name)
    if not isinstance(value, str) or not _UID.fullmatch(value):
        raise invalid(f"{name} is 8 to 64 letters, digits, - or _. Received: {value!r}.")
    return value


def one_of(content, name, options):
    """Returns a field that is one of several texts."""
    value = content.get(name)
    if value not in options:
        raise invalid(f"{name} is one of {options}. Received: {value!r}.")
    return value


def integer(content, name, least=0, most=2**31):
    """Returns a field that is an integer in a range."""
    value = content.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(f"{name} is an integer from {least} to {most}. Received: {value!r}.")
    return value


def number(content, name, least=-1e15, most=1e15):
    """Returns a field that is a finite number in a range."""
    value = content.get(name)
    if not _is_number(value) or not least <= value <= most:
        raise invalid(f"{name} is a number from {least:g} to {most:g}. Received: {value!r}.")
    return float(value)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def pairs(content, name, most, greatest):
    """Returns a field that is a list of pairs (start, stop) of seconds in [0, greatest]."""
    value = content.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise invalid(f"{name} is a list of at most {most} pairs.")
    for pair in value:
        if (
            not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_number, pair))
            or not 0 <= pair[0] <= pair[1] <= greatest
        ):  # fmt: skip
            raise invalid(f"{name} holds pairs start <= stop of seconds. Received: {pair!r}.")
    return [(float(start), float(stop)) for start, stop in value]


def samples(content, take, duration):
    """Returns the samples of a batch, float64 `[samples, 3]` (or 4).

    Args:
        content: The JSON object.
        take: The take, a dict of the store.
        duration: Length of the video in seconds.
    """
    columns = 4 if take["dimension"] == "both" else 3
    value = content.get("samples")
    if not isinstance(value, list) or len(value) > MAX_SAMPLES:
        raise invalid(f"samples is a list of at most {MAX_SAMPLES} rows.")
    if not all(isinstance(row, list) and len(row) == columns for row in value):
        raise invalid(f"samples are rows of {columns} numbers for {take['dimension']}.")
    if not all(_is_number(v) for row in value for v in row):
        raise invalid("samples are finite numbers.")
    array = np.array(value, "<f8").reshape(-1, columns)
    # Players may report a time a little after the end that the container declares.
    if len(array) and not (array[:, 0].min() >= 0 and array[:, 0].max() <= duration + 5):
        raise invalid(f"Times of samples lie in the video, from 0 to {duration:g} s.")
    bound = 1.0 if take["mode"] == "bounded" else 1e9
    if len(array) and np.abs(array[:, 2:]).max() > bound:
        raise invalid(f"Values lie in [-{bound:g}, {bound:g}] in the mode {take['mode']}.")
    return array


def events(content):
    """Returns the events of a batch, a tuple of dicts."""
    value = content.get("events", [])
    if not isinstance(value, list) or len(value) > MAX_EVENTS:
        raise invalid(f"events is a list of at most {MAX_EVENTS} objects.")
    if not all(isinstance(event, dict) for event in value):
        raise invalid("events are JSON objects.")
    return tuple(
        {
            "kind": text(event, "kind", 40),
            "video_time": number(event, "video_time", 0),
            "clock": number(event, "clock"),
            "detail": text({"detail": "", **event}, "detail", 200, empty=True),
        }
        for event in value
    )


def device(content):
    """Returns the description of a device, a small JSON object."""
    value = content.get("device")
    if not isinstance(value, dict) or len(json.dumps(value)) > MAX_DEVICE:
        raise invalid(f"device is a JSON object of at most {MAX_DEVICE} characters.")
    return value
