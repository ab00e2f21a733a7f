import hypothesis
import hypothesis.strategies as st
import pytest

from kollias_affect.annotations import playlists

VIDEOS = [f"video {i}" for i in range(12)]


@hypothesis.given(st.text(max_size=9), st.integers(0, 9), st.permutations(VIDEOS))
def test_an_order_depends_on_annotator_and_seed_only(name, seed, shuffled):
    order = playlists.order(VIDEOS, name, seed=seed)
    assert sorted(order) == sorted(VIDEOS)
    assert playlists.order(shuffled, name, seed=seed) == order


def test_annotators_and_seeds_get_different_orders():
    orders = {tuple(playlists.order(VIDEOS, f"annotator {i}")) for i in range(20)}
    orders |= {tuple(playlists.order(VIDEOS, "annotator 0", seed=i)) for i in range(1, 20)}
    assert len(orders) == 39


def test_a_new_video_moves_no_other_one():
    order = playlists.order([*VIDEOS, "new"], "A1")
    assert [v for v in order if v != "new"] == playlists.order(VIDEOS, "A1")


def test_first_places_are_shared_fairly():
    """Every video is first about equally often: the orders have no favourite."""
    first = [playlists.order(VIDEOS, f"annotator {i}")[0] for i in range(1200)]
    counts = [first.count(v) for v in VIDEOS]
    assert min(counts) > 60 and max(counts) < 140  # 100 expected, standard deviation 9.6


def test_given_order_stays():
    assert playlists.order(VIDEOS, "A1", kind="given") == VIDEOS


def test_playlists_are_read_in_order(tmp_path):
    path = tmp_path / "lists.csv"
    path.write_text("playlist,video\nday 1,b.mp4\nday 2,a.mp4\nday 1,a.mp4\n")
    assert playlists.read(path, {"a.mp4", "b.mp4"}) == {
        "day 1": ["b.mp4", "a.mp4"],
        "day 2": ["a.mp4"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video\na.mp4\n", "columns playlist and video"),
        ("playlist,video\n", "at least one video"),
        ("playlist,video\nx,c.mp4\n", "'c.mp4' in line 2"),
    ],
)
def test_a_wrong_playlist_is_refused(tmp_path, text, message):
    (tmp_path / "lists.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        playlists.read(tmp_path / "lists.csv", {"a.mp4"})
