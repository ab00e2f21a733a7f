import sqlite3
import stat
import subprocess
import sys
import time

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from kollias_affect.annotations.store import FILE_NAME, Batch, SequenceConflict, Store


def add_video(store, sha256="a" * 64, duration=10.0):
    video = store.videos.add(
        sha256=sha256, name="clip.mp4", path="/videos/clip.mp4", size=1, modified=1,
        duration=duration, start=0.0, rate=25.0, copy=None, facts={},
    )  # fmt: skip
    return video, store.videos.add_person(video["id"], "left")


def add_take(store, uid="take-0001", name="A1", dimension="valence"):
    video, person = add_video(store)
    session = store.people.session(store.people.log_in(name, "annotator", {}))
    return store.takes.create(uid, session, video["id"], person["id"], dimension, "bounded")["id"]


def rows(sequence, count=3):
    """Samples that no other batch has."""
    return np.array([[sequence + i / 10, i, sequence + i / 100] for i in range(count)])


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


@hypothesis.given(data=st.data())
def test_batches_in_any_order_and_any_number_of_times_are_stored_once(data, tmp_path_factory):
    count = data.draw(st.integers(1, 8))
    deliveries = data.draw(st.permutations([*range(count), *range(count)]))
    deliveries += data.draw(st.lists(st.integers(0, count - 1), max_size=5))
    with Store(tmp_path_factory.mktemp("store")) as store:
        take = add_take(store)
        new = [store.takes.add(take, Batch("page", n, 1, rows(n))) for n in deliveries]
        assert sum(new) == count
        expected = np.concatenate([rows(n) for n in range(count)])
        np.testing.assert_array_equal(np.concatenate(store.takes.segments(take)), expected)
        assert store.takes.list()[0]["samples"] == len(expected)


def test_two_pages_may_use_the_same_numbers(store):
    take = add_take(store)
    assert store.takes.add(take, Batch("page-a", 0, 1, rows(0)))
    assert store.takes.add(take, Batch("page-b", 0, 2, rows(5)))
    assert [len(s) for s in store.takes.segments(take)] == [3, 3]


def test_a_number_with_other_samples_is_refused_and_changes_nothing(store):
    take = add_take(store)
    store.takes.add(take, Batch("page", 0, 1, rows(0)))
    with pytest.raises(SequenceConflict, match="Received: number 0"):
        store.takes.add(take, Batch("page", 0, 1, rows(1)))
    np.testing.assert_array_equal(store.takes.segments(take)[0], rows(0))


def test_samples_keep_every_bit(store):
    take = add_take(store, dimension="both")
    samples = np.random.default_rng(0).normal(size=(50, 4))
    store.takes.add(take, Batch("page", 0, 1, samples))
    np.testing.assert_array_equal(store.takes.segments(take)[0], samples)


def test_segments_follow_the_order_of_recording_even_if_they_arrive_late(store):
    take = add_take(store)
    store.takes.add(take, Batch("page", 1, 2, [[0, 9, 0.9], [1, 10, 0.9]]))
    store.takes.add(take, Batch("page", 0, 1, [[0, 0, 0.1], [1, 1, 0.1], [2, 2, 0.1]]))
    trace = store.takes.trace(take)
    assert trace.values[:, 0].tolist() == [0.9, 0.9, 0.1]


def test_a_batch_of_events_only_is_stored(store):
    take = add_take(store)
    event = {"kind": "mark", "video_time": 1.5, "clock": 10.0, "detail": ""}
    store.takes.add(take, Batch("page", 0, 1, np.empty((0, 3)), events=(event,)))
    assert store.takes.events(take) == [event]
    assert store.takes.list()[0]["spans"] == []


def test_a_repeated_request_makes_one_take(store):
    assert add_take(store) == add_take(store)
    assert len(store.takes.list()) == 1


def test_a_committed_batch_survives_a_killed_process(tmp_path):
    with Store(tmp_path) as store:
        take = add_take(store)
    code = (
        "import os, sys, numpy as np\n"
        "from kollias_affect.annotations.store import Batch, Store\n"
        f"store = Store({str(tmp_path)!r})\n"
        f"store.takes.add({take}, Batch('page', 0, 1, np.ones((5, 3))))\n"
        "connection = store.database._connection()\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute('DELETE FROM batches')\n"  # never committed
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with Store(tmp_path) as store:
        assert store.takes.list()[0]["samples"] == 5
        assert len(store.takes.segments(take)[0]) == 5


def test_two_stores_on_one_file_see_each_other(tmp_path):
    with Store(tmp_path) as one, Store(tmp_path) as two:
        take = add_take(one)
        two.takes.add(take, Batch("page", 0, 1, rows(0)))
        assert one.takes.list()[0]["samples"] == 3
        assert one.identity == two.identity


def test_a_store_of_another_layout_is_refused(tmp_path):
    with Store(tmp_path):
        pass
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="with version 99"):
        Store(tmp_path)


