"""The pages of papers B to D lead to what exists, and the tables train the printed networks."""

import ast
import re
import shlex
from pathlib import Path

import keras
import pytest
import test_documentation as documentation
from keras import layers

from kollias_affect import presets
from kollias_affect.experiments import TABLES, Laboratory, Scale, builders
from kollias_affect.layers import PeepholeLSTM

TESTS = Path(__file__).resolve().parent
PAGES = {letter: TESTS.parent / "docs" / "papers" / f"{letter.lower()}.md" for letter in "ABCD"}
COLUMNS = ["element", "in the paper", "where", "command or test"]
TEST = re.compile(r"tests/([\w/]+\.py)::(\w+)$")
CODE = re.compile(r"`([^`]+)`")
NAME = re.compile(rf"((?:{documentation.ROOMS})(?:\.\w+)+)(?=$|\()")
# The least numbers of elements and of names on a page; paper D has six pages.
LEAST = {"A": (25, 15), "B": (50, 30), "C": (50, 30), "D": (25, 20)}
# Tables and figures of the papers. B's table 1 is related work; table 1 of C compares databases.
PRINTED = {
    "A": {"figure": range(3, 10)},  # its tables have Roman numbers
    "B": {"table": range(2, 9), "figure": range(1, 8)},
    "C": {"table": range(2, 20), "figure": range(2, 20)},
    "D": {"figure": range(1, 7)},
}


def rows(letter):
    """Cells of each line of the tables of a page, without their headers."""
    found = []
    for line in PAGES[letter].read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == len(COLUMNS), line
            if cells != COLUMNS and not set(line) <= set("|-"):
                found.append(cells)
    return found


