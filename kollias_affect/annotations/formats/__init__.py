"""Files of traces: what `annotations export` writes and `annotations import` reads.

| format | a file holds | read | written |
|---|---|---|---|
| `csv` | all recordings, a row per sample | yes | yes |
| `affwild2` | valence and arousal of one person, a row per frame | yes | yes |
| `afew_va` | valence and arousal of one person, JSON | yes | yes |
| `frames_csv` | time, valence, arousal and validity of one person, a row per frame | yes | yes |
| `carma`, `darma` | a rating along one axis, or two, in bins | yes | |
| `annemo` | all ratings of one annotator, whenever the slider moved | yes | |
"""

from kollias_affect import _checks, _untrusted
from kollias_affect.annotations.formats import frames, long_table, tools

READERS = {
    "csv": long_table.read,
    "affwild2": frames.read_affwild2,
    "afew_va": frames.read_afew_va,
    "frames_csv": frames.read_frames_csv,
    "carma": tools.read_carma,
    "darma": tools.read_darma,
    "annemo": tools.read_annemo,
}
WRITERS = {
    "csv": long_table.write,
    "affwild2": frames.write_affwild2,
    "afew_va": frames.write_afew_va,
    "frames_csv": frames.write_frames_csv,
}


def read(path, name, defaults, frame_times):
    """Reads the recordings of a file.

    Args:
        path: The file.
        name: Format, one of `READERS`.
        defaults: Dict of `video`, `person`, `annotator` and `dimension` for what the file does not
            say; `None` where it must say it.
        frame_times: Function from the file name of a video to the time stamps of its frames.

    Returns:
        List of `Recording`.

    Raises:
        OSError, ValueError: If the file cannot be read or breaks its format.
    """
    reader = READERS[_checks.one_of("format", name, READERS)]
    path = _checks.existing_file("file", path)
    remedy = "Choose another --format, or copy the file again."
    with _untrusted.reading(f"A file of annotations must be {name}", path, remedy):
        return reader(path, defaults, frame_times)


def write(recordings, folder, name, frame_times):
    """Writes recordings to files.

    Args:
        recordings: List of `Recording`.
        folder: Folder of the files.
        name: Format, one of `WRITERS`.
        frame_times: Function from the file name of a video to the time stamps of its frames.

    Returns:
        List of the paths that were written.
    """
    writer = WRITERS[_checks.one_of("format", name, WRITERS)]
    return writer(recordings, _checks.writable_folder("out", folder), frame_times)
