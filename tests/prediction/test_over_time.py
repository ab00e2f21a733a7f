"""Windows, overlapping windows and sequences, of networks whose outputs are known."""

import numpy as np
import pytest

from kollias_affect.prediction import over_time


def read(rows):
    """The input of a frame is its number."""
    return {"images": np.asarray(rows, np.float32)[:, None]}


def identity(inputs):
    """A network of single frames."""
    return {"valence": inputs["images"]}


def warming(inputs):
    """A recurrent network: the output of a frame is the number of frames that it has seen."""
    images = inputs["images"]
    seen = np.arange(1, images.shape[1] + 1, dtype=np.float32)
    return {"valence": np.broadcast_to(seen[None, :, None], images.shape)}


@pytest.mark.parametrize("mode", ["windows", "overlap"])
@pytest.mark.parametrize("frames", [1, 3, 8, 9, 21, 80])
def test_every_frame_has_its_own_output(mode, frames):
    outputs = over_time.windows(identity, read, frames, 8, mode)["valence"]
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs[:, 0], np.arange(frames), atol=1e-4)


def test_separate_windows_begin_without_memory_and_are_padded():
    outputs = over_time.windows(warming, read, 10, 4, "windows")["valence"]
    assert outputs[:, 0].tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]


def test_overlapping_windows_are_weighted_by_the_distance_from_their_ends():
    """By hand: windows start at 0, 2, 4 and 6; weights are 1, 2, 2, 1."""
    outputs = over_time.windows(warming, read, 10, 4, "overlap")["valence"][:, 0]
    middle = [(2 * 3 + 1 * 1) / 3, (1 * 4 + 2 * 2) / 3]
    np.testing.assert_allclose(outputs, [1, 2, *middle * 3, 3, 4], atol=1e-6)
    assert np.abs(np.diff(outputs)).max() < 1.5 < 3  # separate windows jump by 3


def test_the_last_overlapping_window_ends_with_the_clip():
    for frames in range(1, 40):
        starts = over_time.window_starts(frames, 8, 4)
        assert starts[0] == 0 and starts[-1] == max(frames - 8, 0)
        assert (np.diff(starts) <= 4).all() and (np.diff(starts) > 0).all()


def test_batches_have_one_size():
    sizes = []

    def run(inputs):
        sizes.append(inputs["images"].shape)
        return identity(inputs)

    over_time.windows(run, read, 100, 8, "windows")
    assert set(sizes) == {(4, 8, 1)}


@pytest.mark.parametrize("frames", [5, 80, 200])
def test_a_sequence_keeps_its_memory_and_starts_with_the_first_face(frames):
    seen = []

    def run(inputs):
        seen.extend(inputs["images"][0, :, 0].astype(int).tolist())
        return identity(inputs)

    outputs = over_time.stream(run, read, 3, frames)["valence"][:, 0]
    assert np.isnan(outputs[:3]).all() and outputs[3:].tolist() == list(range(3, frames))
    assert seen[: frames - 3] == list(range(3, frames)) and len(seen) % over_time.CHUNK == 0
