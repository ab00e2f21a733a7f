"""Tables 2 and 3 of paper C."""

import numpy as np

from kollias_affect.experiments import SMOKE, TABLES, Laboratory, Parts, runner
from kollias_affect.experiments.sources import Source


def write_affwild(root, part, name, frames):
    for dimension in ("valence", "arousal"):
        path = root / "annotations" / part / dimension / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0.1\n" * frames)


def laboratory(tmp_path, source=None, clips=()):
    return Laboratory({"data": Parts(list(clips), [], [], source=source)}, tmp_path / "t", SMOKE)


def test_videos_and_genders_of_each_part_stand_beside_the_papers(tmp_path):
    root = tmp_path / "Aff-Wild"
    for part, names in {"train": ("101", "102", "103"), "test": ("201",)}.items():
        for name in names:
            write_affwild(root, part, name, 2)
    file = tmp_path / "subjects.csv"
    file.write_text("video,subject,gender\n101,a,male\n102,a,male\n103,b,female\n201,c,female\n")
    source = Source("affwild", str(root), options={"subjects": str(file)})
    two = runner.run(TABLES["C2"], laboratory(tmp_path, source), tmp_path)
    assert two.loc["videos for training", "value"] == 3
    assert two.loc["videos for training", "value (paper)"] == 252
    assert two.loc["videos", "value"] == 4 and two.loc["videos", "value (paper)"] == 298
    three = runner.run(TABLES["C3"], laboratory(tmp_path, source), tmp_path)
    assert three.loc["training", ["male", "female"]].tolist() == [1, 1]
    assert three.loc["test", ["male", "female"]].tolist() == [0, 1]
    assert three.loc["training", ["male (paper)", "female (paper)"]].tolist() == [106, 48]
    page = (tmp_path / "C3.md").read_text()
    assert "Seeds: none, as nothing is trained or drawn" in page and "| 106 " in page


def test_unknown_persons_and_videos_leave_their_numbers_empty(tmp_path, make_clip):
    clips = [make_clip("a", 4, size=8)]
    three = runner.run(TABLES["C3"], laboratory(tmp_path, clips=clips), tmp_path)
    assert three["male"].isna().all()
    assert "persons and genders are unknown" in (tmp_path / "C3.md").read_text()
    two = runner.run(TABLES["C2"], laboratory(tmp_path, clips=clips), tmp_path)
    assert two.loc["mean width (pixels)", "value"] == 8
    assert np.isnan(float(two.loc["shortest video (min)", "value"] or np.nan))
