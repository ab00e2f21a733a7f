import concurrent.futures
import json
import sqlite3
import uuid

import numpy as np
import pytest
from annotation_visits import batch

from kollias_affect.annotations.store.takes import Takes

TIMES = np.arange(0, 4, 1 / 30)


def test_every_address_but_log_in_needs_a_session(serve, visit, numbered_video):
    page = visit(serve(numbered_video))
    assert page.get("api/session").json() == {"session": None}
    assert page.get("api/videos").status_code == 401
    assert page.get("api/takes/abcdefgh").status_code == 401
    assert page.get("media/abc").status_code == 401
    for path in ("persons", "viewings", "takes", "takes/abcdefgh/batches", "choices"):
        assert page.refusal(f"api/{path}") == (401, "logged_out"), path


def test_a_whole_recording_is_listed_shown_and_accepted(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    take = page.new_take("numbers.mp4")
    values = np.sin(TIMES)
    finished = page.record(take, values, TIMES)
    assert finished["state"] == "finished" and finished["quality"]["covered"] == 1
    shown = page.get(f"api/takes/{take}").json()
    np.testing.assert_allclose(shown["times"], TIMES, atol=1e-4)
    np.testing.assert_allclose(shown["values"], [values], atol=1e-5)
    page.send_json(f"api/takes/{take}/verdict", verdict="accept")
    (listed,) = page.listed()["numbers.mp4"]["takes"]
    assert listed["state"] == "accepted" and listed["annotator"] == "A1"


def test_a_batch_is_acknowledged_again_and_stored_once(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    take = page.new_take("numbers.mp4")
    samples = [[0.1, 5, 0.2], [0.2, 6, 0.3]]
    answers = [page.batch(take, 0, samples).json() for _ in range(3)]
    assert [a["new"] for a in answers] == [True, False, False]
    assert page.batch(take, 0, samples[:1]).status_code == 409
    assert page.listed()["numbers.mp4"]["takes"][0]["samples"] == 2


def test_on_a_full_disk_a_batch_is_refused_until_there_is_room(
    serve, visit, numbered_video, monkeypatch, caplog
):
    page = visit(serve(numbered_video), "A1")
    take, samples = page.new_take("numbers.mp4"), [[0.1, 5, 0.2]]

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Takes, "add", full)
        answer = page.batch(take, 0, samples)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert "annotations.sqlite" in caplog.text and "Traceback" not in caplog.text
    assert page.batch(take, 0, samples).json()["new"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": [[0.1, 5]]},
        {"samples": [[0.1, 5, 1.01]]},
        {"samples": [[-0.1, 5, 0]]},
        {"samples": [[99, 5, 0]]},
        {"samples": [[0.1, 5, "x"]]},
        {"samples": [[0.1, 5, True]]},
        {"samples": [[0.1, 5, 0]] * 4001},
        {"samples": "x"},
        {"sequence": -1},
        {"sequence": 1.5},
        {"sequence": 2**40},
        {"segment": 0},
        {"writer": "../../../etc"},
        {"writer": None},
        {"device": {"a": "x" * 5000}},
        {"device": []},
        {"origin": "x"},
        {"events": [{"kind": "mark"}]},
        {"events": [{"kind": "\x00", "video_time": 0, "clock": 0}]},
        {"events": [1]},
        {"presented": None},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
def test_a_wrong_batch_is_refused_and_stores_nothing(api, take, wrong):
    assert api.refusal(f"api/takes/{take}/batches", **{**batch(0), **wrong}) == (422, "invalid")
    assert api.listed()["numbers.mp4"]["takes"][0]["samples"] == 0


@pytest.mark.parametrize("body", ["", "[]", "{", '{"a": NaN}', "[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(api, take, body):
    response = api.post(
        f"api/takes/{take}/batches", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 422


def test_a_long_body_is_refused(api, take):
    body = {"x": "y" * 600_000}
    assert api.refusal(f"api/takes/{take}/batches", **body) == (413, "too_large")


def test_forms_of_other_sites_are_refused(api):
    response = api.post("api/session/end", content="{}", headers={"content-type": "text/plain"})
    assert response.status_code == 415


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "\x1b[31m", 3, None])
def test_an_identifier_is_short_and_printable(api, name):
    fields = {"role": "annotator", "dimension": "valence", "mode": "bounded", "device": "mouse"}
    assert api.refusal("api/session", name=name, **fields) == (422, "invalid")


@pytest.mark.parametrize("name", ["../../etc/passwd", "Ада", "a'; DROP TABLE takes", "<b>x</b>"])
def test_any_other_identifier_is_kept_as_it_is(serve, visit, numbered_video, name, tmp_path):
    page = visit(serve(numbered_video), name)
    assert page.get("api/session").json()["session"]["name"] == name
    page.new_take("numbers.mp4")
    assert page.listed()["numbers.mp4"]["takes"][0]["annotator"] == name
    assert {p.name.split("-")[0] for p in (tmp_path / "out").iterdir()} == {"annotations.sqlite"}


def test_annotators_see_and_change_their_own_takes_only(serve, visit, numbered_video):
    prepared = serve(numbered_video)
    first, second = visit(prepared, "A1"), visit(prepared, "A2")
    take = first.new_take("numbers.mp4")
    assert second.listed()["numbers.mp4"]["takes"] == []
    assert second.get(f"api/takes/{take}").status_code == 404
    for action in ("finish", "reopen", "drops", "verdict"):
        assert second.refusal(f"api/takes/{take}/{action}")[0] == 404
    assert second.batch(take, 0, [[0, 0, 0]]).status_code == 404
    video = second.listed()["numbers.mp4"]
    fields = {"dimension": "valence", "mode": "bounded", "person": video["persons"][0]["id"]}
    assert second.refusal("api/takes", take=take, video=video["video"], **fields)[0] == 404


def test_the_whole_video_must_be_watched_before_a_take(serve, visit, numbered_video):
    page = visit(serve(numbered_video, first_viewing=True), "A1")
    video = page.listed()["numbers.mp4"]
    fields = {
        "take": uuid.uuid4().hex, "video": video["video"], "dimension": "valence",
        "person": video["persons"][0]["id"], "mode": "bounded",
    }  # fmt: skip
    assert page.refusal("api/takes", **fields) == (409, "not_watched")
    watch = {"video": video["video"]}
    assert not page.send_json("api/viewings", **watch, ranges=[[0, 1], [2, 4]])["enough"]
    assert page.refusal("api/takes", **fields) == (409, "not_watched")
    assert page.send_json("api/viewings", **watch, ranges=[[0.9, 2.1]])["enough"]
    assert page.send_json("api/takes", **fields)["state"] == "open"


def test_every_person_has_a_trace_of_its_own(serve, visit, numbered_video):
    page = visit(serve(numbered_video, persons=["numbers.mp4=left", "numbers.mp4=right"]), "A1")
    video = page.listed()["numbers.mp4"]
    assert [p["label"] for p in video["persons"]] == ["left", "right"]
    added = page.send_json("api/persons", video=video["video"], label="the child")
    takes = [page.new_take("numbers.mp4", person=p["id"]) for p in [*video["persons"], added]]
    labels = {t["take"]: t["person_label"] for t in page.listed()["numbers.mp4"]["takes"]}
    assert [labels[t] for t in takes] == ["left", "right", "the child"]


def test_a_person_of_another_video_is_refused(serve, visit, numbered_video, second_video):
    page = visit(serve(numbered_video, second_video), "A1")
    videos = page.listed()
    fields = {
        "take": uuid.uuid4().hex, "video": videos["numbers.mp4"]["video"], "mode": "bounded",
        "person": videos["second.mp4"]["persons"][0]["id"], "dimension": "valence",
    }  # fmt: skip
    assert page.refusal("api/takes", **fields) == (404, "missing")


def test_both_dimensions_and_values_without_bounds_are_stored(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    both = page.new_take("numbers.mp4", dimension="both", mode="unbounded")
    values = np.column_stack([3 * TIMES, -TIMES])
    page.record(both, values, TIMES)
    shown = page.get(f"api/takes/{both}").json()
    np.testing.assert_allclose(shown["values"], values.T, atol=1e-5)


def test_a_stretch_that_is_recorded_again_counts_and_the_old_one_stays(
    serve, visit, numbered_video
):
    page = visit(serve(numbered_video), "A1")
    take = page.new_take("numbers.mp4")
    page.record(take, np.zeros(len(TIMES)), TIMES)
    page.send_json(f"api/takes/{take}/reopen")
    again = [[t, 9000 + t, 0.5] for t in np.arange(1, 2.01, 0.1)]
    page.batch(take, 1, again, segment=2)
    assert page.send_json(f"api/takes/{take}/finish")["samples"] == len(TIMES) + len(again)
    shown = page.get(f"api/takes/{take}").json()
    times, values = np.array(shown["times"]), np.array(shown["values"][0])
    inside = (times >= 0.999) & (times <= 2.001)
    assert (values[inside] == 0.5).all() and (values[~inside] == 0).all()


def test_dropped_stretches_are_kept_and_can_be_taken_back(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    take = page.new_take("numbers.mp4")
    page.record(take, np.zeros(len(TIMES)), TIMES)
    (drop,) = page.send_json(f"api/takes/{take}/drops", start=1, stop=2)["drops"]
    assert page.refusal(f"api/takes/{take}/drops", start=2, stop=1) == (422, "invalid")
    assert page.get(f"api/takes/{take}").json()["drops"] == [drop]
    assert page.send_json(f"api/takes/{take}/drops", remove=drop["id"])["drops"] == []


def test_redo_replaces_the_take_and_the_list_asks_for_a_new_one(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    take = page.new_take("numbers.mp4")
    page.record(take, np.zeros(len(TIMES)), TIMES)
    assert page.send_json(f"api/takes/{take}/verdict", verdict="redo")["state"] == "replaced"
    new = page.new_take("numbers.mp4")
    states = {t["take"]: t["state"] for t in page.listed()["numbers.mp4"]["takes"]}
    assert states == {take: "replaced", new: "open"}


def annotators(prepared, visit, traces):
    """Records one trace for each annotator; returns the takes."""
    takes = []
    for i, values in enumerate(traces):
        page = visit(prepared, f"annotator {i}")
        takes.append(page.new_take("numbers.mp4"))
        page.record(takes[-1], values, TIMES)
    return takes


def test_an_expert_sees_all_traces_with_their_correlations(serve, visit, numbered_video):
    prepared = serve(numbered_video)
    traces = [np.sin(TIMES), 0.5 * np.sin(TIMES), np.cos(9 * TIMES)]
    takes = annotators(prepared, visit, traces)
    expert = visit(prepared, "E1", role="expert")
    video = expert.listed()["numbers.mp4"]
    track = {"video": video["video"], "person": video["persons"][0]["id"], "dimension": "valence"}
    found = expert.get("api/compare", params=track).json()
    grid = np.array(found["times"])
    expected = np.corrcoef([np.sin(grid), 0.5 * np.sin(grid), np.cos(9 * grid)])
    # Traces are matched to the nearest sample, at most 1/60 s away.
    np.testing.assert_allclose(found["correlations"], expected, atol=0.06)
    assert found["proposed"] == takes[:2] and found["shared"] > 0.98


def test_dropped_stretches_do_not_count_in_the_comparison(serve, visit, numbered_video):
    prepared = serve(numbered_video)
    half = np.where(TIMES < 2, np.sin(3 * TIMES), 0.0)
    other = np.where(TIMES < 2, np.sin(3 * TIMES), TIMES / 4)
    takes = annotators(prepared, visit, [half, other])
    expert = visit(prepared, "E1", role="expert")
    expert.send_json(f"api/takes/{takes[1]}/drops", start=2, stop=4)
    video = expert.listed()["numbers.mp4"]
    track = {"video": video["video"], "person": video["persons"][0]["id"], "dimension": "valence"}
    found = expert.get("api/compare", params=track).json()
    assert found["correlations"][0][1] == pytest.approx(1, abs=1e-4)
    assert found["shared"] == pytest.approx(0.5, abs=0.03)


def test_an_expert_accepts_two_to_four(serve, visit, numbered_video):
    prepared = serve(numbered_video)
    takes = annotators(prepared, visit, [np.sin(TIMES + i / 9) for i in range(5)])
    expert = visit(prepared, "E1", role="expert")
    video = expert.listed()["numbers.mp4"]
    track = {"video": video["video"], "person": video["persons"][0]["id"], "dimension": "valence"}
    for wrong in (takes[:1], takes):
        assert expert.refusal("api/choices", **track, takes=wrong) == (422, "choice_size")
    assert expert.refusal("api/choices", **track, takes=[takes[0]] * 2) == (422, "invalid")
    assert expert.refusal("api/choices", **track, takes=["x", "y"]) == (422, "invalid")
    expert.send_json("api/choices", **track, takes=takes[1:4])
    found = expert.get("api/compare", params=track).json()
    assert [(c["name"], c["takes"]) for c in found["choices"]] == [("E1", takes[1:4])]


@pytest.mark.parametrize("person", ["9" * 25, "9" * 5000, "-1", "1e3", "", None, [], 0])
def test_a_person_that_does_not_exist_is_refused(module_server, visit, person):
    expert = visit(module_server, "E1", role="expert")
    track = {"video": expert.listed()["numbers.mp4"]["video"], "dimension": "valence"}
    answer = expert.get("api/compare", params={**track, "person": str(person)})
    assert answer.status_code == 404
    assert expert.refusal("api/choices", **track, person=person, takes=[]) == (404, "missing")


def test_annotators_may_not_compare(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    video = page.listed()["numbers.mp4"]
    track = {"video": video["video"], "person": 1, "dimension": "valence"}
    assert page.get("api/compare", params=track).status_code == 403
    assert page.refusal("api/choices", **track, takes=[]) == (403, "expert_only")


def test_named_experts_only(serve, visit, numbered_video):
    prepared = serve(numbered_video, experts=["E1"])
    visit(prepared, "E1", role="expert")
    fields = {"dimension": "valence", "mode": "bounded", "device": "mouse", "role": "expert"}
    assert visit(prepared).refusal("api/session", name="A2", **fields) == (403, "no_expert")


def test_the_practice_clip_comes_first_and_its_takes_are_marked(
    serve, visit, numbered_video, second_video
):
    page = visit(serve(numbered_video, practice=second_video), "A1")
    listed = page.get("api/videos").json()["videos"]
    assert [(v["name"], v["practice"]) for v in listed] == [
        ("second.mp4", True),
        ("numbers.mp4", False),
    ]
    page.new_take("second.mp4")
    assert page.listed()["second.mp4"]["takes"][0]["practice"]


def test_a_playlist_limits_the_list(serve, visit, numbered_video, second_video, tmp_path):
    lists = tmp_path / "lists.csv"
    lists.write_text("playlist,video\nA,second.mp4\nB,second.mp4\nB,numbers.mp4\n")
    prepared = serve(numbered_video, second_video, playlist=lists)
    assert list(visit(prepared, "A1", playlist="A").listed()) == ["second.mp4"]
    assert list(visit(prepared, "A1", playlist="B").listed()) == ["second.mp4", "numbers.mp4"]


def test_ranges_of_a_video_are_served(serve, visit, numbered_video):
    page = visit(serve(numbered_video), "A1")
    address = f"media/{page.listed()['numbers.mp4']['video']}"
    content = numbered_video.read_bytes()
    whole = page.get(address)
    assert whole.content == content and whole.headers["content-type"] == "video/mp4"
    part = page.get(address, headers={"range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    last = page.get(address, headers={"range": "bytes=-5"})
    assert last.content == content[-5:]
    beyond = page.get(address, headers={"range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416


def test_twenty_annotators_at_once_lose_nothing(serve, visit, numbered_video):
    prepared = serve(numbered_video)
    pages = [visit(prepared, f"annotator {i}") for i in range(20)]
    takes = [page.new_take("numbers.mp4") for page in pages]

    def work(i):
        for sequence in range(5):
            rows = [[sequence * 0.5 + k / 60, k, i / 20] for k in range(30)]
            assert pages[i].batch(takes[i], sequence, rows).status_code == 200
        return pages[i].send_json(f"api/takes/{takes[i]}/finish")

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        finished = list(pool.map(work, range(20)))
    assert [f["samples"] for f in finished] == [150] * 20
    assert [f["quality"]["greatest"] for f in finished] == [[round(i / 20, 3)] for i in range(20)]


def test_read_only_shows_everything_and_changes_nothing(serve, visit, numbered_video, tmp_path):
    with_writer = visit(serve(numbered_video), "A1")
    take = with_writer.new_take("numbers.mp4")
    with_writer.record(take, np.sin(TIMES), TIMES)
    page = visit(serve(numbered_video, read_only=True))
    assert page.get("api/session").json()["session"]["role"] == "viewer"
    assert len(page.listed()["numbers.mp4"]["takes"]) == 1
    assert len(page.get(f"api/takes/{take}").json()["times"]) == len(TIMES)
    for path in ("session", "persons", "takes", f"takes/{take}/verdict", "choices"):
        assert page.refusal(f"api/{path}") == (403, "read_only"), path


@pytest.fixture(scope="module")
def module_server(tmp_path_factory, numbered_video):
    from annotation_visits import running

    with running([numbered_video], tmp_path_factory.mktemp("module")) as prepared:
        yield prepared


@pytest.fixture
def api(module_server, visit):
    """A page of an annotator of its own, at a server that the tests of wrong input share."""
    return visit(module_server, uuid.uuid4().hex)


@pytest.fixture
def take(api):
    """A take of `api`."""
    return api.new_take("numbers.mp4")
