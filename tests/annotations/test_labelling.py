import numpy as np
import pytest
from PIL import Image

from kollias_affect.annotations import labelling, recordings
from kollias_affect.annotations.recordings import Recording
from kollias_affect.annotations.store import Store

FRAMES, RATE = 100, 25
TIMES = np.arange(0, FRAMES / RATE, 1 / 50)
WITHOUT_FACE = (7, 8)


def extracted(folder, name):
    """Files as `faces.extract` leaves them; two frames have no face."""
    (folder / name).mkdir(parents=True)
    rows = ["frame,timestamp,success"]
    for i in range(FRAMES):
        face = i not in WITHOUT_FACE
        rows.append(f"{i + 1},{i / RATE},{int(face)}")
        if face:
            Image.new("RGB", (8, 8)).save(folder / name / f"{i + 1:05d}.jpg")
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    np.savez(folder / f"{name}.npz", landmarks=np.full((FRAMES, 68, 2), np.nan, np.float32))


@pytest.fixture
def store(tmp_path):
    """A store with two videos."""
    with Store(tmp_path / "store") as store:
        for name in ("talk.mp4", "duo.mp4"):
            store.videos.add(
                sha256=name, name=name, path=f"/{name}", size=1, modified=1, copy=None,
                duration=FRAMES / RATE, start=0.0, rate=RATE, facts={"problems": []},
            )  # fmt: skip
        yield store


@pytest.fixture
def crops(tmp_path):
    """Extracted faces of both videos; the second one shows two people."""
    for name in ("talk", "duo_left", "duo_right"):
        extracted(tmp_path / "crops", name)
    return tmp_path / "crops"


def add(store, annotator, values, video="talk.mp4", person="1", dimensions=2, **fields):
    """Records the same values along valence and arousal (negated)."""
    found = next(v for v in store.videos.all() if v["name"] == video)
    for dimension, sign in (("valence", 1), ("arousal", -1))[:dimensions]:
        recordings.save(
            store,
            Recording(video, person, annotator, dimension, TIMES, sign * values, **fields),
            found,
            {"kind": "test"},
        )


def sine(scale=1.0, phase=0.0):
    return scale * np.sin(2 * TIMES + phase) / 2


