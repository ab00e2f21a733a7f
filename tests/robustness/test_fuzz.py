"""Damaged files of every reader: each is read, or ends in a clear error that names it.

`.ci/nightly` runs 10,000 cases; `python tests/robustness/fuzz.py --help` any others.
"""

import fuzz
import pytest
from readers import READERS

# Imports of the others, and a video or a tree of files for each case, take longer.
QUICK = ["image", "extraction", "extraction_journal", "landmark_crops", "subjects", "archive"]
QUICK += ["run_settings", "feature_cache", "option"]


def check(counts, failures, cases):
    print(fuzz.table(counts))
    assert not failures, "\n\n".join(f"{n} {c}: {o}\n{text}" for n, c, o, text in failures[:5])
    assert sum(sum(count.values()) for count in counts.values()) == cases


def test_some_damaged_files_of_the_quick_readers_are_read_or_clear_errors():
    counts, failures = fuzz.campaign(99, seed=0, names=QUICK)
    check(counts, failures, 99)
    # Damage that no reader notices would test nothing, and so would readers that refuse all.
    assert sum(count["error"] for count in counts.values()) > 30
    assert sum(count["read"] for count in counts.values()) > 5


@pytest.mark.nightly
def test_ten_thousand_damaged_files_are_read_or_clear_errors():
    counts, failures = fuzz.campaign(10_000, seed=1, processes=2)
    check(counts, failures, 10_000)
    assert set(counts) == set(READERS)