def test_a_file_that_is_no_store_is_refused_and_stays(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to look like one" * 99)
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(ValueError, match="must be an SQLite file"):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_read_only_needs_a_store_and_cannot_write(tmp_path):
    with pytest.raises(FileNotFoundError, match="leave out --read-only"):
        Store(tmp_path, read_only=True)
    with Store(tmp_path) as store:
        add_take(store)
    with Store(tmp_path, read_only=True) as store:
        assert len(store.takes.list()) == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.set_meta("a", "b")


def test_read_only_works_in_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        add_take(store)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    # Root may write anywhere.
    monkeypatch.setattr("os.access", lambda *_: False)
    try:
        with Store(tmp_path, read_only=True) as store:
            assert len(store.takes.list()) == 1
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_texts_never_become_sql(store):
    evil = "x'); DROP TABLE annotators; --"
    store.people.log_in(evil, "annotator", {"device": evil})
    video, _ = add_video(store)
    store.videos.add_person(video["id"], evil)
    assert store.people.names() == [evil]
    assert store.videos.persons(video["id"])[1]["label"] == evil


def test_the_store_keeps_no_secret_of_a_session(store):
    secret = store.people.log_in("A1", "annotator", {})
    assert store.people.session(secret)["name"] == "A1"
    dump = "\n".join(store.database._connection().iterdump())
    assert secret not in dump


def test_a_session_that_ended_is_unknown(store):
    secret = store.people.log_in("A1", "annotator", {})
    store.people.log_out(store.people.session(secret)["id"])
    assert store.people.session(secret) is None


def test_watched_stretches_add_up(store):
    video, _ = add_video(store, duration=10.0)
    secret = store.people.log_in("A1", "annotator", {})
    annotator = store.people.session(secret)["annotator"]
    assert store.videos.watch(annotator, video, [(0, 4)]) == pytest.approx(0.4)
    assert store.videos.watch(annotator, video, [(2, 5), (8, 9)]) == pytest.approx(0.6)
    assert store.videos.watch(annotator, video, [(5, 8), (9, 10)]) == pytest.approx(1.0)


def test_a_verdict_and_a_removed_drop_stay_as_history(store):
    take = add_take(store)
    number = store.reviews.drop(take, 1, 0.5, 1.5)
    assert store.reviews.drops(take) == [{"id": number, "start": 0.5, "stop": 1.5}]
    store.reviews.undrop(take, number)
    store.reviews.judge(take, 1, "redo")
    store.reviews.judge(take, 1, "accept")
    assert store.reviews.drops(take) == []
    assert [v["verdict"] for v in store.reviews.verdicts(take)] == ["redo", "accept"]
    assert store.database.row("SELECT count(*) AS n FROM drops")["n"] == 1


def test_an_experts_new_choice_replaces_the_old_one(store):
    takes = [add_take(store, f"take-{i:04d}", f"annotator {i}") for i in range(4)]
    store.reviews.choose(1, 1, "valence", 1, takes[:2])
    store.reviews.choose(1, 1, "valence", 1, takes[1:])
    store.reviews.choose(1, 1, "valence", 2, takes)
    chosen = {c["name"]: c["takes"] for c in store.reviews.choices(1, 1, "valence")}
    assert chosen == {"annotator 0": takes[1:], "annotator 1": takes}


def test_lists_of_two_hours_of_samples_open_in_half_a_second(tmp_path):
    """500,000 samples, in batches of half a second."""
    with Store(tmp_path) as store:
        take = add_take(store)
        samples = np.random.default_rng(0).normal(size=(35, 3))
        with store.database.transaction() as connection:
            # One transaction for all: the time of writing is not what is measured.
            for sequence in range(500_000 // 35 + 1):
                batch = Batch("page", sequence, 1 + sequence // 200, samples)
                connection.execute(
                    "INSERT INTO batches VALUES (?, 'page', ?, ?, 35, 0, ?)",
                    (take, sequence, batch.segment, samples.tobytes()),
                )
                store.takes._count(connection, take, batch, samples)
    with Store(tmp_path) as store:
        start = time.perf_counter()
        listed = store.takes.list(annotator=1)
        seconds = time.perf_counter() - start
        assert listed[0]["samples"] >= 500_000
        assert seconds <= 0.5
        assert len(np.concatenate(store.takes.segments(take))) == listed[0]["samples"]


def test_a_store_on_a_full_disk_keeps_what_it_has_and_goes_on_when_there_is_room(tmp_path):
    with Store(tmp_path) as store:
        take, sequence = add_take(store), 0
        # SQLite then ends writes as it does on a full disk.
        pages = store.database.row("PRAGMA page_count")["page_count"]
        store.database.row(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            while sequence < 100:
                store.takes.add(take, Batch("writer-1", sequence, 1, rows(sequence, 90)))
                sequence += 1
        store.database.row("PRAGMA max_page_count = 100000")
        assert store.takes.add(take, Batch("writer-1", sequence, 1, rows(sequence, 90)))
        assert len(np.concatenate(store.takes.segments(take))) == 90 * (sequence + 1)
