"""The published outputs of one video: their names, their marker, and their removal.

`<video>.json`, written last, marks a finished video. `publication.json` in the folder of the
unfinished run lists the people whose files are on their way in or out, so that a killed process
leaves no file of unknown origin.
"""

import os
import re

from kollias_affect import _files, _runs, _untrusted
from kollias_affect.faces.person_files import write_landmarks, write_table

# Settings that are not recorded at these values.
UNRECORDED = {"detect_every": 1, "table": 1}
_MARKER_NAMES = {"settings", "versions", "people", "broken"}
_LATER_NAMES = {"notes"}  # which markers of earlier versions lack


class Publication:
    """What an extraction publishes in its output folder.

    Args:
        out_dir: Output folder.
        name: Name of the video without its ending.
        folder: Folder of the unfinished run, on the same file system.
    """

    def __init__(self, out_dir, name, folder):
        self.out_dir = out_dir
        self.name = name
        self.folder = folder
        self.marker = out_dir / f"{name}.json"
        self._record = folder / "publication.json"

    @property
    def started(self):
        """Whether files of the people may have been published or removed."""
        return self._record.exists()

    def summary(self):
        """Returns the content of the marker.

        Raises:
            ValueError: If the file was not written by an extraction of this video.
        """
        try:
            content = {"notes": [], **_untrusted.read_json(self.marker)}
            # The names become paths: only names that an extraction of this video gives are safe.
            names = _MARKER_NAMES | _LATER_NAMES
            valid = set(content) == names and all(map(self._is_name, content["people"]))
        except (ValueError, TypeError):
            valid = False
        if not valid:
            raise ValueError(
                f"The outputs of {self.name} need a file {self.marker}. It exists and was not "
                "written by an extraction. Move it away, or choose another output folder."
            )
        return content

    def matches(self, settings):
        """Returns whether the video is finished with these settings.

        Raises:
            ValueError: If it is finished with other settings.
        """
        if not self.marker.exists():
            return False
        before, now = ({**UNRECORDED, **s} for s in (self.summary()["settings"], settings))
        changed = _runs.differences(before, now)
        if changed:
            raise ValueError(
                f"A folder holds one extraction per video name. Received: {self.marker}, which "
                f"differs in {', '.join(changed)}. Choose another output folder, or overwrite "
                "this one."
            )
        return True

    def refuse_foreign(self, people):
        """Raises `FileExistsError` if an output would replace a file of unknown origin."""
        for person in people:
            for path in self._outputs(person):
                if path.exists():
                    raise FileExistsError(
                        f"The outputs of {self.name} need the name {path}. It exists already and "
                        "is not from an extraction of this video. Move it away, or choose another "
                        "output folder."
                    )

    def start(self, people):
        """Records that the files of these people are from an extraction of this video."""
        _files.write_json(self._record, {"people": list(people)})

    def add_crops(self, person, source):
        """Moves the crops of a person out.

        Args:
            person: Name of the person.
            source: Folder of the crops; `None` if no face was found.
        """
        target = self._outputs(person)[0]
        if source is None:
            target.mkdir(exist_ok=True)
        elif source.exists():  # Otherwise a run moved it and was killed right after.
            source.rename(target)

    def add_files(self, person, video, entries, sizes=False):
        """Writes the table and the landmarks of a person.

        Args:
            person: Name of the person.
            video: File name of the video.
            entries: Function that returns what `FrameJournal.entries` returns.
            sizes: Whether the table has the size of every frame.
        """
        _, table, landmarks = self._outputs(person)
        staged = self.folder / "table.csv"
        frames = write_table(staged, video, entries(), sizes)
        os.replace(staged, table)
        staged = self.folder / "landmarks.npz"
        write_landmarks(staged, frames, entries)
        os.replace(staged, landmarks)

    def finish(self, summary):
        """Writes the marker."""
        staged = self.folder / self.marker.name
        _files.write_json(staged, summary)
        os.replace(staged, self.marker)

    def withdraw(self):
        """Removes what an earlier run published, in an order that a kill cannot spoil."""
        if self.marker.exists():
            people = self.summary()["people"]
            self.start(people)
            self.marker.unlink()
        else:
            people = _untrusted.read_json(self._record)["people"]
        for person in people:
            self._remove(person)
        self._record.unlink()

    def _remove(self, person):
        """Removes the outputs of a person; other files beside the crops stay."""
        folder, *files = self._outputs(person)
        for path in files:
            path.unlink(missing_ok=True)
        if folder.is_dir():
            for image in folder.iterdir():
                if re.fullmatch(r"\d{5,}\.jpg", image.name):
                    image.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def _outputs(self, person):
        return [self.out_dir / f"{person}{suffix}" for suffix in ("", ".csv", ".npz")]

    def _is_name(self, name):
        return re.fullmatch(re.escape(self.name) + r"(_left|_right|_face\d+)?", name) is not None
