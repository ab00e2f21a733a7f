"""The commands `annotations list`, `export`, `import`, `agree` and `label`."""

from pathlib import Path

import click

from kollias_affect._texts import count, printable
from kollias_affect.cli import options as shared
from kollias_affect.cli._terminal import echo, echo_lines


def _lag(context, parameter, value):
    """Seconds, `"estimate"` or `None`."""
    if value in (None, "estimate"):
        return value
    try:
        return float(value)
    except ValueError:
        message = f"it must be a number of seconds, or estimate. Received: {value}."
        raise click.BadParameter(message) from None


STORE = click.argument("store", type=shared.EXISTING)
FORMATS = ("csv", "affwild2", "afew_va", "frames_csv")
_states_option = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["open", "finished", "accepted", "replaced"]),
    help="State of the recordings; may be given several times.  [default: finished and accepted]",
)
_lag_option = click.option(
    "--lag",
    callback=_lag,
    metavar="SECONDS|estimate",
    help="Correct the delay of annotators: by these seconds, or as estimated for each of them.",
)


@click.group()
def annotations():
    """What follows `annotate`: STORE is the folder of its annotations."""


def _open(path, read_only=True):
    from kollias_affect.annotations.store import Store

    return Store(path, read_only=read_only)


def _recordings(store, states):
    from kollias_affect.annotations import recordings

    found = recordings.load(store, states or recordings.DONE)
    if not found:
        raise ValueError(
            f"The store must have finished recordings. Received: {store.folder} without any in "
            f"the state {' or '.join(states or recordings.DONE)}. Choose a --state, or finish the "
            "recordings in the tool."
        )
    return found


def _frame_times(store, paths=()):
    """Function from the name of a video to the time stamps of its frames."""
    from kollias_affect.faces.video import Video

    files = {video["name"]: Path(video["path"]) for video in store.videos.all()}
    files |= {path.name: path for path in paths}
    stems = {Path(name).stem: path for name, path in files.items()}
    cache = {}

    def times(name):
        if name not in cache:
            path = files.get(name) or stems.get(Path(name).stem)
            if path is None:
                raise ValueError(
                    f"The frames of a video must be known. Received: {name}, which is not in the "
                    "store. Name the file with --video."
                )
            cache[name] = [frame.time for frame in Video(path, skip=1 << 60)]
        return cache[name]

    return times


@annotations.command("list")
@STORE
def list_(store):
    """Lists all recordings of STORE, with what their quality lacks."""
    from tabulate import tabulate

    with _open(store) as opened:
        videos = {video["id"]: video for video in opened.videos.all()}
        rows = [_row(take, videos[take["video"]]) for take in opened.takes.list()]
    echo_lines(tabulate(rows, headers="keys") if rows else "No recordings yet.")


def _row(take, video):
    found = take["quality"] or {}
    notes = [
        text
        for text, is_true in (
            ("practice", take["practice"]),
            (f"starts at {found.get('late_start', 0):.1f} s", found.get("late_start", 0) > 0.5),
            (count(len(found.get("gaps", ())), "gap"), found.get("gaps")),
            (
                count(len(found.get("constant", ())), "constant stretch", "constant stretches"),
                found.get("constant"),
            ),
            (
                f"{count(found.get('dropped', 0), 'frame')} dropped",
                found.get("dropped_share", 0) > 0.02,
            ),
        )
        if is_true
    ]
    return {
        "video": printable(video["name"]), "person": printable(take["person_label"]),
        "dimension": take["dimension"], "annotator": printable(take["name"]),
        "mode": take["mode"], "state": take["state"], "samples": take["samples"],
        "covered": f"{found['covered']:.0%}" if found else "",
        "notes": ", ".join(notes),
    }  # fmt: skip


@annotations.command()
@STORE
@shared.out_option("Folder of the files.")
@click.option("--format", "name", type=click.Choice(FORMATS), default="csv", show_default=True)
@_states_option
def export(store, out, name, states):
    """Writes the recordings of STORE as files."""
    from kollias_affect.annotations import formats

    with _open(store) as opened:
        found = _recordings(opened, states)
        paths = formats.write(found, out, name, _frame_times(opened))
    for path in paths:
        echo(path)
    echo(f"{count(len(found), 'recording')}, {count(len(paths), 'file')}.")


@annotations.command("import")
@click.argument("files", nargs=-1, required=True, type=shared.EXISTING)
@shared.out_option("Folder of the store; it is made if it is missing.")
@click.option(
    "--format",
    "name",
    type=click.Choice([*FORMATS, "carma", "darma", "annemo"]),
    default="csv",
    show_default=True,
)
@click.option(
    "--video", "videos", multiple=True, type=shared.EXISTING,
    help="The video that is annotated, or several; needed for videos that the store lacks.",
)  # fmt: skip
@click.option("--annotator", help="Who annotated, if the files do not say it.")
@click.option("--person", default="1", show_default=True, help="Who is annotated.")
@click.option("--dimension", type=click.Choice(["valence", "arousal"]), help="If it is not said.")
def import_(files, out, name, videos, annotator, person, dimension):
    """Adds recordings in FILES to a store. What is there already is not added again."""
    from kollias_affect.annotations import formats, recordings
    from kollias_affect.annotations import videos as video_files

    with _open(out, read_only=False) as opened:
        added, _ = video_files.register(opened, videos, play=False)
        times = _frame_times(opened, videos)
        defaults = {"video": added[0]["name"] if len(added) == 1 else None, "person": person,
                    "annotator": annotator, "dimension": dimension}  # fmt: skip
        found = [(path, r) for path in files for r in formats.read(path, name, defaults, times)]
        places = [_video_of(opened, r) for _, r in found]  # before anything is stored
        new = [
            recordings.save(opened, r, video, {"kind": "import", "format": name, "file": path.name})
            for (path, r), video in zip(found, places, strict=True)
        ]
    echo(f"{count(sum(new), 'recording')} added, {len(new) - sum(new):,} there already.")


