"""Paper D's preprocessing of whole pictures: faces found, checked, cut by the eyes, grey."""

import contextlib
import dataclasses
import json
import os

import cv2
import numpy as np
from tqdm import tqdm

from kollias_affect import _checks, _files, faces
from kollias_affect.clip import Clips
from kollias_affect.faces.fit import LEAST, fit

JOURNAL = "crops.jsonl"


@dataclasses.dataclass
class Cropped:
    """What `paper_d_crops` did, in frames.

    Attributes:
        frames: in all.
        faces: with a crop.
        without: without a face; those below included.
        refused: with detections, none of which fits well enough.
    """

    frames: int = 0
    faces: int = 0
    without: int = 0
    refused: int = 0

    def count(self, found):
        """Takes in one frame: `"face"`, `"refused"` or `"none"`."""
        self.faces += found == "face"
        self.without += found != "face"
        self.refused += found == "refused"

    def __str__(self):
        return (
            f"{self.frames:,} pictures: {self.faces:,} with a face, {self.without:,} without "
            f"({self.refused:,} of these with detections that are no faces)"
        )


def paper_d_crops(
    clips, out_dir, size=256, least_fit=LEAST, detector="haar", longest_side=640, progress=True
):
    """Cuts the faces out of clips of whole pictures as paper D does.

    Faces are found by Viola and Jones' detector, frontal and profile; detections whose landmarks
    fit less than `least_fit` are no faces (`faces.fit`, in place of the paper's library).
    The largest face that is left is cut out by `faces.eye_crop`: grey, stretched in size and
    light. Pictures of FER-2013 and CK+ are too small for landmarks; the paper only enlarges
    them, which `windows.dataset` does by itself.

    Writes `out_dir/<key>/00001.png` … and, a line per picture, `out_dir/crops.jsonl`. What was
    done is not done again, so that an interrupted call goes on.

    Args:
        clips: list of `Clip` of whole pictures.
        out_dir: folder of the crops.
        size: side of the crops in pixels.
        least_fit: in [0, 1).
        detector, longest_side: see `faces.detect`.
        progress: show a progress bar on standard error.

    Returns:
        `Clips` with the same keys, labels and lengths, whose paths are the crops; a frame without
        a face has the path `""` and is not valid. Their `report` is a `Cropped`.

    Raises:
        ValueError: if a picture cannot be read, or `out_dir` holds crops of other settings.

    References: paper D §3.1.
    """
    settings = {
        "size": _checks.integer_between("size", size, 2, 4096),
        "least_fit": _checks.share("least_fit", least_fit),
        "detector": detector if isinstance(detector, str) else repr(detector),
        "longest_side": longest_side,
    }
    out_dir = _checks.writable_folder("out_dir", out_dir)
    result, cropped = Clips(), Cropped(frames=sum(len(clip) for clip in clips))
    bar = tqdm(total=cropped.frames, unit="picture", disable=None if progress else True)
    with _Journal(out_dir / JOURNAL, settings) as journal, bar:
        for clip in clips:
            paths = []
            for i, source in enumerate(clip.paths, start=1):
                name = f"{clip.key}/{i:05d}.png"
                target = _checks.inside(out_dir, name)
                how = (name, target, journal, settings, detector)
                found = _one(source, *how) if source else "none"
                paths.append(str(target) if found == "face" else "")
                cropped.count(found)
                bar.update()
            result.append(dataclasses.replace(clip, paths=paths, landmarks=None))
    result.report = cropped
    return result


def _one(source, name, target, journal, settings, detector):
    """`"face"`, `"refused"` or `"none"`; the crop is at `target` in the first case."""
    status = os.stat(_checks.existing_file("picture", source))
    stamp = [str(source), status.st_size, status.st_mtime_ns]
    before = journal.done.get(name)
    if before and before["source"] == stamp and (before["found"] != "face" or target.is_file()):
        return before["found"]
    crop, found = _face(_picture(source), settings, detector)
    if crop is not None:
        with _files.atomic(target) as temporary:
            temporary.write_bytes(cv2.imencode(".png", crop)[1].tobytes())
    journal.add(name, {"target": name, "source": stamp, "found": found})
    return found


def _face(image, settings, detector):
    """The crop of the largest face, or `None`, and what was found."""
    boxes = faces.detect(image, detector, settings["longest_side"])
    for box in sorted(boxes, key=lambda box: -box.area):
        if fit(image, box) < settings["least_fit"]:
            continue
        with contextlib.suppress(ValueError):  # eyes in one place
            points = faces.find_landmarks(image, box)
            return faces.eye_crop(image, points, settings["size"]), "face"
    return None, "refused" if boxes else "none"


def _picture(path):
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(
            f"Every frame must be an image (JPEG, PNG, BMP). Received: {path}, which cannot be "
            "decoded. Copy it again."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class _Journal:
    """One line per picture that is done; a torn last line does not count."""

    def __init__(self, path, settings):
        self.path, self.settings = path, json.loads(json.dumps(settings))
        self.done = {}

    def __enter__(self):
        good = self._read() if self.path.exists() else 0
        self._file = open(self.path, "r+b" if good else "wb")  # closed by `__exit__`
        self._file.truncate(good)
        self._file.seek(good)
        if not good:
            self._write(self.settings)
        return self

    def __exit__(self, *_):
        self._file.close()

    def add(self, name, line):
        self.done[name] = line
        self._write(line)

    def _read(self):
        good = 0
        for line in self.path.read_bytes().splitlines(keepends=True):
            try:
                content = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            if not good and content != self.settings:
                raise ValueError(
                    f"A folder holds crops of one setting. {self.path} was made with {content}, "
                    f"not {self.settings}. Choose another folder."
                )
            if good:
                self.done[content["target"]] = content
            good += len(line)
        return good

    def _write(self, content):
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()
