"""Paper D's submissions (figure 3): the network, its fine-tuning stages and its accuracy."""

import dataclasses

from kollias_affect import _checks
from kollias_affect.experiments import sources


@dataclasses.dataclass(frozen=True)
class Submission:
    """One path through figure 3, which begins with weights of ImageNet.

    Attributes:
        network: Name in `transfer.NETWORKS`.
        stages: Tuple of the names of the stages' data, as in figure 3.
        published: Dict with `validation` and `test`, accuracies on EmotiW's sets, in [0, 1].
    """

    network: str
    stages: tuple
    published: dict


def _submission(network, stages, validation, test):
    return Submission(network, stages, {"validation": validation, "test": test})


_A, _M = "alexnet", "vgg_cnn_m_2048"
# Figures 3 and 4. Submission 4 is missing: the paper leaves it out "due to mistakes in training
# the model" and does not describe it.
SUBMISSIONS = {
    1: _submission(_A, ("FER28",), 0.469, 0.540),
    2: _submission(_M, ("FER28",), 0.429, 0.470),
    3: _submission(_A, ("FER28", "EmotiW"), 0.485, 0.556),
    5: _submission(_M, ("FER28", "EmotiW"), 0.478, 0.521),
    6: _submission(_M, ("FER32",), 0.441, 0.511),
    7: _submission(_A, ("FER32", "EmotiW"), 0.441, 0.505),
    8: _submission(_M, ("FER32", "EmotiW"), 0.473, 0.538),
    9: _submission(_M, ("FER32+EmotiW",), 0.469, 0.522),
}
# §4.1: "directly fine-tuning the networks" gives 37.8 %, "slightly worse than" the baseline. The
# paper names no set; the comparison is true of the baseline's 39.13 % on the test set alone.
DIRECT = {
    f"direct-{name}": Submission(network, ("EmotiW",), {"test": 0.378})
    for name, network in (("alexnet", _A), ("vgg", _M))
}
PATHS = SUBMISSIONS | DIRECT
# The challenge's baseline (Dhall et al., 2015), as paper D prints it.
BASELINE = {"validation": 0.3596, "test": 0.3913}
# PrivateTest is 3,589 images beside the 32,298 of FER32, a ninth.
HELD_OUT = 1 / 9


def parse_path(text):
    """Returns the key of `PATHS` that a text such as `"3"` or `"direct-alexnet"` names.

    Raises:
        ValueError: If there is no such path.
    """
    key = int(text) if str(text).isdecimal() else text
    return _checks.one_of("path", key, PATHS)


def load_stages(
    path, fer, emotiw, crop=True, crops_dir=None, limit=None, seed=0, without_private_test=False,
    **options,
):  # fmt: skip
    """Loads the stages of a path, and the clips on which its accuracy is measured.

    A stage on FER-2013 chooses its epochs on FER-2013's own validation data: PublicTest for FER28,
    PrivateTest for FER32. A stage on EmotiW or on the union chooses on EmotiW's validation part.

    Args:
        path: Key of `PATHS`.
        fer: Root of FER-2013; `None` for a path without it.
        emotiw: Root of SFEW, the data of EmotiW 2015.
        crop: Whether the faces are cropped from SFEW's full frames, as in paper D. Otherwise its
            aligned faces are used.
        crops_dir: Folder of these crops.
        limit, seed: See `sources.stage`.
        without_private_test: Whether FER32 does without PrivateTest: a ninth of its images, as
            many as PrivateTest has, is drawn to choose the epochs, and does not train. The stage
            is then named `FER32-held-out`. The union with EmotiW needs no PrivateTest.
        **options: Arguments of every `Stage`.

    Returns:
        `(stages, target)`: list of `Stage`; SFEW's validation part, list of `Clip`.

    Raises:
        ValueError: If there is no such path, or it lacks FER-2013.
        FileNotFoundError: If a database, or a part of it, is missing.

    References: paper D §3.3, figures 3–4.
    """
    names = PATHS[parse_path(path)].stages
    if fer is None and any(name.startswith("FER") for name in names):
        raise ValueError(
            f"Path {path} is fine-tuned on FER-2013. Received: no `fer`. Give its path, or "
            f"choose one of {tuple(DIRECT)}."
        )
    if without_private_test and "FER32" not in names:
        raise ValueError(
            "Only FER32 chooses its epochs on PrivateTest. Received: `without_private_test` for "
            f"path {path}, {' -> '.join(names)}. Leave it out."
        )
    sfew = sources.Source("sfew", emotiw, crop=crop, options={"aligned": not crop})

    def fer2013(variant, **more):
        return sources.Source("fer2013", fer, options={"variant": variant}, **more)

    held_out = HELD_OUT if without_private_test else None
    data = {
        "FER28": [fer2013("FER28")],
        "FER32": [fer2013("FER32", validation=held_out)],
        "EmotiW": [sfew],
        "FER32+EmotiW": [fer2013("FER32", validation="none"), sfew],
    }
    titles = {"FER32": "FER32-held-out"} if without_private_test else {}
    loading = {"crops_dir": crops_dir, "limit": limit, "seed": seed}
    stages = [
        sources.stage(data[name], titles.get(name, name), **loading, **options) for name in names
    ]
    if "EmotiW" in names[-1]:
        return stages, stages[-1].validation
    return stages, sources.stage([sfew], "EmotiW", **loading).validation
