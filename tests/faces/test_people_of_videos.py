"""People in videos with cuts and absences, from the pictures to the table."""

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data
from moving_faces import ASTRONAUT, absence, contents, cut, shot
from shared_values import SHARED

from kollias_affect import faces
from kollias_affect.faces.extraction_run import ExtractionRun

# Left, top, right, bottom of people in a photograph, which is not part of the repository.
GROUP = [(190, 40, 350, 200), (500, 290, 660, 450), (650, 280, 810, 440)]


@pytest.fixture(scope="module")
def astronaut():
    return cut(skimage.data.astronaut(), ASTRONAUT)


@pytest.fixture(scope="module")
def group():
    path = SHARED / "data" / "faces" / "multi_face.jpg"
    if not path.is_file():
        pytest.skip(f"photographs of several people are not part of the repository: {path}")
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return [cut(image, place) for place in GROUP]


def ids(video, out, **options):
    """Returns the `face_id` of each frame of each person."""
    faces.extract(video, out, size=48, detector="blazeface_main", **options)
    tables = [pd.read_csv(path) for path in sorted(out.glob("*.csv"))]
    return [table["face_id"].tolist() for table in tables]


def test_a_person_who_comes_back_elsewhere_is_one_person(write_video, astronaut, tmp_path):
    away = absence(0.4)
    pictures = shot(astronaut, 10) + away + shot(astronaut[:, ::-1], 250, shade=0.8)
    (found,) = ids(write_video(pictures), tmp_path / "out", faces="all")
    assert found[:6] == found[-6:] == [0] * 6 and np.isnan(found[6:-6]).all()
    assert len(list((tmp_path / "out" / "video").iterdir())) == 12


def test_the_main_face_is_the_person_of_most_frames_in_all_shots(write_video, group, tmp_path):
    a, b, _ = group
    pictures = shot(a, 10, 5) + shot(b, 250, 7) + shot(a, 240, 5)
    (found,) = ids(write_video(pictures), tmp_path / "out")
    assert found[:5] == found[-5:] == [0] * 5 and np.isnan(found[5:-5]).all()


def test_people_who_follow_each_other_at_one_place_are_different(write_video, group, tmp_path):
    pictures = [picture for i in (0, 1, 2, 1, 0) for picture in shot(group[i], 100)]
    found = ids(write_video(pictures), tmp_path / "out", faces="all")
    seen = [[i for i in range(30) if not np.isnan(person[i])] for person in found]
    assert seen == [[*range(6), *range(24, 30)], [*range(6, 12), *range(18, 24)], [*range(12, 18)]]
    assert [int(np.nanmax(person)) for person in found] == [0, 1, 2]


def test_a_run_that_ends_while_it_joins_tracks_resumes(
    write_video, astronaut, tmp_path, monkeypatch
):
    pictures = shot(astronaut, 10, 4) + absence(0.1) + shot(astronaut, 250, 4)
    video = write_video(pictures)
    ids(video, tmp_path / "expected", faces="all")
    original = ExtractionRun._joined_crops

    def half(run, parts):
        last = run.folder / str(parts[-1])
        for crop in sorted(last.iterdir())[:2]:
            crop.rename(run.folder / str(parts[0]) / crop.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(ExtractionRun, "_joined_crops", half)
    with pytest.raises(KeyboardInterrupt):
        ids(video, tmp_path / "out", faces="all")
    monkeypatch.setattr(ExtractionRun, "_joined_crops", original)
    ids(video, tmp_path / "out", faces="all")
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
