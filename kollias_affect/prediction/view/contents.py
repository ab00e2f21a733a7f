"""Everything that a page shows, from the output folder of a prediction."""

import dataclasses
import json
from pathlib import Path

import kollias_affect
from kollias_affect.prediction.view import media, packing, reading
from kollias_affect.tasks import DIMENSIONS


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a page shows.

    Attributes:
        index: JSON object: name of the folder, version, and the list of `entries`. An entry names
            its media by their place in `media`.
        tracks: For each entry, what `packing.pack` returns, as JSON.
        media: List of `media.Medium`.
    """

    index: dict
    tracks: list
    media: list


def read(folder, originals=()):
    """Reads the outputs of a prediction.

    Args:
        folder: Output folder of `kollias-affect predict`.
        originals: Files, and folders of files, among which the inputs may be.

    Returns:
        `Contents`.

    Raises:
        FileNotFoundError: If `folder` or one of `originals` does not exist.
        ValueError: If `folder` holds no table of a prediction, or a damaged one.
    """
    for path in map(Path, originals):
        if not path.exists():
            raise FileNotFoundError(
                f"--media must be a video, an image or a folder of them. Received: {path}, which "
                "does not exist."
            )
    contents = Contents({}, [], [])
    entries = [_entry(contents, t, folder, originals) for t in reading.read(folder)]
    name = Path(folder).resolve().name
    index = {"folder": name, "version": kollias_affect.__version__, "entries": entries}
    contents.index.update(index)
    return contents


def _entry(contents, table, folder, originals):
    shown, missing = media.find(table, folder, originals)
    packed = packing.pack(table, boxes=any(not medium.annotated for medium in shown))
    entry = {
        "number": len(contents.tracks),
        "name": table.name,
        "kind": table.kind,
        "outputs": table.outputs,
        "classes": [name for name in table.outputs if name not in DIMENSIONS],
        "people": _people(table, packed),
        "duration": _duration(table),
        "missing": missing,
        "media": [
            {
                "number": len(contents.media) + i,
                "type": medium.media_type,
                "annotated": medium.annotated,
                "sound": medium.sound,
            }
            for i, medium in enumerate(shown)
        ],
    }
    contents.media.extend(shown)
    contents.tracks.append(json.dumps(packed))
    return entry


def _people(table, packed):
    """Each person's id, and the share of frames in which its face is."""
    counts = table.rows.loc[table.rows["success"] == 1, "face_id"].value_counts()
    frames = table.rows["frame"].nunique()
    return [{"id": p["id"], "share": int(counts[p["id"]]) / frames} for p in packed["people"]]


def _duration(table):
    """Time at which the last frame ends, if it is shown as long as the others."""
    times = table.rows.drop_duplicates("frame")["timestamp"]
    if len(times) < 2:
        return float(times.max()) if len(times) else 0.0
    return float(times.max() + (times.max() - times.min()) / (len(times) - 1))
