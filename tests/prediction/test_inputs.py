import numpy as np
import pytest
from PIL import Image

from kollias_affect.evaluation.plots import style
from kollias_affect.prediction import find_inputs
from kollias_affect.prediction.drawing import write_image


def create(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_are_searched_one_level_deep_in_natural_order(tmp_path):
    create(tmp_path, "a10.png", "a9.JPG", "c.tif", "film.mp4", "FILM.AVI")
    create(tmp_path, "notes.txt", "README", ".hidden.png", "deeper/d.png")
    inputs = find_inputs([tmp_path])
    assert list(inputs.named_images.values()) == ["a9.JPG", "a10.png", "c.tif"]
    assert sorted(inputs.named_videos.values()) == ["FILM.AVI", "film.mp4"]
    assert inputs.ignored == {".txt": 1, "no ending": 1, "folder": 1}


def test_named_files_are_images_by_their_ending_and_videos_otherwise(tmp_path):
    create(tmp_path, "a.jpeg", "b.mp4", "c.unknown")
    inputs = find_inputs([tmp_path / name for name in ("c.unknown", "b.mp4", "a.jpeg")])
    assert list(inputs.named_videos.values()) == ["c.unknown", "b.mp4"]
    assert list(inputs.named_images.values()) == ["a.jpeg"]
    assert not inputs.ignored


def test_a_folder_without_inputs_is_refused(tmp_path):
    create(tmp_path, "notes.txt", "deeper/d.png")
    with pytest.raises(ValueError, match="must hold videos .* with 2 other entries.*--recursive"):
        find_inputs([tmp_path])


def test_folders_in_folders_are_searched_on_request_except_that_of_the_outputs(tmp_path):
    create(tmp_path, "a.png", "b/a.png", "b/c/a.png", "out/a.png", ".hidden/a.png")
    inputs = find_inputs([tmp_path], recursive=True, leave_out=tmp_path / "out")
    assert list(inputs.names.values()) == ["a.png", "b/a.png", "b/c/a.png"]


@pytest.mark.parametrize("recursive", [False, True])
def test_a_second_run_into_the_folder_of_the_inputs_takes_no_output_for_an_input(
    tmp_path, recursive
):
    """Plots, annotated copies and crops of the first run are none; pictures beside them are."""
    create(tmp_path, "b.mp4", "deeper/c.mp4")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    before = find_inputs([tmp_path], recursive, leave_out=tmp_path).names
    figure = style.new_figure(1, 1)
    for plot in ("b.png", "deeper/c.png"):
        style.save(figure, tmp_path / plot)
    (tmp_path / "annotated").mkdir()
    write_image(np.zeros((8, 8, 3), np.uint8), tmp_path / "annotated" / "a.png")
    create(tmp_path, "crops/b/00001.png", "crops_by_name/deeper/c/00001.png", "b.csv")
    assert find_inputs([tmp_path], recursive, leave_out=tmp_path).names == before
    assert list(before.values()) == ["a.png", "b.mp4", *["deeper/c.mp4"] * recursive]


def test_names_differ_and_stay_as_short_as_they_can(tmp_path):
    create(tmp_path, "x/a.png", "y/a.png", "y/b.png", "z/x/a.png")
    files = [tmp_path / name for name in ("x/a.png", "y/a.png", "y/b.png", "z/x/a.png")]
    names = find_inputs(files).names
    assert names[files[2]] == "b.png" and names[files[1]] == "y/a.png"
    assert names[files[0]].endswith("/x/a.png") and names[files[3]] == "z/x/a.png"
    assert ".." not in "".join(find_inputs([tmp_path / "x" / ".." / "x" / "a.png"]).names.values())


def test_a_file_that_is_given_twice_counts_once(tmp_path):
    create(tmp_path, "x/a.png")
    inputs = find_inputs([tmp_path / "x", tmp_path / "x" / "a.png", tmp_path / "x/../x/a.png"])
    assert list(inputs.names.values()) == ["a.png"]