def _video_of(store, recording):
    known = store.videos.all()
    same = [v for v in known if v["name"] == recording.video]
    same = same or [v for v in known if Path(v["name"]).stem == Path(recording.video).stem]
    if len(same) != 1:
        raise ValueError(
            "A recording must belong to one video of the store. Received: a recording of "
            f"{recording.video}; the store has {len(same)} such videos. Name the file with --video."
        )
    return same[0]


@annotations.command()
@STORE
@shared.out_option("Folder of the tables and pictures.")
@click.option("--icc", "form", default="ICC(2,1)", show_default=True, help="Form of the ICC.")
@_lag_option
@_states_option
@shared.excel_safe_option
def agree(store, out, form, lag, states, excel_safe):
    """Measures how far the annotators of STORE agree, per video and over all.

    Writes tracks.csv, pairs.csv and, for each video, person and dimension with several annotators,
    a picture of their traces (paper C, figure 9).
    """
    from kollias_affect import _checks
    from kollias_affect.annotations import comparison, tables

    with _open(store) as opened:
        found = comparison.compare(_recordings(opened, states), form, lag)
    out = _checks.writable_folder("out", out)
    tables.write(found.tracks, out / "tracks.csv", excel_safe)
    tables.write(found.pairs, out / "pairs.csv", excel_safe)
    for track, sampled in found.traces.items():
        _draw(out, track, sampled, found.tracks)
    columns = ["video", "person", "dimension", "annotators", "correlation", "ccc", "icc", "alpha"]
    echo_lines(found.tracks[columns].round(3).to_string(index=False))
    echo(f"icc: {form}. Tables and pictures: {out}")


def _draw(out, track, sampled, table):
    from kollias_affect.annotations.formats import parts
    from kollias_affect.evaluation import plots

    shared_frames = sampled.shared
    if len(sampled.annotators) < 2 or shared_frames.sum() < 2:
        return
    names = ("video", "person", "dimension")
    rows = (table[list(names)] == list(track)).all(axis=1)
    kept = table.loc[rows, "kept"].iloc[0].split(" ")
    plots.draw_annotators(
        out / f"{parts.file_name(*track)}.png",
        sampled.times[shared_frames],
        sampled.values[:, shared_frames],
        [i for i, name in enumerate(sampled.annotators) if name in kept],
        sampled.annotators,
        track[2],
        f"{track[0]}, person {track[1]}",
    )


@annotations.command()
@STORE
@click.option("--crops", required=True, type=shared.EXISTING, help="Folder of `extract`.")
@click.option(
    "--choice",
    type=click.Choice(["experts_or_agree", "experts", "agree", "all"]),
    default="experts_or_agree",
    show_default=True,
    help="Whose mean is the label.",
)
@_lag_option
@_states_option
def label(store, crops, choice, lag, states):
    """Writes CROPS/frames.csv: extracted faces with the mean of the annotators that agree.

    Clips that the file lists already stay in it; those with new labels are replaced.
    Beside it, annotations_recordings.csv and annotations_frames.csv say what became of every
    recording and of every frame.
    """
    from kollias_affect.annotations import labelling, tables
    from kollias_affect.datasets import frames_csv

    states = states or ("finished", "accepted")
    with _open(store) as opened:
        done = labelling.label(opened, crops, choice, lag=lag, states=states)
    usable = [clip for clip in done.clips if clip.valid.any()]
    if not usable:
        raise ValueError(
            "At least one extracted person must have valence and arousal. Received: "
            f"{_problems(done.frames)}. Extract the videos into {crops}, or finish both dimensions."
        )
    path = crops / frames_csv.LABEL_LIST
    listed = {clip.key: clip for clip in (frames_csv.load(path) if path.exists() else ())}
    frames_csv.write(list({**listed, **{clip.key: clip for clip in usable}}.values()), path)
    tables.write(done.recordings, crops / "annotations_recordings.csv")
    tables.write(done.frames, crops / "annotations_frames.csv")
    echo_lines(done.frames.to_string(index=False))
    unused = done.recordings[~done.recordings["used"]]
    for reason, rows in unused.groupby("reason"):
        echo(f"{count(len(rows), 'recording')} not used: {reason}")
    echo(f"{path}: {count(len(usable), 'clip')} with labels.")


def _problems(frames):
    if not len(frames):
        return "no finished recording"
    return "; ".join(
        f"{row.video}, person {row.person}: {row.problem}" for row in frames.itertuples()
    )
