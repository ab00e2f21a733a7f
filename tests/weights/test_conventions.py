import numpy as np
import pytest

from kollias_affect import backbones
from kollias_affect.weights import assignment, conventions
from kollias_affect.weights.conventions import InputConvention

CONVENTIONS = {
    name: value for name, value in vars(conventions).items() if isinstance(value, InputConvention)
}


def convolve(x, kernel, bias):
    """Computes the unpadded convolution of `[height, width, channels]` in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias


@pytest.fixture
def first_layer():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (12, 10, 3))
    return pixels, random.normal(0, 0.2, (3, 3, 3, 5)), random.normal(size=5)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_fold_is_exact_inside_and_differs_by_its_formula_at_the_border(first_layer, name):
    convention = CONVENTIONS[name]
    pixels, kernel, bias = first_layer
    image = pixels / 127.5 - 1
    folded = conventions.fold(kernel, bias, convention)

    def padded(x):
        return np.pad(x, [(1, 1), (1, 1), (0, 0)])

    before = convolve(padded(convention.prepare(pixels).astype("float64")), kernel, bias)
    difference = convolve(padded(image), *folded) - before
    np.testing.assert_allclose(difference[1:-1, 1:-1], 0, atol=1e-4)

    # Padded positions count as 127.5 minus the mean now, and counted as 0.
    outside = 1 - padded(np.ones((12, 10, 3)))
    level = (127.5 - np.array(convention.mean)) * convention.scale
    np.testing.assert_allclose(difference, convolve(outside * level, kernel, 0), atol=1e-4)
    bound = np.abs(kernel * level[:, None]).sum((0, 1, 2))
    assert (np.abs(difference) <= bound + 1e-4).all()


@pytest.mark.parametrize(
    ("name", "measured"),  # in standard deviations of conv1_1
    [("VGG_FACE_RGB", 0.77), ("VGG_FACE_BGR", 1.03), ("DEEPFACE", 2.88), ("IMAGENET_BGR", 0.72)],
)
def test_difference_at_the_border_stays_at_the_border(random_weights, name, measured):
    """Only the outermost pixels of `conv1_1` differ, most if zero was far from mid-grey."""
    convention = CONVENTIONS[name]
    model = backbones.vgg_face((32, 32, 3), width=0.25)
    layer = random_weights(model).get_layer("conv1_1")
    pixels = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3))
    before = np.asarray(layer(convention.prepare(pixels)))
    layer.set_weights(conventions.fold(*layer.get_weights(), convention))
    after = np.asarray(layer(conventions.OURS.prepare(pixels)))
    scale = before.std()
    assert np.abs(after - before)[:, 1:-1, 1:-1].max() < 1e-5 * scale
    assert np.abs(after - before).max() / scale == pytest.approx(measured, abs=0.01)


def test_fold_does_not_change_our_convention(first_layer):
    _, kernel, bias = first_layer
    folded = conventions.fold(kernel, bias, conventions.OURS)
    np.testing.assert_allclose(folded[0], kernel, rtol=1e-6)
    np.testing.assert_allclose(folded[1], bias, rtol=1e-6)


def test_convolution_without_bias_gets_one(first_layer):
    _, kernel, bias = first_layer
    with_bias = conventions.fold(kernel, bias, conventions.IMAGENET_RGB)
    without = conventions.fold(kernel, None, conventions.IMAGENET_RGB)
    np.testing.assert_allclose(without[1] + bias, with_bias[1], rtol=1e-5)


def test_prepare_subtracts_scales_and_reorders():
    pixels = np.array([[[10, 20, 30]]], "uint8")
    assert conventions.VGG_FACE_BGR.prepare(pixels).ravel() == pytest.approx(
        [30 - 93.5940, 20 - 104.7624, 10 - 129.1863], abs=1e-4
    )
    assert conventions.DEEPFACE.prepare(pixels).ravel() == pytest.approx(
        [30 / 255, 20 / 255, 10 / 255]
    )
    assert conventions.OURS.prepare([0, 127.5, 255]).tolist() == [-1, 0, 1]


@pytest.mark.parametrize("shape", [(1, 1, 3), (3,), (3, 1), (4, 4, 3)])
def test_the_mean_colour_of_an_average_image_is_used(shape):
    average = np.random.default_rng(0).uniform(0, 255, shape)
    mean = average.reshape(-1, 3).mean(0)
    assert conventions.subtract_mean(conventions.VGG_FACE_RGB, average).mean == pytest.approx(mean)


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="`colour` must be one of"):
        InputConvention("GRB")
    with pytest.raises(ValueError, match="positive `scale`"):
        InputConvention("RGB", 0)
    with pytest.raises(ValueError, match="three numbers"):
        InputConvention("RGB", 1, (1, 2))
    with pytest.raises(ValueError, match="average image must be"):
        conventions.subtract_mean(conventions.OURS, np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"kernel must be \[height, width, 3, filters\]"):
        conventions.fold(np.ones((3, 3, 4, 2)), None, conventions.OURS)


def test_report_has_the_convention_of_the_model():
    report = assignment.ImportReport((), (), (), conventions.DEEPFACE, folded=True)
    assert report.model_takes == conventions.OURS
    report = assignment.ImportReport((), (), (), conventions.DEEPFACE, folded=False)
    assert report.model_takes == conventions.DEEPFACE
