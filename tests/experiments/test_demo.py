import pytest

from kollias_affect.experiments import demo

SIZE = {"subjects": 2, "clips_per_subject": 1, "frames": 24}
FILES = ("demo.png", "scores.csv", "run/best.keras", "run/log.csv", "run/tensorboard")


def check(out_dir):
    lines = []
    table = demo.run(out_dir, epochs=1, **SIZE, log=lines.append)
    assert list(table.index) == ["valence", "arousal", "mean"]
    for name in FILES:
        assert (out_dir / name).exists(), name
    assert any("tensorboard --logdir" in line for line in lines) and len(lines) < 20


@pytest.mark.nightly
def test_demo_leaves_model_logs_table_and_picture_and_a_second_call_continues(tmp_path):
    """A short form; the continuous integration runs the complete demo and checks its score."""
    for _ in range(2):
        check(tmp_path)
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 2
