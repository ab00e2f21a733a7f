import inspect

from kollias_affect import adaptation, cli, layers, losses
from kollias_affect.experiments.paper_a import experiment
from kollias_affect.layers import centroid_outputs


def test_f_has_one_default_everywhere():
    """Paper A §III names two; of these, the softmax of squared distances saturates."""
    places = [
        losses.CentroidLoss,
        losses.centroid_loss,
        layers.CentroidOutputs,
        centroid_outputs.centroid_outputs,
        adaptation.compile_adapted,
        adaptation.centroid_classifier,
        adaptation.alternate,
        experiment.Settings,
    ]
    defaults = {inspect.signature(place).parameters["normalization"].default for place in places}
    of_command = {option.name: option.default for option in cli.adapt.params}
    assert {*defaults, of_command["normalization"]} == {"linear"}
