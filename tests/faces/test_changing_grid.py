"""Videos whose pictures change their number of pixels: faces are followed through the change."""

import fractions
import json

import av
import numpy as np
import pandas as pd
import pytest

from kollias_affect import faces

FRAMES = 6  # of each size
BASE = fractions.Fraction(1, 25)


def picture(width, height, step):
    """Two bright squares on dark ground that move slowly to the right, in shares of the size."""
    image = np.full((height, width, 3), 30, np.uint8)
    for left in (0.15, 0.6):
        x, y, side = ((left + 0.005 * step) * width, 0.25 * height, 0.25 * width)
        image[round(y) : round(y + side), round(x) : round(x + side)] = 220
    return image


def squares(image):
    """Detector of the squares."""
    columns = np.flatnonzero(image.max(axis=0).max(axis=-1) > 125)
    rows = np.flatnonzero(image.max(axis=1).max(axis=-1) > 125)
    for part in np.split(columns, np.flatnonzero(np.diff(columns) > 2) + 1):
        if len(part):
            yield int(part[0]), int(rows[0]), len(part), len(rows), 1.0


def write(path, *sizes):
    """Writes the squares in each size, `FRAMES` pictures of it."""
    packets, pts = [], 0
    for width, height in sizes:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = BASE, 25
        encoder.options = {"preset": "ultrafast", "bf": "0", "crf": "5"}
        for _ in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(width, height, pts), format="rgb24")
            frame.pts, frame.time_base = pts, BASE
            packets += encoder.encode(frame)
            pts += 1
        packets += encoder.encode(None)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        (stream.width, stream.height), stream.pix_fmt = sizes[0], "yuv420p"
        for packet in packets:
            packet.stream, packet.time_base = stream, BASE
            container.mux(packet)
    return path


@pytest.mark.parametrize("sizes", [((320, 240), (160, 120)), ((160, 120), (404, 302), (320, 120))])
@pytest.mark.parametrize("detect_every", [1, 4])
def test_every_face_keeps_its_identity_and_its_box_follows(tmp_path, sizes, detect_every):
    path = write(tmp_path / "a.ts", *sizes)
    options = {"detector": squares, "faces": "all", "detect_every": detect_every}
    clips = faces.extract(path, tmp_path / "out", **options)
    assert [clip.key for clip in clips] == ["a_left", "a_right"]
    for clip, left in zip(clips, (0.15, 0.6), strict=True):
        table = pd.read_csv(tmp_path / "out" / f"{clip.key}.csv")
        assert len(table) == FRAMES * len(sizes) and (table["success"] == 1).all()
        widths = np.repeat([width for width, _ in sizes], FRAMES)
        assert table["FrameWidth"].tolist() == widths.tolist()
        assert table["FrameHeight"].tolist() == np.repeat([h for _, h in sizes], FRAMES).tolist()
        share = table["FaceRectX"] / widths
        assert np.allclose(share, left + 0.005 * np.arange(len(table)), atol=0.03)
        assert np.allclose(table["FaceRectWidth"] / widths, 0.25, atol=0.05)
    summary = json.loads((tmp_path / "out" / "a.json").read_text())
    first, second = sizes[:2]
    change = f"change from {first[0]} x {first[1]} to {second[0]} x {second[1]} pixels"
    assert len(summary["notes"]) == len(sizes) - 1
    assert f"{change} at frame {FRAMES + 1} (0.240 s)" in summary["notes"][0]


def test_a_table_of_one_size_has_no_columns_of_it(tmp_path):
    faces.extract(write(tmp_path / "a.ts", (160, 120)), tmp_path / "out", detector=squares)
    assert tuple(pd.read_csv(tmp_path / "out" / "a.csv").columns) == faces.COLUMNS


@pytest.mark.parametrize("stop", [FRAMES, FRAMES + 3])
@pytest.mark.parametrize("detect_every", [1, 4])
def test_a_resumed_run_follows_the_change_as_an_uninterrupted_one(tmp_path, stop, detect_every):
    path = write(tmp_path / "a.ts", (160, 120), (320, 240))
    options = {"detector": squares, "faces": "all", "detect_every": detect_every}
    faces.extract(path, tmp_path / "whole", **options)

    def interrupt(_, seen=[]):  # noqa: B006 - counts the calls
        seen.append(1)
        if len(seen) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faces.extract(path, tmp_path / "again", on_frame=interrupt, **options)
    faces.extract(path, tmp_path / "again", **options)
    files = [p for p in sorted((tmp_path / "whole").rglob("*")) if p.is_file()]
    assert files
    for file in files:
        again = tmp_path / "again" / file.relative_to(tmp_path / "whole")
        assert again.read_bytes() == file.read_bytes(), file.name
