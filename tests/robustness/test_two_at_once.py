"""A second command in a folder is refused at once, and names the first one."""

import os
import types

import pytest

from kollias_affect import _runs


def tables(out):
    from kollias_affect.experiments import reproduction

    reproduction.run_tables([], {}, out)


def crops(out):
    from kollias_affect.faces import picture_crops

    picture_crops.paper_d_crops([], out)


def predictions(out):
    from kollias_affect.prediction import folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder.predictor, "load", lambda _: types.SimpleNamespace(note=None))
        files = types.SimpleNamespace(images=[], named_videos={})
        folder.predict_files("model", files, out)


@pytest.mark.parametrize("run", [tables, crops, predictions])
def test_a_second_command_is_refused_until_the_first_one_ends(run, tmp_path):
    refused = pytest.raises(OSError, match=rf"One process .*\(process {os.getpid()} on ")
    with _runs.Lock(tmp_path), refused:
        run(tmp_path)
    run(tmp_path)
    with _runs.Lock(tmp_path):  # which `run` released
        pass


def test_refused_crops_release_their_folder(tmp_path):
    from kollias_affect.faces import picture_crops

    picture_crops.paper_d_crops([], tmp_path, size=256)
    with pytest.raises(ValueError, match="differs in size"):
        picture_crops.paper_d_crops([], tmp_path, size=128)
    picture_crops.paper_d_crops([], tmp_path, size=256)
