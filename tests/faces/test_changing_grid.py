"""Videos whose pictures change their number of pixels: faces are followed through the change."""

import json

import numpy as np
import pandas as pd
import pytest
from moving_faces import FRAMES, squares, write

from kollias_affect import faces


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