def functions(file):
    """Names of the functions of a file of tests."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("letter", PAGES)
def test_every_element_has_a_place_and_a_command_or_test_that_exists(letter, monkeypatch):
    found = rows(letter)
    assert len(found) > LEAST[letter][0] and len({cells[0] for cells in found}) == len(found)
    for element, place, where, checks in found:
        assert element and place and CODE.search(where), element
        codes = CODE.findall(checks)
        assert codes, element
        for code in codes:
            test = TEST.match(code)
            if test:
                assert test[2].startswith("test_") and test[2] in functions(test[1]), code
            else:
                program, *arguments = shlex.split(code)
                assert program == "kollias-affect", code
                documentation.test_command_of_a_page_is_understood(arguments, monkeypatch)


@pytest.mark.parametrize("letter", PAGES)
def test_every_name_on_the_page_exists(letter):
    codes = CODE.findall(PAGES[letter].read_text(encoding="utf-8"))
    names = {match[1] for match in map(NAME.match, codes) if match}
    assert len(names) > LEAST[letter][1]
    assert [name for name in sorted(names) if not documentation.exists(name)] == []


@pytest.mark.parametrize("letter", PAGES)
def test_every_table_of_the_paper_is_on_its_page_and_runs_by_its_name(letter):
    page = PAGES[letter].read_text(encoding="utf-8")
    commands = set(re.findall(r"`kollias-affect table ([\w-]+)", page))
    assert commands == {name for name in TABLES if name.startswith(letter) and name != "ABAW"}


@pytest.mark.parametrize(("letter", "kind"), [(x, kind) for x in PRINTED for kind in PRINTED[x]])
def test_every_printed_table_and_figure_is_on_the_page(letter, kind):
    page = PAGES[letter].read_text(encoding="utf-8")
    mentioned = set()
    for text in re.findall(rf"{kind}s?((?:\s+(?:and\s+)?\d+(?:–\d+)?,?)+)", page):
        for first, last in re.findall(r"(\d+)(?:–(\d+))?", text):
            mentioned.update(range(int(first), int(last or first) + 1))
    assert set(PRINTED[letter][kind]) <= mentioned


def thin(name, scale, weight_files=None):
    """A CNN with the layers of VGG, one channel wide, by the name of another one."""
    x = inputs = keras.Input((32, 32, 3), name="images")
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        for i in range(1, count + 1):
            x = layers.Conv2D(1, 1, name=f"conv{block}_{i}")(x)
        x = layers.MaxPooling2D(name=f"pool{block}")(x)
    return keras.Model(inputs, x, name=name)


@pytest.fixture
def laboratory(tmp_path, monkeypatch):
    """A laboratory at the scale of the papers, whose CNNs are thin."""
    monkeypatch.setattr(builders, "build_backbone", thin)
    return Laboratory({}, tmp_path, Scale())


def trained(table, row, column=""):
    """The `Training` of a cell."""
    cells = [c for c in TABLES[table].cells if c.row == row and column in (c.column, "any")]
    return cells[0].setting.network


def units(model, kinds=(layers.Dense, layers.GRU, PeepholeLSTM)):
    """Names and units of the layers that have units, in order."""
    return [(layer.name, layer.units) for layer in model.layers if isinstance(layer, kinds)]


OUTPUT = ("valence_arousal", 2)


@pytest.mark.parametrize(
    ("row", "count"), [("VGG-Face", 4096), ("DenseNet-121", 1500), ("ResNet-50", 1500)]
)
def test_cnns_of_table_b3_have_one_layer_of_the_printed_units(laboratory, row, count):
    """Paper B §5.1, figure 4: one layer on pooled features and 136 landmarks, then the output."""
    model = laboratory.trainings.new(trained("B3", row, "any"))
    assert units(model) == [("fc1", count), OUTPUT]
    assert model.get_layer("fc1").kernel.shape == (1 + 136, count)
    assert model.get_layer("fc1_dropout").rate == 0.5
    assert model.output_shape == (None, 80, 2)


@pytest.mark.parametrize(
    ("row", "backbone"), [("AffWildNet", "resnet50"), ("DenseNet-RNN", "densenet121")]
)
def test_affwildnet_of_paper_b_is_table_2(laboratory, row, backbone):
    setting = trained("B3", row, "any")
    assert setting.network.backbone == backbone
    model = laboratory.trainings.new(setting)
    printed = ["fc1", "fc1_dropout", "rnn1", "rnn1_dropout", "rnn2", "valence_arousal"]
    assert [layer.name for layer in model.layers if layer.name in printed] == printed
    assert units(model) == [("fc1", 1500), ("rnn1", 128), ("rnn2", 128), OUTPUT]
    assert model.get_layer("fc1").kernel.shape[0] == 1 + 136
    assert [model.get_layer(f"{name}_dropout").rate for name in ("fc1", "rnn1")] == [0.5, 0.8]


def test_learning_rates_of_table_b3_are_the_printed_ones(laboratory):
    """Paper B §6.1: 1e-4 for CNNs; §5.4: 1e-4 or 1e-5 end to end."""
    for cell in TABLES["B3"].cells:
        for member in cell.setting.network.members:
            options = laboratory.trainings._options(member, [])
            assert (options["learning_rate"], options["batch_size"]) == (1e-4, 4)


def test_the_baseline_is_table_4(laboratory):
    """Paper C §4.1.1: 4096 ReLU units and two linear ones; the CNN is fixed or fine-tuned."""
    for row, fixed in (("CNN-M, end to end", False), ("CNN-M, convolutions fixed", True)):
        setting = trained("C5", row)
        model = laboratory.trainings.new(setting)
        assert setting.network.backbone == "cnn_m" and list(model.input) == ["images"]
        assert units(model) == [("fc1", 4096), OUTPUT]
        activations = [model.get_layer(n).activation.__name__ for n in ("fc1", "valence_arousal")]
        assert activations == ["relu", "linear"]
        assert (len(model.trainable_weights) == 4) == fixed  # kernels and biases of the two layers
        options = laboratory.trainings._options(setting, [])
        numbers = [options[name] for name in ("batch_size", "learning_rate", "loss")]
        assert numbers == [80, 1e-3, "mse"]


def test_the_second_fully_connected_layer_feeds_the_rnn_on_request(laboratory):
    """Paper C §4.2.1.3: "the outputs of either the first, or the second" layer."""
    for fed_by, inputs in (("fc1", 4096), ("fc2", 2048)):
        for count in (1, 2):
            row = f"{fed_by}, {count} layer{'s' * (count > 1)}"
            model = laboratory.trainings.new(trained("C-fc", row))
            assert model.get_layer("rnn1").cell.kernel.shape[0] == inputs
            assert len(units(model, layers.GRU)) == count


def test_tables_12_to_14_vary_what_the_paper_varies(laboratory):
    def new(*place):
        return laboratory.trainings.new(trained(*place))

    for row, kind in (("CNN-GRU", layers.GRU), ("CNN-LSTM", PeepholeLSTM)):
        assert units(new("C12", row), kind) == [("rnn1", 128), ("rnn2", 128)]
    cnn, rnn = new("C13", "CNN"), new("C13", "CNN-RNN")
    assert units(cnn) == [("fc1", 4096), ("fc2", 2048), OUTPUT]
    assert units(rnn) == [("fc1", 4096), ("rnn1", 128), ("rnn2", 128), OUTPUT]
    assert cnn.output_shape == (None, 1, 2) and rnn.output_shape == (None, 80, 2)
    for hidden in (100, 128, 150):
        for count in (1, 2):
            model = new("C14", f"{hidden} units", f"{count} layer{'s' * (count > 1)}")
            assert units(model, layers.GRU) == [(f"rnn{i + 1}", hidden) for i in range(count)]
    for model in (cnn, rnn):
        assert model.get_layer("fc1").kernel.shape[0] == 1 + 136
        assert model.get_layer("fc1_dropout").rate == presets.C.dropout == 0.5


def test_resnet_gru_has_no_fully_connected_layer(laboratory):
    """Paper C §5.1.1: "a ResNet-50 and a 2-layer GRU stacked on top"."""
    setting = trained("C15", "ResNet-GRU")
    assert setting.network.backbone == "resnet50" and setting.before is None
    model = laboratory.trainings.new(setting)
    assert units(model) == [("rnn1", 128), ("rnn2", 128), OUTPUT]
    fine_tuned = trained("C15", "Fine-tuned AffWildNet")
    assert fine_tuned.before == "pretrain" and fine_tuned.needs_before
