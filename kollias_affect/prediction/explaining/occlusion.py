"""Occlusion maps: how outputs change when a part of the face is covered.

They need no gradients, so they work for every model that runs, ONNX files included.
"""

import numpy as np

from kollias_affect import _checks

PATCHES_PER_SIDE = 6  # default of the size of a patch
_FRAMES_PER_BATCH = 128


def occlusion_maps(model, inputs, frame=None, patch=None, stride=None):
    """Covers each place of the face with a patch and measures by how much the outputs fall.

    The patch has the mean colour of the image. In a window it covers the same place in all frames.
    The value of a pixel is the mean, over the patches that cover it, of the output without a patch
    minus the output with it: positive where the face raises the output, in the unit of the output.

    Args:
        model: `Predictor`.
        inputs: Dict of the inputs of one face, `[1, ...]`, or of one window, `[1, length, ...]`.
        frame: Position in the window of the output that is explained; `None` for single faces.
        patch: Side of the patch in pixels. Default: a sixth of the image.
        stride: Pixels from patch to patch. Default: half a patch.

    Returns:
        Dict from task to float32 `[outputs, size, size]`.

    Raises:
        ValueError: If `patch` or `stride` is out of range.

    References: Zeiler and Fergus, "Visualizing and understanding convolutional networks" (ECCV
        2014), section 4.2, who show the output under each patch.
    """
    size = inputs["images"].shape[-2]
    default = max(1, round(size / PATCHES_PER_SIDE))
    patch = _checks.integer_between("patch", default if patch is None else patch, 1, size)
    default = max(1, patch // 2)
    stride = _checks.integer_between("stride", default if stride is None else stride, 1, patch)
    places = patch_places(size, patch, stride)
    before = _outputs(model, inputs, frame)
    falls = _falls(model, inputs, frame, places, patch, before)
    sums = {task: np.zeros((values.shape[-1], size, size)) for task, values in before.items()}
    count = np.zeros((size, size))
    for number, (top, left) in enumerate(places):
        covered = np.s_[top : top + patch, left : left + patch]
        count[covered] += 1
        for task, values in falls.items():
            sums[task][(slice(None), *covered)] += values[number, :, None, None]
    return {task: (values / count).astype(np.float32) for task, values in sums.items()}


def patch_places(size, patch, stride):
    """Returns the top left corners of patches that cover a square, as `(top, left)`.

    Example:

    >>> patch_places(5, 3, 2), patch_places(4, 3, 3)
    ([(0, 0), (0, 2), (2, 0), (2, 2)], [(0, 0), (0, 1), (1, 0), (1, 1)])
    """
    starts = [*range(0, size - patch, stride), size - patch]
    return [(top, left) for top in starts for left in starts]


def _falls(model, inputs, frame, places, patch, before):
    """Returns the outputs without a patch minus those with each patch, `[places, outputs]`."""
    images = inputs["images"]
    frames = 1 if frame is None else images.shape[1]
    batch = max(1, min(len(places), _FRAMES_PER_BATCH // frames))
    colour = images.mean(axis=(-3, -2), keepdims=True)
    parts = []
    for start in range(0, len(places), batch):
        # All batches have one size: TensorFlow would compile the network for every other size.
        chosen = [places[min(start + i, len(places) - 1)] for i in range(batch)]
        covered = {name: np.repeat(values, batch, axis=0) for name, values in inputs.items()}
        for image, (top, left) in zip(covered["images"], chosen, strict=True):
            image[..., top : top + patch, left : left + patch, :] = colour[0]
        found = _outputs(model, covered, frame)
        count = len(places) - start
        parts.append({task: before[task] - values[:count] for task, values in found.items()})
    return {task: np.concatenate([part[task] for part in parts]) for task in before}


def _outputs(model, inputs, frame):
    """Returns the outputs that are explained, a dict of `[batch, outputs]`."""
    found = model.run(inputs)
    return {t: values if frame is None else values[:, frame] for t, values in found.items()}