def test_the_label_is_the_mean_of_those_who_agree(store, crops):
    for name, values in (("A1", sine()), ("A2", sine(0.5)), ("A4", sine(1, 2.5))):
        add(store, name, values)
    done = labelling.label(store, crops)
    (clip,) = done.clips
    expected = 0.75 * np.sin(2 * clip.times) / 2
    np.testing.assert_allclose(clip.valence_arousal[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(clip.valence_arousal[:, 1], -expected, atol=1e-6)
    assert np.flatnonzero(~clip.valid).tolist() == list(WITHOUT_FACE)
    used = done.recordings.set_index(["annotator", "dimension"])["used"]
    assert used["A1"].all() and used["A2"].all() and not used["A4"].any()
    assert set(done.recordings["reason"]) == {"", "not chosen (agree)"}


def test_dropped_stretches_are_invalid_frames_and_counted(store, crops):
    add(store, "A1", sine(), dropped=((1.0, 2.0),))
    add(store, "A2", sine(0.5))
    done = labelling.label(store, crops)
    (clip,) = done.clips
    inside = (clip.times >= 1.0) & (clip.times <= 2.0)
    assert not clip.valid[inside].any()
    row = done.frames.iloc[0]
    assert row["no_label"] == inside.sum() == row["no_valence"]
    assert row["valid"] == FRAMES - inside.sum() - len(WITHOUT_FACE) == clip.valid.sum()
    assert (row["frames"], row["no_face"]) == (FRAMES, len(WITHOUT_FACE))


def test_every_person_of_a_video_has_labels_of_its_own(store, crops):
    for person, scale in (("left", 1.0), ("right", -0.5)):
        for name in ("A1", "A2"):
            add(store, name, sine(scale), "duo.mp4", person)
    clips = {clip.key: clip for clip in labelling.label(store, crops).clips}
    assert set(clips) == {"duo_left", "duo_right"}
    for key, scale in (("duo_left", 1.0), ("duo_right", -0.5)):
        expected = scale * np.sin(2 * clips[key].times) / 2
        np.testing.assert_allclose(clips[key].valence_arousal[:, 0], expected, atol=1e-6)


def test_what_the_experts_chose_counts(store, crops):
    for name, values in (("A1", sine()), ("A2", sine(0.5)), ("A4", sine(1, 2.5))):
        add(store, name, values)
    takes = {(t["name"], t["dimension"]): t["id"] for t in store.takes.list()}
    expert = store.people.session(store.people.log_in("E1", "expert", {}))["annotator"]
    other = store.people.session(store.people.log_in("Fay", "expert", {}))["annotator"]
    for dimension in ("valence", "arousal"):
        chosen = [takes[name, dimension] for name in ("A1", "A2", "A4")]
        store.reviews.choose(1, 1, dimension, expert, chosen)
        store.reviews.choose(1, 1, dimension, other, chosen[1:])
    done = labelling.label(store, crops)
    (clip,) = done.clips
    expected = (0.5 * np.sin(2 * clip.times) + np.sin(2 * clip.times + 2.5)) / 4
    np.testing.assert_allclose(clip.valence_arousal[:, 0], expected, atol=1e-6)
    assert set(done.frames["valence_choice"]) == {"experts"}


def test_without_an_expert_nothing_is_labelled_if_experts_must_choose(store, crops):
    add(store, "A1", sine())
    done = labelling.label(store, crops, choice="experts")
    assert not done.clips[0].valid.any()
    assert set(done.recordings["reason"]) == {"not chosen (no expert chose)"}


def test_nothing_disappears_uncounted(store, crops):
    add(store, "A1", sine())
    add(store, "A1", sine(0.9))  # again
    add(store, "A2", sine(0.5), dimensions=1)
    add(store, "A3", 9 * sine(), mode="unbounded")
    add(store, "A4", sine(), "duo.mp4", "the child")  # no crops of that name
    add(store, "A4", sine(), "duo.mp4", "left", dimensions=1)
    first = store.takes.list()[0]
    store.reviews.judge(first["id"], first["annotator"], "redo")
    done = labelling.label(store, crops)
    assert len(done.recordings) == len(recordings.load(store, recordings.STATES, practice=True))
    reasons = done.recordings.groupby("reason").size().to_dict()
    assert reasons == {
        "": 3, "replaced": 1, "newer recording of the same annotator": 1, "no bounds": 2,
        "no crops named duo_the child": 2, "no arousal": 1,
    }  # fmt: skip
    assert done.frames["problem"].tolist() == ["no arousal", "no crops named duo_the child", ""]


def test_an_estimated_lag_is_corrected(store, crops):
    for name, delay in (("A1", 0.0), ("A2", 0.4)):
        add(store, name, np.sin(2 * (TIMES - delay)) / 2)
    plain, corrected = (
        labelling.label(store, crops, lag=lag).clips[0].valence_arousal[:, 0]
        for lag in (None, "estimate")
    )
    assert np.abs(corrected[20:80]).max() > np.abs(plain[20:80]).max()
    expected = np.sin(2 * (np.arange(FRAMES) / RATE - 0.2)) / 2
    np.testing.assert_allclose(corrected[20:80], expected[20:80], atol=0.03)


def test_a_saved_recording_comes_back_as_it_was(store):
    written = Recording("talk.mp4", "1", "A1", "valence", TIMES, sine(), dropped=((1.0, 1.5),))
    video = store.videos.all()[0]
    assert recordings.save(store, written, video, {"kind": "test"})
    assert not recordings.save(store, written, video, {"kind": "test"})
    (again,) = recordings.load(store)
    assert again.track == written.track and again.dropped == written.dropped
    np.testing.assert_array_equal(again.times, written.times)
    np.testing.assert_array_equal(again.values, written.values)


def test_times_of_a_copy_become_those_of_its_video(store):
    video = store.videos.all()[0]
    store.videos.add(**{k: v for k, v in video.items() if k not in ("id", "public", "start")},
                     start=3.0)  # fmt: skip
    video = store.videos.with_sha256(video["sha256"])
    written = Recording("talk.mp4", "1", "A1", "valence", TIMES + 3.0, sine())
    recordings.save(store, written, video, {})
    assert store.takes.trace(1).times[0] == 0
    np.testing.assert_allclose(recordings.load(store)[0].times, TIMES + 3.0)
