"""What a page shows of a folder: tables, values, media."""

import base64
import json
import subprocess
import sys

import av
import numpy as np
import pandas as pd
import pytest
from pages import RATE, numbered_pictures, write_h264

from kollias_affect import prediction as prediction_room
from kollias_affect.prediction import view
from kollias_affect.prediction.view import contents, packing, reading
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS


def tracks_of(found, number=0):
    return json.loads(found.tracks[number])


def unpacked(text, kind="<i2"):
    values = np.frombuffer(base64.b64decode(text), kind).astype(float)
    return np.where(values == -32768, np.nan, values / 10_000) if kind == "<i2" else values / 10_000


def test_values_and_times_are_those_of_the_table(prediction):
    times = np.sort(np.random.default_rng(0).uniform(0, 9000, 50)).round(4)
    out = prediction(times=times, annotated=False, without=[3, 4])
    found = contents.read(out)
    table = pd.read_csv(out / "talk.csv")
    tracks = tracks_of(found)
    np.testing.assert_allclose(unpacked(tracks["times"], "<i4"), times, atol=5e-5)
    (person,) = tracks["people"]
    assert person["first"] == 0 and person["count"] == 50
    for name in (*DIMENSIONS, *EXPRESSIONS):
        np.testing.assert_allclose(unpacked(person["columns"][name]), table[name], atol=5e-5)


@pytest.mark.parametrize(
    "outputs", [DIMENSIONS, EXPRESSIONS, ("valence",), ("AU12", "AU6"), (*DIMENSIONS, *EXPRESSIONS)]
)
def test_outputs_of_every_model_are_found_and_nothing_else(prediction, outputs):
    (entry,) = contents.read(prediction(outputs=outputs, annotated=False)).index["entries"]
    assert entry["outputs"] == outputs
    assert entry["classes"] == [name for name in outputs if name not in DIMENSIONS]


@pytest.mark.parametrize("kind", prediction_room.FORMATS)
def test_tables_of_every_format_and_in_folders_are_read(prediction, tmp_path, kind):
    """Two videos of one name have tables in folders, and their media too."""
    if kind == "parquet":
        pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    out = prediction(annotated=False)
    table = prediction_room.read_table(out / "talk.csv")
    (out / "talk.csv").unlink()
    for folder in ("a", "b"):
        named = table.assign(input=f"{folder}/talk.mp4")
        prediction_room.write_table(named, out / folder / f"talk.{kind}")
        write_h264(out / f"{folder}.mp4", numbered_pictures(2), [0, 1])
        target = (out if folder == "a" else tmp_path / "inputs") / "annotated" / folder / "talk.mp4"
        target.parent.mkdir(parents=True)
        (out / f"{folder}.mp4").rename(target)
    prediction_room.write_table(table, out / "crops" / f"talk.{kind}")
    found = contents.read(out, [tmp_path / "inputs" / "annotated" / "b" / "talk.mp4"])
    assert [e["name"] for e in found.index["entries"]] == ["a/talk.mp4", "b/talk.mp4"]
    assert [(m.path.parent.name, m.annotated) for m in found.media] == [("a", True), ("b", False)]
    values = unpacked(tracks_of(found)["people"][0]["columns"]["valence"])
    np.testing.assert_allclose(values, table["valence"], atol=5e-5)


def test_of_tables_of_one_video_the_newest_counts(prediction):
    out = prediction(annotated=False)
    table = prediction_room.read_table(out / "talk.csv")
    prediction_room.write_table(table.assign(valence=0.25), out / "talk.json")
    (entry,) = contents.read(out).index["entries"]
    assert entry["name"] == "talk.mp4"
    values = unpacked(tracks_of(contents.read(out))["people"][0]["columns"]["valence"])
    assert (values == 0.25).all()


def test_names_of_the_outputs_are_those_of_predict():
    from kollias_affect.prediction import outputs

    assert (reading.IMAGES, reading.ANNOTATED) == (outputs.IMAGES, outputs.ANNOTATED)


def test_landmarks_and_head_pose_are_no_outputs(prediction):
    out = prediction(outputs=DIMENSIONS, annotated=False)
    table = pd.read_csv(out / "talk.csv").assign(x_0=1.0, y_67=2.0, yaw=3.0, roll=1.0)
    table.to_csv(out / "talk.csv", index=False)
    assert contents.read(out).index["entries"][0]["outputs"] == DIMENSIONS


def test_people_have_their_own_values_and_stay(prediction):
    out = prediction(people=12, annotated=False, outputs=DIMENSIONS)
    table = pd.read_csv(out / "talk.csv")
    late = (table["face_id"] == 3) & (table["frame"] < 31)
    table[~late].to_csv(out / "talk.csv", index=False)
    found = contents.read(out)
    people = tracks_of(found)["people"]
    assert [p["id"] for p in people] == list(range(12))
    assert (people[3]["first"], people[3]["count"]) == (30, 50)
    own = table[~late & (table["face_id"] == 3)]
    np.testing.assert_allclose(unpacked(people[3]["columns"]["valence"]), own["valence"], atol=5e-5)
    shares = [p["share"] for p in found.index["entries"][0]["people"]]
    assert shares == [1, 1, 1, 50 / 80, *[1] * 8]


