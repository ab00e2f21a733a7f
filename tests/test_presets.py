"""The presets state the numbers that papers B (§5.4, §6.2) and C (§4.1.1, §4.2.1) print."""

import dataclasses
import subprocess
import sys

import pytest

from kollias_affect import presets


# Dropout, dropout of RNNs, learning rate with a frozen CNN and end to end, loss, first weights.
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("B", (0.5, 0.8, 1e-3, 1e-4, "ccc", "authors")),
        ("B-keep", (0.5, 0.2, 1e-3, 1e-4, "ccc", "authors")),
        ("C", (0.5, 0.5, 1e-3, 1e-3, "ccc", "authors")),
        ("C-baseline", (0.0, 0.0, 1e-3, 1e-3, "mse", "papers")),
    ],
)
def test_a_preset_has_the_numbers_of_its_paper(name, printed):
    preset = presets.preset(name)
    rates = preset.learning_rate(frozen=True), preset.learning_rate(frozen=False)
    ours = (preset.dropout, preset.rnn_dropout, *rates, preset.loss, preset.initializer)
    assert ours == printed
    assert (preset.name, preset.length) == (name, 80)


@pytest.mark.parametrize(
    ("name", "length", "windows"),
    [
        ("B", 80, 4),  # "a batch size of 4 and sequence length of 80 consecutive frames"
        ("B-keep", 80, 4),
        ("B", 40, 8),
        ("C", 1, 50),  # CNNs: "batch size equal to 50"
        ("C", 80, 1),  # CNN-RNNs: "batch size 80", which we read as frames
        ("C", 20, 4),
        ("C", 100, 1),  # at least one window
        ("C-baseline", 1, 80),  # "the batch size equal to 80"
    ],
)
def test_batches_have_the_frames_of_the_papers_batches(name, length, windows):
    assert presets.preset(name).batch_size(length) == windows


def test_both_readings_of_paper_bs_dropout_differ_in_nothing_else():
    b, keep = (dataclasses.asdict(presets.preset(name)) for name in ("B", "B-keep"))
    assert {key for key in b if b[key] != keep[key]} == {"name", "rnn_dropout", "text"}
    assert b["rnn_dropout"] == pytest.approx(1 - keep["rnn_dropout"])


@pytest.mark.parametrize("preset", presets.PRESETS.values(), ids=lambda preset: preset.name)
def test_the_text_of_a_preset_states_its_numbers(preset):
    rate = preset.learning_rate(frozen=False)
    assert f"{rate:.0e}".replace("e-0", "e-") in preset.text
    assert ("squared error" if preset.loss == "mse" else "CCC loss") in preset.text
    for dropout in {preset.dropout, preset.rnn_dropout} - {0.0}:
        assert str(dropout) in preset.text


def test_an_unknown_preset_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"settings.*'B', 'B-keep', 'C', 'C-baseline'.*'D'"):
        presets.preset("D")


def test_presets_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        presets.preset("C").dropout = 0.1


def test_presets_do_not_import_keras():
    code = "import sys; from kollias_affect import presets; print('keras' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "False", ran.stderr
