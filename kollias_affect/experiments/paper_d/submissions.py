"""Paper D's submissions (figure 3): which network is fine-tuned on what, and how it did."""

import dataclasses

from kollias_affect import _checks
from kollias_affect.experiments import sources


@dataclasses.dataclass(frozen=True)
class Path:
    """One way through figure 3, beginning with ImageNet.

    Attributes:
        network: name in `networks.NETWORKS`.
        stages: names of the stages' data, keys of `DATA`.
        published: accuracies on EmotiW's validation and test sets, in [0, 1].
    """

    network: str
    stages: tuple
    published: dict


def _path(network, stages, validation, test):
    return Path(network, stages, {"validation": validation, "test": test})


_A, _M = "alexnet", "vgg_cnn_m_2048"
# Figures 3 and 4. Submission 4 is missing: the paper leaves it out "due to mistakes in training
# the model" and does not say what it was.
PATHS = {
    1: _path(_A, ("FER28",), 0.469, 0.540),
    2: _path(_M, ("FER28",), 0.429, 0.470),
    3: _path(_A, ("FER28", "EmotiW"), 0.485, 0.556),
    5: _path(_M, ("FER28", "EmotiW"), 0.478, 0.521),
    6: _path(_M, ("FER32",), 0.441, 0.511),
    7: _path(_A, ("FER32", "EmotiW"), 0.441, 0.505),
    8: _path(_M, ("FER32", "EmotiW"), 0.473, 0.538),
    9: _path(_M, ("FER32+EmotiW",), 0.469, 0.522),
}


def path_stages(number, fer, emotiw, crop=True, crops_dir=None, limit=None, seed=0, **options):
    """The stages of a submission, loaded, and the set that its accuracy is of.

    Args:
        number: key of `PATHS`.
        fer: root of FER-2013.
        emotiw: root of SFEW, the data of EmotiW 2015.
        crop: cut the faces out of SFEW's full frames, as paper D does; else its aligned faces
            are taken.
        crops_dir: folder of these crops.
        limit: see `sources.stage`.
        seed: see `sources.stage`.
        **options: of every `Stage`.

    Returns:
        `(stages, target)`: list of `Stage`; SFEW's validation part, list of `Clip`.

    Raises:
        ValueError: if there is no such submission.
        FileNotFoundError: if a database is missing.

    References: paper D §3.3, figures 3–4.
    """
    _checks.one_of("path", number, PATHS)
    faces = {"crop": crop, "options": {"aligned": not crop}}
    sfew = sources.Source("sfew", emotiw, **faces)

    def fer2013(variant, **more):
        return sources.Source("fer2013", fer, options={"variant": variant}, **more)

    data = {
        "FER28": [fer2013("FER28")],
        "FER32": [fer2013("FER32")],
        "EmotiW": [sfew],
        "FER32+EmotiW": [fer2013("FER32", validation="none"), sfew],
    }
    how = {"crops_dir": crops_dir, "limit": limit, "seed": seed}
    names = PATHS[number].stages
    loaded = [sources.stage(data[name], name, **how, **options) for name in names]
    if "EmotiW" in names[-1]:
        return loaded, loaded[-1].validation
    return loaded, sources.stage([sfew], "EmotiW", **how).validation
