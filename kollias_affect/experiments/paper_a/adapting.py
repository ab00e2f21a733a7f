"""Paper A's experiment from two databases on disk to the report; the command `adapt` calls it."""

import dataclasses
from pathlib import Path

import pandas as pd

from kollias_affect import _checks, _files, weights
from kollias_affect._texts import count, printable
from kollias_affect.datasets import sampling
from kollias_affect.evaluation.tables import markdown, write_table
from kollias_affect.experiments import seen
from kollias_affect.experiments.paper_a import backbone as backbones
from kollias_affect.experiments.paper_a import blocks, experiment, report
from kollias_affect.experiments.paper_a import texts as descriptions
from kollias_affect.experiments.paper_a.settings import Settings
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
            subjects each, see `sampling.stratified_split` and, for valence and arousal,
            `sampling.person_folds`. With the paper's protocol both names are the same; default:
            the complete database.
        crop: Whether the images are complete pictures, from which `faces.paper_d_crops` cuts the
            faces.
        options: Dict of options of the database's loader.
    """

    name: str
    root: str
    splits: tuple | None = None
    crop: bool = False
    options: dict = dataclasses.field(default_factory=dict)

    def whole(self, crops_dir, size, log=print):
        """Loads the clips that a network is trained on and scored on in the paper's protocol.

        Args:
            crops_dir, size, log: See `parts`.

        Returns:
            `(clips, text)`: list of `Clip`, and a line that says what they are.

        Raises:
            ValueError: If `splits` names two parts.
        """
        split, test = self.splits or (None, None)
        if split != test:
            raise ValueError(
                "With the protocol 'paper' a network is scored on what it is trained on. Received "
                f"for {self.name}: {split} and {test}. Name the same part twice, or use the "
                "protocol 'held-out'."
            )
        source = Source(self.name, self.root, split or "all", crop=self.crop, options=self.options)
        clips, text = source.load_scored(crops_dir, size, log)
        return clips, text

    def parts(self, crops_dir, size, log=print, task="expression"):
        """Loads the clips for the held-out protocol.

        Args:
            crops_dir: Folder of the crops, used if `crop` is set.
            size: Side of the crops in pixels.
            log: Function that is called with a line of text for every set of cropped clips.
            task: Task whose labels the clips have.

        Returns:
            `datasets.Division` without a validation part: nothing is chosen on it.
        """
        split, test = self.splits or (None, None)
        if (split, test) == ("all", "all"):
            test = None
        source = Source(
            self.name, self.root, split, test=test, crop=self.crop, options=self.options
        )
        draw = _DRAWN[task]
        return source.divide(
            ("training", "test"), crops_dir, size=size, log=log, share=0.5, draw=draw
        )


def _halves(clips, share, seed):
    """Returns halves by subject with similar shares of the classes; `share` is not used."""
    return sampling.stratified_split([clip for clip in clips if clip.valid.any()], seed=seed)


def _halves_by_frames(clips, share, seed):
    """Returns halves by subject with similar numbers of frames; `share` is not used."""
    return sampling.person_folds([clip for clip in clips if clip.valid.any()], 2, seed)[0]


_DRAWN = {"expression": _halves, "valence_arousal": _halves_by_frames}


def adapt(
    a, b, backbone, out_dir, settings=None, log=print, network=None, alternate=False, rounds=10
):
    """Runs paper A's experiment on two databases or more, and writes its report.

    An interrupted call resumes if it is repeated with the same arguments.

    Args:
        a: `Database` on which NetA is trained.
        b: `Database` on which NetB is trained; or a list of them, one for each facet of NetA
            (figure 3).
        backbone: Model whose convolutions are the fixed backbone: a path, or a name in
            `weights.list_pretrained`. `None` if `network` is given.
        out_dir: Folder of the run. `out_dir/report.md` holds the tables and figures. With several
            databases B, every facet has a folder in it, and `out_dir/facets.md` compares them.
        settings: `Settings`. Default: `Settings()`.
        log: Function that is called with a line of text after every step.
        network: CNN-RNN of the package, trained for any task, that NetA and NetB start from: a
            path, or a name in `weights.list_pretrained`. Its CNN is the fixed backbone, and its
            output layer is replaced.
        alternate: Whether NetA and NetB also adapt to each other in turn (§V), from λ = 1 and for
            the smallest λ; `out_dir/block_form.md` holds the result.
        rounds: Maximum number of rounds of that.

    Returns:
        Dict from the name of a table to `pandas.DataFrame`, see `report.write_report`; for several
        databases B a dict from the name of a facet to such a dict.

    Raises:
        FileNotFoundError: If a database or a model does not exist.
        FileExistsError: If `out_dir` holds other files.
        ValueError: If `out_dir` holds a run with other settings, or if the clips do not allow the
            experiment, see `experiment.Experiment`.

    References: paper A §IV, tables II to V and VII, figures 3 and 5 to 9, §V.
    """
    if (backbone is None) == (network is None):
        raise ValueError(
            "The fixed CNN is that of one model. Received: backbone="
            f"{backbone} and network={network}. Give one of them."
        )
    settings, out_dir = settings or Settings(), Path(out_dir)
    several = not isinstance(b, Database)
    names = facet_names(b) if several else [None]
    for name in names:
        experiment.check_folder(out_dir / (name or ""), settings, network is not None)
    if network is not None:
        fixed, start = backbones.load_network(network)
    else:
        fixed, start = backbones.load_backbone(backbone), None
    model, results, runs = backbone or network, {}, {}
    for name, database in zip(names, b if several else [b], strict=True):
        folder = out_dir / name if several else out_dir
        crops = {"a": out_dir / "crops_a", "b": folder / "crops_b"}
        clips, texts = _clips(a, database, settings, model, crops, fixed.input_shape[1], log)
        run = experiment.Experiment(clips, fixed, folder, settings, start)
        texts += [_model_text(model, start), _used(run)]
        for text in [*texts, *(f"{line}." for line in descriptions.classes(run))]:
            log(text)
        networks = count(1 + len(run.cells()), "network")
        each = f"{networks}, {count(run.settings.steps, 'batch', 'batches')} each"
        log(f"Plan: NetB, and NetA for every lambda and seed: {each}.")
        run.run(log)
        results[name] = report.write_report(run, texts)
        log(results[name]["table2_accuracy"].to_string(index=False, float_format="%.3f"))
        if alternate:
            blocks.write(run, rounds, log)
        log(f"Report: {printable(folder / 'report.md')}")
        runs[name] = run
    if not several:
        return results[None]
    _write_facets(runs, out_dir)
    log(f"Facets: {printable(out_dir / 'facets.md')}")
    return results


def facet_names(databases):
    """Returns a name for each database: its own, with a number where it occurs again."""
    names = []
    for database in databases:
        same = sum(name.split("-")[0] == database.name for name in names)
        names.append(f"{database.name}-{same + 1}" if same else database.name)
    return names


def _clips(a, b, settings, model, crops, size, log):
    """Loads the clips of an experiment, and says what they are."""
    clips, texts = {}, []
    for letter, database in (("a", a), ("b", b)):
        name, crops_dir = letter.upper(), crops[letter]
        if settings.protocol == "paper":
            scored, text = database.whole(crops_dir, size, log)
            clips[f"{letter}_train"] = clips[f"{letter}_test"] = scored
            text = f"trained on and scored on: {text}"
        else:
            division = database.parts(crops_dir, size, log, settings.task)
            clips[f"{letter}_train"], clips[f"{letter}_test"] = division.training, division.test
            scored, text = division.test, division.text
        warning = seen.warning(model, database.name, scored, f"the test clips of {name}")
        texts += [f"{name}: {text}", *filter(None, [warning])]
    return clips, texts


def _model_text(model, start):
    """Says which file the fixed CNN is from."""
    path = weights.model_file(model)
    what = "Fixed CNN" if start is None else "Network that NetA and NetB start from"
    return f"{what}: {Path(path).name}, sha256 {_files.sha256(path)[:12]}."


def _used(run):
    """Says what is used, of which the data give the defaults."""
    videos = any(len(clip) > 1 for part in run.parts.values() for clip in part.clips)
    settings = run.settings
    units = "" if run.start is not None else f", {settings.hidden_units:,} units"
    return (
        f"The data are {'videos' if videos else 'single images'}: "
        f"{count(settings.length, 'frame')} per window, "
        f"{count(settings.batch_size, 'window')} per batch{units}."
    )


def _write_facets(runs, out_dir):
    """Writes the comparison of the facets of NetA (figure 3)."""
    rows = []
    for name, run in runs.items():
        table = report.accuracies(run).set_index("lambda")
        for lam in dict.fromkeys(run.settings.extreme_lambdas):
            by = report.predictor_of(lam)
            row = {"B": name, "lambda": f"{lam:g}", "by": by, "classes": len(run.names)}
            for letter in "AB":
                row[f"accuracy on {letter}"] = table.loc[f"{lam:g}", f"{letter} by {by}"]
                row[f"{letter}, std"] = table.loc[f"{lam:g}", f"{letter} by {by}, std"]
            rows.append(row)
    frame = pd.DataFrame(rows)
    _checks.writable_folder("out_dir", out_dir)
    write_table(frame, out_dir / "facets", index=False)
    lines = [
        "# Facets of NetA (paper A, figure 3)",
        "",
        "One NetA for each database B, trained on the same clips of A. Each folder has its own "
        "report. Facets with other classes cannot be compared with each other.",
        "",
        markdown(frame, False),
    ]
    with _files.atomic(out_dir / "facets.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
