from kollias_affect.experiments import demo


def test_demo_leaves_model_logs_table_and_picture(tmp_path):
    """The short form; the whole demo with its score is run by the continuous integration."""
    said = []
    few = {"subjects": 2, "clips_per_subject": 1, "frames": 24}
    for _ in range(2):  # the second time everything is there already
        table = demo.run(tmp_path, said.append, epochs=1, **few)
        assert list(table.index) == ["valence", "arousal", "mean"]
        for name in ("demo.png", "scores.csv", "run/best.keras", "run/log.csv", "run/tensorboard"):
            assert (tmp_path / name).exists(), name
    assert any("tensorboard --logdir" in line for line in said)
