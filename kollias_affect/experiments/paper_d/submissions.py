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


def load_stages(number, fer, emotiw, crop=True, crops_dir=None, limit=None, seed=0, **options):
    """Loads the stages of a submission, and the clips on which its accuracy is measured.

    Args:
        number: Key of `SUBMISSIONS`.
        fer: Root of FER-2013.
        emotiw: Root of SFEW, the data of EmotiW 2015.
        crop: Whether the faces are cropped from SFEW's full frames, as in paper D. Otherwise its
            aligned faces are used.
        crops_dir: Folder of these crops.
        limit, seed: See `sources.stage`.
        **options: Arguments of every `Stage`.

    Returns:
        `(stages, target)`: list of `Stage`; SFEW's validation part, list of `Clip`.

    Raises:
        ValueError: If there is no such submission.
        FileNotFoundError: If a database is missing.

    References: paper D §3.3, figures 3–4.
    """
    _checks.one_of("path", number, SUBMISSIONS)
    sfew = sources.Source("sfew", emotiw, crop=crop, options={"aligned": not crop})

    def fer2013(variant, **more):
        return sources.Source("fer2013", fer, options={"variant": variant}, **more)

    data = {
        "FER28": [fer2013("FER28")],
        "FER32": [fer2013("FER32")],
        "EmotiW": [sfew],
        "FER32+EmotiW": [fer2013("FER32", validation="none"), sfew],
    }
    loading = {"crops_dir": crops_dir, "limit": limit, "seed": seed}
    names = SUBMISSIONS[number].stages
    stages = [sources.stage(data[name], name, **loading, **options) for name in names]
    if "EmotiW" in names[-1]:
        return stages, stages[-1].validation
    return stages, sources.stage([sfew], "EmotiW", **loading).validation
