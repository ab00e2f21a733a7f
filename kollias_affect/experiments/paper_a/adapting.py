"""Paper A's experiment from two databases on disk to the report; the command `adapt` calls it."""

import dataclasses
from pathlib import Path

from kollias_affect.datasets import sampling
from kollias_affect.experiments import seen
from kollias_affect.experiments.paper_a import backbone as backbones
from kollias_affect.experiments.paper_a import experiment, report
from kollias_affect.experiments.sources import Source


@dataclasses.dataclass(frozen=True)
class Database:
    """A database whose clips are divided into a training part and a test part.

    Args:
        name: Name in `datasets.DATASETS`.
        root: Folder or file of the database.
        splits: Names of the training split and the test split. Default: the official training part,
            and the official test part or, if it is absent or has no labels, the official validation
            part. Without official parts, and with `("all", "all")`, which mixes them: half of the
            subjects each, see `sampling.stratified_split`.
        crop: Whether the images are complete pictures, from which `faces.paper_d_crops` cuts the
            faces.
        options: Dict of options of the database's loader.
    """

    name: str
    root: str
    splits: tuple | None = None
    crop: bool = False
    options: dict = dataclasses.field(default_factory=dict)

    def parts(self, crops_dir, size, log=print):
        """Loads the clips.

        Args:
            crops_dir: Folder of the crops, used if `crop` is set.
            size: Side of the crops in pixels.
            log: Function that is called with a line of text for every set of cropped clips.

        Returns:
            `datasets.Division` without a validation part: nothing is chosen on it.
        """
        split, test = self.splits or (None, None)
        if (split, test) == ("all", "all"):
            test = None
        source = Source(
            self.name, self.root, split, test=test, crop=self.crop, options=self.options
        )
        return source.divide(
            ("training", "test"), crops_dir, size=size, log=log, share=0.5, draw=_halves
        )


def _halves(clips, share, seed):
    """Returns halves by subject with similar shares of the classes; `share` is not used."""
    return sampling.stratified_split([clip for clip in clips if clip.valid.any()], seed=seed)


def adapt(a, b, backbone, out_dir, settings=None, log=print):
    """Runs paper A's experiment on two databases and writes its report.

    An interrupted call resumes if it is repeated with the same arguments.

    Args:
        a: `Database` on which NetA is trained.
        b: `Database` on which NetB is trained.
        backbone: Model whose convolutions are the fixed backbone: a path, or a name in
            `weights.list_pretrained`.
        out_dir: Folder of the run. `out_dir/report.md` holds the tables and figures.
        settings: `experiment.Settings`. Default: `Settings()`.
        log: Function that is called with a line of text after every step.

    Returns:
        Dict from the name of a table to `pandas.DataFrame`, see `report.write_report`.

    Raises:
        FileNotFoundError: If a database or the backbone does not exist.
        FileExistsError: If `out_dir` holds other files.
        ValueError: If `out_dir` holds a run with other settings, or if the clips do not allow the
            experiment, see `experiment.Experiment`.

    References: paper A §IV, tables II to V and VII, figures 5 to 9.
    """
    out_dir, fixed, clips = Path(out_dir), backbones.load_backbone(backbone), {}
    texts = []
    for letter, database in (("a", a), ("b", b)):
        crops_dir, size = out_dir / f"crops_{letter}", fixed.input_shape[1]
        division = database.parts(crops_dir, size, log)
        clips[f"{letter}_train"], clips[f"{letter}_test"] = division.training, division.test
        what = f"the test clips of {letter.upper()}"
        warning = seen.warning(backbone, database.name, division.test, what)
        texts += [f"{letter.upper()}: {division.text}", *filter(None, [warning])]
    for text in texts:
        log(text)
    run = experiment.Experiment(clips, fixed, out_dir, settings)
    log(f"Classes: {', '.join(run.names)}. Frames of other classes, left out: {run.left_out}")
    run.run(log)
    tables = report.write_report(run, texts)
    log(tables["table2_accuracy"].to_string(index=False, float_format="%.3f"))
    log(f"Report: {out_dir / 'report.md'}")
    return tables