def test_a_video_without_any_face_and_an_empty_table_are_entries(prediction):
    out = prediction(without=range(1, 81), annotated=False)
    header = (out / "talk.csv").read_text().splitlines()[0]
    (out / "empty.csv").write_text(header + "\n")
    entries = contents.read(out).index["entries"]
    assert [(e["name"], e["people"]) for e in entries] == [("empty", []), ("talk.mp4", [])]


def test_other_csv_files_are_left_out(prediction):
    out = prediction(annotated=False)
    (out / "summary.csv").write_text("input,face_id,frames\ntalk.mp4,0,80\n")
    (out / "notes.csv").write_bytes(b"\xff\xfe\x00")
    (out / "facts.json").write_text("{}")
    assert [e["name"] for e in contents.read(out).index["entries"]] == ["talk.mp4"]


def test_images_are_entries_of_one_frame_in_the_order_of_the_table(pictures):
    names = ["b.jpg", "a.png", "sub/a.png", "NA"]
    out = pictures([n for n in names if n != "NA"])
    table = pd.read_csv(out / "predictions.csv")
    pd.concat([table, table[:1].assign(input="NA")]).to_csv(out / "predictions.csv", index=False)
    found = contents.read(out)
    entries = found.index["entries"]
    assert [e["name"] for e in entries] == names
    assert [len(e["people"]) for e in entries] == [2, 2, 2, 1]
    shown = [found.media[m["number"]].path for e in entries for m in e["media"]]
    assert shown == [out / "annotated" / name for name in names[:3]]


def test_a_long_table_is_packed_in_a_quarter_of_its_size(prediction):
    out = prediction(times=np.arange(20_000) / RATE, annotated=False)
    assert len(contents.read(out).tracks[0]) < (out / "talk.csv").stat().st_size / 4


@pytest.mark.parametrize("content", ["", "hello", None])
def test_a_folder_without_tables_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "talk.csv").write_text(content)
    with pytest.raises(ValueError, match="Run `kollias-affect predict` first"):
        contents.read(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="output folder of `predict`"):
        contents.read(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="--media"):
        contents.read(tmp_path, [tmp_path / "none"])


@pytest.mark.parametrize("change", [("0.0", "x"), (",80,", ",many,")])
def test_a_damaged_table_is_refused_with_its_name(prediction, change):
    path = prediction(annotated=False, outputs=DIMENSIONS) / "talk.csv"
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(ValueError, match=r"talk\.(csv|mp4)"):
        contents.read(path.parent)


def test_the_annotated_copy_comes_first_and_then_the_original(prediction, tmp_path):
    out = prediction()
    original = tmp_path / "videos" / "talk.mp4"
    original.parent.mkdir()
    original.write_bytes((out / "annotated" / "talk.mp4").read_bytes())
    for media in ([original.parent], [original]):
        found = contents.read(out, media)
        assert [(m.path, m.annotated) for m in found.media] == [
            (out / "annotated" / "talk.mp4", True), (original, False),
        ]  # fmt: skip
    assert "box" in tracks_of(found)["people"][0]
    assert "box" not in tracks_of(contents.read(out))["people"][0]


def test_videos_that_browsers_do_not_play_are_left_out_with_the_reason(prediction, write_video):
    out = prediction(name="talk.avi", annotated=False)
    path = write_video([np.zeros((48, 64, 3), np.uint8)] * 5, "talk.avi")
    found = contents.read(out, [path])
    assert not found.media
    assert "talk.avi (container avi, picture codec mpeg4)" in found.index["entries"][0]["missing"]


def test_sound_is_offered_where_there_is_some(prediction):
    out = prediction()
    with av.open(str(out / "annotated" / "talk.mp4"), "w") as container:
        streams = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=48000)
        streams[0].width, streams[0].height, streams[0].pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        for stream, content in zip(streams, (frame, silence), strict=True):
            container.mux(stream.encode(content))
            container.mux(stream.encode())
    assert contents.read(out).index["entries"][0]["media"][0]["sound"]
    silent = contents.read(prediction(name="other.mp4")).index["entries"][0]
    assert silent["name"] == "other.mp4" and not silent["media"][0]["sound"]


def test_a_broken_copy_is_left_out(prediction):
    out = prediction()
    (out / "annotated" / "talk.mp4").write_bytes(b"no video")
    (entry,) = contents.read(out).index["entries"]
    assert entry["media"] == [] and "talk.mp4" in entry["missing"]


@pytest.mark.parametrize("name", ["../../secret.png", "{}/secret.png", "link.png", "a\0.png"])
def test_files_outside_the_named_folders_are_never_found(pictures, tmp_path, name):
    out = pictures(["a.png"])
    secret = tmp_path.parent / "secret.png"
    secret.write_bytes((out / "annotated" / "a.png").read_bytes())
    (out / "annotated" / "link.png").symlink_to(secret)
    table = pd.read_csv(out / "predictions.csv").assign(input=name.format(tmp_path.parent))
    table.to_csv(out / "predictions.csv", index=False)
    assert contents.read(out).media == []


def test_the_page_needs_no_tensorflow_and_no_opencv(prediction):
    out = prediction()
    code = (
        "import sys; from kollias_affect import prediction; prediction.write_page(sys.argv[1]);"
        "assert not {'tensorflow', 'keras', 'cv2', 'dlib'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, str(out)], check=True)
    assert (out / view.FILE_NAME).exists()


def test_no_value_is_taken_for_a_missing_one():
    """The least output of a network, -1 (or -3.2 of a wide one), is far from the mark."""
    assert round(-1 * packing.UNIT) > packing.MISSING + 20_000
