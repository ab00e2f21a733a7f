"""The command `kollias-affect table`."""


def test_without_names_the_tables_are_listed(ok):
    output = ok("table")
    assert "C12" in output and "pretrain2" in output


def test_bad_input_is_refused(refused, tmp_path):
    out = ["--out", tmp_path / "out"]
    assert "must be one of" in refused("table", "C99", *out)
    assert "no --out" in refused("table", "C12")
    assert "Missing are data" in refused("table", "C12", *out)
    assert not (tmp_path / "out").exists()
    both = ["--smoke", "--data", "omg:x"]
    assert "its own synthetic data" in refused("table", "C12", *both, *out)
    weights = ["--weights", "vgg_face=none.mat"]
    assert "existing file" in refused("table", "C12", *weights, *out)
