import pytest

from kollias_affect.prediction import find_inputs


def create(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_are_searched_one_level_deep_in_natural_order(tmp_path):
    create(tmp_path, "a10.png", "a9.JPG", "c.tif", "film.mp4", "FILM.AVI")
    create(tmp_path, "notes.txt", "README", ".hidden.png", "deeper/d.png")
    inputs = find_inputs([tmp_path])
    assert [path.name for path in inputs.images] == ["a9.JPG", "a10.png", "c.tif"]
    assert sorted(path.name for path in inputs.videos) == ["FILM.AVI", "film.mp4"]
    assert inputs.ignored == {".txt": 1, "no ending": 1, "folders": 1}


def test_named_files_are_images_by_their_ending_and_videos_otherwise(tmp_path):
    create(tmp_path, "a.jpeg", "b.mp4", "c.unknown")
    inputs = find_inputs([tmp_path / name for name in ("c.unknown", "b.mp4", "a.jpeg")])
    assert [path.name for path in inputs.videos] == ["c.unknown", "b.mp4"]
    assert [path.name for path in inputs.images] == ["a.jpeg"]
    assert not inputs.ignored


def test_a_folder_without_inputs_is_refused(tmp_path):
    create(tmp_path, "notes.txt", "deeper/d.png")
    with pytest.raises(ValueError, match="must hold videos .* with 2 other entries"):
        find_inputs([tmp_path])
