from kollias_affect.experiments import demo


def test_demo_leaves_model_logs_table_and_picture(tmp_path):
    """A short form; the continuous integration runs the complete demo and checks its score."""
    lines = []
    size = {"subjects": 2, "clips_per_subject": 1, "frames": 24}
    for _ in range(2):  # the second call continues with the existing files
        table = demo.run(tmp_path, epochs=1, **size, log=lines.append)
        assert list(table.index) == ["valence", "arousal", "mean"]
        for name in ("demo.png", "scores.csv", "run/best.keras", "run/log.csv", "run/tensorboard"):
            assert (tmp_path / name).exists(), name
    assert any("tensorboard --logdir" in line for line in lines)
    assert len(lines) < 2 * 20
