import numpy as np
import pytest

from kollias_affect import adaptation, evaluation
from kollias_affect.clip import Clip


def test_targets_are_one_hot_for_both_outputs(seven_clips, data):
    batches = data(seven_clips("a", frames=3), batch_size=2)
    (inputs, labels, weights), (same, desired, both) = (
        next(iter(dataset)) for dataset in (batches, adaptation.targets(batches, 7))
    )
    assert np.array_equal(inputs["images"], same["images"])
    for name in ("expression", "representation"):
        assert np.array_equal(desired[name], np.eye(7)[np.asarray(labels)])
        assert np.array_equal(both[name], weights)
    assert len(adaptation.targets(batches, 7)) == len(batches)


@pytest.mark.parametrize("form", ["clips", "batches"])
def test_representations_are_those_of_the_frames_that_count(tiny, seven_clips, data, form):
    clips = seven_clips("a", frames=3, missing=(1,))  # and one frame of padding each
    model = tiny()
    x, labels = adaptation.representations(model, clips if form == "clips" else data(clips))
    assert x.shape == (14, 6) and x.dtype == np.float32
    assert labels.tolist() == np.repeat(np.arange(7), 2).tolist()
    outputs = model.predict(data(clips), verbose=0)["representation"].reshape(7, 4, 6)
    assert np.abs(x.reshape(7, 2, 6) - outputs[:, [0, 2]]).max() < 1e-6


def test_single_images_are_windows_of_length_one(tiny, seven_clips):
    model = tiny(length=1)
    x, labels = adaptation.representations(model, seven_clips("a", frames=1))
    assert x.shape == (7, 6) and labels.tolist() == list(range(7))
    classifier = adaptation.centroid_classifier(model, x)
    predictions = evaluation.predict(classifier, seven_clips("a", frames=1))
    predicted = np.concatenate(list(predictions.values()))
    assert predicted.argmax(1).tolist() == labels.tolist()


def test_labels_may_be_valence_and_arousal(tiny, seven_clips):
    clips = seven_clips("a", frames=2)
    _, labels = adaptation.representations(tiny(), clips, task="valence_arousal")
    assert np.array_equal(labels, np.concatenate([clip.valence_arousal for clip in clips]))


def test_clips_without_labels_or_valid_frames_are_refused(tiny, make_clip):
    with pytest.raises(ValueError, match=r"label `expression`.*\['a'\]"):
        adaptation.representations(tiny(), [make_clip("a", 2)])
    with pytest.raises(ValueError, match="At least one frame must count"):
        clip = make_clip("b", 2, expression=[0, 0], valid=[False, False])
        adaptation.representations(tiny(), [clip])
    assert isinstance(clip, Clip)
