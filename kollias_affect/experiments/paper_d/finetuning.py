"""Paper D's fine-tuning in stages on any databases; the command `finetune` calls it."""

import contextlib
from pathlib import Path

import keras

from kollias_affect import _checks, models, transfer
from kollias_affect.experiments import plans, seen, sources
from kollias_affect.experiments.declaration import Empty
from kollias_affect.experiments.paper_d import pictures, submissions
from kollias_affect.transfer import optimization


def finetune(
    out_dir,
    stages=(),
    path=None,
    fer=None,
    emotiw=None,
    crop=True,
    network=None,
    weights=None,
    model=None,
    size=256,
    width=1.0,
    epochs=20,
    learning_rate=1e-3,
    batch_size=optimization.BATCH_SIZE,
    limit=None,
    cache=False,
    seed=0,
    verbose=None,
    colour=0.0,
    ten_crops=False,
    without_private_test=False,
    mean_image=None,
    log=print,
):
    """Fine-tunes a network for expressions in stages.

    The stages are given as texts, or by the number of one of the paper's submissions.

    Args:
        out_dir: Folder of the run; the crops of complete pictures are in `crops/`.
        stages: Sequence of texts, see `sources.parse`.
        path: Key of `submissions.PATHS`, instead of `stages`.
        fer, emotiw, crop: See `submissions.load_stages`; only with `path`.
        network: Name in `transfer.NETWORKS`. Default: that of the submission, or AlexNet.
        weights: File of ImageNet weights of the network, or `None`.
        model: Model to start from instead of `network` and `weights`: a file, or a name in
            `weights.list_pretrained`.
        size: Side of the pictures in pixels.
        width: Factor on channels and units.
        epochs, learning_rate: Defaults of the stages.
        batch_size, cache, verbose: See `transfer.staged`.
        limit: Number of frames per class and set, for quick trials; `None` for all.
        seed: Seed of divisions, initial weights and training.
        colour: Size of random shifts of the colours in training, see `transfer.network`.
        ten_crops: See `transfer.staged`.
        without_private_test: See `submissions.load_stages`; only with `path`.
        mean_image: File of the mean image of `weights`, see `mean` of `transfer.network`.
        log: Function that is called with lines of text: start, network, and the plan of every
            stage, before the first epoch.

    Returns:
        `transfer.Staged`. With `path`, figures 1 and 2 of the paper, of the given data, are
        `figure-1.png` (if SFEW has both its full frames and its aligned faces) and `figure-2.png`
        in `out_dir`.

    Raises:
        FileNotFoundError: If a database or a file does not exist.
        ValueError: If options exclude each other, or as `transfer.staged` does.

    References: paper D §3.3, figures 1–6.
    """
    if (path is None) == (not stages) or (path is not None and emotiw is None):
        raise ValueError(
            "A run has either stages, or one of the paper's paths with `fer` and `emotiw`. "
            f"Received: {len(stages)} stages and path={path}. Give one of the two."
        )
    if path is None and without_private_test:
        raise ValueError(
            "`without_private_test` belongs to the paper's paths. Received: stages. Give the "
            "database of the stage the option validation=0.11 instead."
        )
    replaced = {"network": network, "weights": weights, "mean_image": mean_image}
    _check_start(model, {**replaced, "colour": colour or None})
    loading = {"crops_dir": Path(out_dir) / "crops", "limit": limit, "seed": seed}
    defaults = {"epochs": epochs, "learning_rate": learning_rate}
    published, target = None, None
    if path is not None:
        path = submissions.parse_path(path)
        loaded, target = submissions.load_stages(
            path, fer, emotiw, crop, without_private_test=without_private_test, **loading,
            **defaults,
        )  # fmt: skip
        submission = submissions.PATHS[path]
        published, network = submission.published, network or submission.network
    else:
        parsed = [sources.parse(text) for text in stages]
        loaded = [
            sources.stage(databases, **loading, **{**defaults, **options})
            for options, databases in parsed
        ]
    start, description = _start(network, weights, model, size, width, seed, colour, mean_image)
    log(f"Start: {description['start']}")
    log(f"Network: {plans.describe_network(start)}")
    for number, stage in enumerate(loaded, start=1):
        log(plans.describe_stage(number, stage, batch_size))
    result = transfer.staged(
        start, loaded, out_dir, target, batch_size=batch_size, seed=seed, cache=cache,
        published=published, metadata=description, verbose=verbose, ten_crops=ten_crops,
    )  # fmt: skip
    if path is not None:
        _draw(loaded, emotiw if crop else None, Path(out_dir), result.model.inputs[0].shape[-2])
    return result


def _draw(stages, full_frames, out_dir, size):
    """Draws figure 2 of stages on two databases, and figure 1 of cropped full frames."""
    sets = {stage.name: stage.training for stage in stages}
    if len(sets) > 1:
        pictures.draw_examples(sets, out_dir / "figure-2.png", size)
    if full_frames is not None and "EmotiW" in sets:
        with contextlib.suppress(Empty):  # most copies lack one of the two kinds
            pictures.draw_crops(full_frames, sets["EmotiW"], out_dir / "figure-1.png")


def _check_start(model, replaced):
    """Refuses options of a network beside a model to start from, before any data are loaded."""
    given = [f"`{name}={value}`" for name, value in replaced.items() if value is not None]
    if model is not None and given:
        raise ValueError(
            f"`model` replaces {', '.join(f'`{name}`' for name in replaced)}. Received beside "
            f"`model={model}`: {', '.join(given)}. Leave one out."
        )


def _start(network, file, model, size, width, seed, colour, mean_image):
    """The model to start from, and the entries of its card that describe it."""
    crop = models.CROPS["eyes_grey"]
    if model is not None:
        facts = {"start": model, "crop": crop, "trained_on": seen.trained_on(model)}
        return models.load(model)[0], facts
    keras.utils.set_random_seed(_checks.integer_between("seed", seed, 0, 2**32 - 1))
    network = network or "alexnet"
    start = transfer.network(
        network, size, width, pretrained=file, seed=seed, colour=colour, mean=mean_image
    )
    origin = "random" if file is None else Path(file).name
    return start, {"start": f"{network}, width {width}, {origin}", "crop": crop}
