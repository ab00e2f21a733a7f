import types

import numpy as np
import pytest

from kollias_affect.faces import AlignedFace, Box
from kollias_affect.faces.frame_journal import FrameJournal, decode_points

BOX = Box(1, 2, 30, 40, 0.5)
POINTS = np.arange(136, dtype=np.float32).reshape(68, 2)
FACE = AlignedFace(BOX, POINTS, POINTS / 100, None)
COPY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.fixture
def journal(tmp_path):
    """A journal of five frames: a detection, a tracked frame, a detection, two tracked frames."""
    journal = FrameJournal(tmp_path / "journal.jsonl")
    journal.restart({"journal": 2})
    for index, tracked in enumerate((False, True, False, True, True), start=1):
        frame = types.SimpleNamespace(index=index, time=index / 25, grid=None)
        journal.add(frame, [FACE], [3], [COPY], tracked)
    journal.close()
    return FrameJournal(journal.path)


def test_the_header_is_the_first_complete_line(journal, tmp_path):
    assert journal.header() == {"journal": 2}
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b'{"journal"')
    assert FrameJournal(torn).header() is None
    assert FrameJournal(tmp_path / "missing.jsonl").header() is None


@pytest.mark.parametrize(("keep_all", "frames"), [(True, 5), (False, 2)])
def test_a_resumed_journal_may_repeat_its_last_detection(journal, keep_all, frames):
    stay = journal.resume(keep_all)
    journal.close()
    expected = [([BOX], index / 25, None) for index in range(1, frames + 1)]
    assert [tuple(kept[:3]) for kept in stay] == expected
    assert all(np.array_equal(copies, [COPY]) for *_, copies, _ in stay)
    assert [tracked for *_, tracked in stay] == [False, True, False, True, True][:frames]
    assert [line["frame"] for line, _ in journal.entries((3,), 0)] == list(range(1, frames + 1))


def test_entries_hold_one_face_or_none(journal):
    _, entry = next(journal.entries((1, 3), 7))
    assert entry["id"] == 7
    assert decode_points(entry["in_frame"]) == POINTS.tobytes()
    assert [face for _, face in journal.entries((0,), 0)] == [None] * 5
    assert np.isnan(np.frombuffer(decode_points(None), "<f4")).all()
