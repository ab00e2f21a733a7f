"""Paper D's preprocessing of complete images: detected, checked, cropped by the eyes, grey."""

import contextlib
import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from kollias_affect import _checks, _files, _runs
from kollias_affect.clip import Clips
from kollias_affect.faces import detectors
from kollias_affect.faces.eyes import eye_crop
from kollias_affect.faces.fit import MIN_FIT, fit
from kollias_affect.faces.images import refuse_large
from kollias_affect.faces.landmarks import find_landmarks

JOURNAL = "crops.jsonl"


@dataclasses.dataclass
class CropCounts:
    """Counts of `paper_d_crops`.

    Attributes:
        frames: Number of frames.
        faces: Number of frames with a crop.
        without: Number of frames without a face, including refused ones.
        refused: Number of frames with detections none of which fits well enough.
    """

    frames: int = 0
    faces: int = 0
    without: int = 0
    refused: int = 0

    def count(self, result):
        """Counts one frame, whose result is `"face"`, `"refused"` or `"none"`."""
        self.faces += result == "face"
        self.without += result != "face"
        self.refused += result == "refused"

    def __str__(self):
        return (
            f"{self.frames:,} pictures: {self.faces:,} with a face, {self.without:,} without "
            f"({self.refused:,} of these with detections that are no faces)"
        )


def paper_d_crops(
    clips, out_dir, size=256, least_fit=MIN_FIT, detector="haar", longest_side=640, progress=True
):
    """Crops the faces of clips of complete images as paper D does.

    Faces are detected by the frontal and profile detectors of Viola and Jones. A detection whose
    landmarks fit less than `least_fit` is no face; `faces.fit` replaces the library of the paper.
    `faces.eye_crop` cuts out the largest remaining face. The images of FER-2013 and CK+ are too
    small for landmarks: the paper only enlarges them, which `windows.dataset` does by itself.

    Writes `out_dir/<key>/00001.png` and so on, and `out_dir/crops.jsonl` with one line per image.
    Images that are done are not processed again, so an interrupted call resumes.

    Args:
        clips: List of `Clip` of complete images.
        out_dir: Folder of the crops.
        size: Side of the crops in pixels.
        least_fit: Minimum fit of a face, in [0, 1).
        detector, longest_side: See `faces.detect`.
        progress: Whether to show a progress bar on standard error, if that is a terminal.

    Returns:
        `Clips` with the same keys, labels and lengths, whose paths are the crops. A frame without a
        face has the path `""` and is not valid. Their `report` is a `CropCounts`.

    Raises:
        OSError: If another process works in `out_dir`.
        FileNotFoundError, ValueError: If an image is missing or cannot be read, or `out_dir` holds
            crops with other settings.

    References:
        Paper D §3.1.
    """
    settings = {
        "size": _checks.integer_between("size", size, 2, 4096),
        "least_fit": _checks.share("least_fit", least_fit),
        "detector": detector if isinstance(detector, str) else repr(detector),
        "longest_side": longest_side,
    }
    out_dir = _checks.writable_folder("out_dir", out_dir)
    result, counts = Clips(), CropCounts(frames=sum(len(clip) for clip in clips))
    bar = tqdm(total=counts.frames, unit="picture", disable=None if progress else True)
    with (
        bar,
        _runs.Lock(out_dir) as lock,
        contextlib.closing(_Cropper(out_dir, settings, detector, lock)) as cropper,
    ):
        for clip in clips:
            paths = []
            for i, source in enumerate(clip.paths, start=1):
                name = f"{clip.key}/{i:05d}.png"
                target = _checks.inside(out_dir, name)
                outcome = cropper.crop(source, name, target) if source else "none"
                paths.append(str(target) if outcome == "face" else "")
                counts.count(outcome)
                bar.update()
            result.append(dataclasses.replace(clip, paths=paths, landmarks=None))
    result.report = counts
    return result


class _Cropper:
    """Crops images into a folder, with a journal of the images that are done.

    Raises:
        ValueError: If the folder holds crops with other settings.
    """

    def __init__(self, out_dir, settings, detector, lock):
        self.settings = json.loads(json.dumps(settings))
        self.detector = detector
        self.lock = lock
        self.journal = _runs.Journal(out_dir / JOURNAL)
        lines = list(self.journal.lines())
        self._refuse_other_settings(lines)
        self.done = {line["target"]: line for line, _ in lines[1:]}
        self.journal.resume(lines[-1][1] if lines else 0)
        if not lines:
            self.journal.append(self.settings)

    def _refuse_other_settings(self, lines):
        before = lines[0][0] if lines else self.settings
        if before != self.settings:
            raise ValueError(
                f"A folder holds crops with one setting. Received: {self.journal.path}, which "
                f"differs in {', '.join(_runs.differences(before, self.settings))}. Choose another "
                "folder."
            )

    def close(self):
        self.journal.close()

    def crop(self, source, name, target):
        """Writes the crop of an image, unless it is done.

        Args:
            source: Image file.
            name: Name of the crop in the journal.
            target: `Path` of the crop.

        Returns:
            `"face"` if there is a crop, otherwise `"refused"` or `"none"`.
        """
        stamp = [str(source), *_runs.file_state(_checks.existing_file("picture", source))]
        done = self.done.get(name)
        if done and done["source"] == stamp and (done["found"] != "face" or target.is_file()):
            return done["found"]
        crop, outcome = _face(_picture(source), self.settings, self.detector)
        self.lock.check()
        if crop is not None:
            with _files.atomic(target) as temporary:
                temporary.write_bytes(cv2.imencode(".png", crop)[1].tobytes())
        self.done[name] = {"target": name, "source": stamp, "found": outcome}
        self.journal.append(self.done[name])
        return outcome


def _face(image, settings, detector):
    """Returns the crop of the largest face or `None`, and the outcome as `_Cropper.crop` does."""
    boxes = detectors.detect(image, detector, settings["longest_side"])
    for box in sorted(boxes, key=lambda box: -box.area):
        if fit(image, box) < settings["least_fit"]:
            continue
        with contextlib.suppress(ValueError):  # The eyes are in one place.
            return eye_crop(image, find_landmarks(image, box), settings["size"]), "face"
    return None, "refused" if boxes else "none"


def _picture(path):
    refuse_large(path)
    image = cv2.imdecode(np.fromfile(Path(path), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(
            f"Every frame must be an image (JPEG, PNG, BMP). Received: {path}, which cannot be "
            "decoded. Copy it again."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
