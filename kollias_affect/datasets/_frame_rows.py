"""The rows of a table of frames, collected table by table, and the clips in them.

Ten million rows fit into memory as arrays, but not as texts: paths are kept as codes of their
folders and as bytes.
"""

import array
import os
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import shards
from kollias_affect.clip import Clip
from kollias_affect.datasets import _frame_columns as columns
from kollias_affect.datasets import _reading

_TEXTS = ("subject", "gender")


class FrameRows:
    """Rows of a csv of frames.

    Args:
        path: Csv file, for messages and for frames without a folder.
        folder: Folder that the paths of images start from.
    """

    def __init__(self, path, folder):
        self._path = path
        self._root = Path(os.path.abspath(folder))
        self._normalize = _reading.path_normalizer(self._root)
        self._folders, self._keys = _Codes(), _Codes()
        self._written = {}  # from a folder as it is written to its code
        self._texts = {name: _Codes() for name in _TEXTS}
        self._columns = {}
        self._count = 0

    def add(self, table):
        """Adds the rows of a table, whose index continues that of the table before.

        Raises:
            ValueError: If a row breaks the format.
        """
        path = self._path
        folders, names = self._split(table["image"].tolist())
        arrays = {
            "key": self._key_codes(table, folders),
            "folder": folders,
            "name": names,
            "times": columns.numbers(table, ["time"], path)[:, 0] if "time" in table else None,
            "valence_arousal": columns.valence_arousal(table, path),
            "expression": columns.expression(table, path),
            "action_units": columns.action_units(table, path),
            "valid": columns.valid(table, path),
        }
        unlabelled = columns.without_affect(arrays["valence_arousal"], table)
        if unlabelled.any() or "valid" in self._columns:
            given = arrays["valid"]
            arrays["valid"] = ~unlabelled if given is None else given & ~unlabelled
        if columns.LANDMARKS[0] in table:
            arrays["landmarks"] = columns.landmarks(table, path)
        if "person_known" in table:
            arrays["person_known"] = columns.numbers(table, ["person_known"], path)[:, 0]
        for name in _TEXTS:
            if name in table:
                arrays[name] = self._texts[name].of(table[name])
        for name, values in arrays.items():
            if values is not None:
                # Earlier tables lack the column `valid` if no frame of them lacked a label.
                before = [np.ones(self._count, bool)] if self._count else []
                column = self._columns.setdefault(name, _Column(before if name == "valid" else []))
                column.add(_compact(name, values))
        self._count += len(table)

    def clips(self):
        """Returns the clips, sorted by key.

        Raises:
            FileNotFoundError: If an image is missing.
            ValueError: If labels break a rule of `Clip`.
        """
        starts = self._starts()
        groups = self._columns["key"].groups()
        keys = {self._keys.texts[code]: rows for code, rows in groups}
        return [self._clip(key, keys[key], starts) for key in sorted(keys)]

    def _split(self, images):
        """Returns the codes of the folders of images, -1 without one, and their names."""
        written, folders, names = self._written, array.array("i"), []
        for image in images:
            folder, slash, name = image.rpartition("/")
            code = written.get(folder + slash) if "\\" not in image else None
            if not image:
                code = -1
            elif code is None or name in ("", ".", ".."):
                folder, slash, name = self._normalize(image).rpartition("/")
                code = self._folders.code(folder)
                if image.endswith(f"/{name}") or image == name:
                    written[image[: len(image) - len(name)]] = code
            folders.append(code)
            names.append(name)
        return np.frombuffer(folders, np.int32).copy(), _bytes_of(names)

    def _key_codes(self, table, folders):
        if "clip" in table:
            return self._keys_that_exist(table["clip"])
        stem = self._keys.code(self._path.stem)
        of_folder = [self._keys.code(f) if f else stem for f in self._folders.texts]
        codes = np.array([*of_folder, -1], np.int32)[folders]
        self._refuse_without_key(codes < 0)
        return codes

    def _keys_that_exist(self, keys):
        self._refuse_without_key((keys == "").to_numpy())
        return self._keys.of(keys)

    def _refuse_without_key(self, missing):
        if missing.any():
            row = self._count + int(np.flatnonzero(missing)[0])
            raise ValueError(
                "Every row must belong to a clip, named by the column `clip` or by the folder of "
                f"the image. Received: row {row + 1} of {self._path} without either. Add the name, "
                "or leave the row out."
            )

    def _starts(self):
        """Returns what the paths of each folder start with; each folder is listed once.

        Raises:
            FileNotFoundError: If an image does not exist.
        """
        starts = [None] * len(self._folders.texts)
        for code, rows in self._columns["folder"].groups():
            if code < 0:
                continue
            folder = self._folders.texts[code]
            starts[code] = shards.in_tree(self._root, folder)
            names = self._columns["name"].take(rows)
            found = starts[code] is not None and shards.find_pictures(starts[code], names)
            missing = names[~np.broadcast_to(found, len(names))]
            if len(missing):
                image = f"{folder}/{os.fsdecode(bytes(missing[0]))}".lstrip("/")
                raise FileNotFoundError(
                    f"Every image named in {self._path} must exist. Received: {image}, which is "
                    f"not in {starts[code] or self._root / folder} ({len(missing)} missing there). "
                    "Extract the frames first, or name with `images` the folder that the paths "
                    "start from."
                )
        return starts

    def _clip(self, key, rows, starts):
        fields = {name: column.take(rows) for name, column in self._columns.items()}
        del fields["key"]
        paths = _paths(fields.pop("folder"), fields.pop("name"), starts)
        fields.update(columns.without_empty_labels(fields))
        if "times" in fields and np.isnan(fields["times"]).all():
            del fields["times"]
        # A clip with images and no landmarks was written without them, beside clips that have some.
        no_landmarks = "landmarks" in fields and np.isnan(fields["landmarks"]).all()
        if no_landmarks and paths.has_image.any():
            del fields["landmarks"]
        for name in _TEXTS:
            if name in fields:
                values = (self._texts[name].texts[code] for code in np.unique(fields[name]))
                fields[name] = columns.one_of_clip(name, values, self._path)
        if "person_known" in fields:
            known = fields.pop("person_known")[0]
            fields["names_person"] = None if np.isnan(known) else bool(known > 0)
        try:
            return Clip(key, paths, **fields)
        except ValueError as error:
            raise ValueError(
                f"{error} Its first row is row {rows[0] + 1} of {self._path}."
            ) from error


def _paths(folders, names, starts):
    """Returns the paths of a clip; frames without an image have the folder -1 and no name."""
    used = np.unique(folders[folders >= 0])
    if len(used) <= 1:
        return shards.FramePaths(starts[used[0]] if len(used) else "", names)
    parts = zip(folders.tolist(), names.tolist(), strict=True)
    return shards.common_paths([starts[c] + os.fsdecode(n) if c >= 0 else "" for c, n in parts])


def _bytes_of(names):
    """Returns names as an array of bytes."""
    text = "\n".join(names).encode("utf-8", "surrogateescape").split(b"\n")
    if len(text) != len(names):  # a name has a line end
        text = [os.fsencode(name) for name in names]
    return np.array(text, np.bytes_)


def _compact(name, values):
    """Returns a column in the smallest type of its values."""
    kinds = {"expression": np.int8, "valence_arousal": np.float32, "action_units": np.float32}
    return values.astype(kinds[name]) if name in kinds else values


class _Codes:
    """Different texts, each with a number."""

    def __init__(self):
        self.texts = []
        self._codes = {}

    def code(self, text):
        """Returns the number of a text."""
        code = self._codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def of(self, values):
        """Returns the numbers of a column of texts."""
        codes, texts = pd.factorize(values)
        return np.array([self.code(text) for text in texts], np.int32)[codes]


class _Column:
    """A column in parts, which are never joined."""

    def __init__(self, parts):
        self._parts = parts

    def add(self, values):
        """Adds the next rows."""
        self._parts.append(values)

    def take(self, rows):
        """Returns some rows, whose positions ascend."""
        ends = np.cumsum([len(part) for part in self._parts])
        cuts = np.searchsorted(rows, ends)
        taken, start = [], 0
        for part, end, cut in zip(self._parts, ends, cuts, strict=True):
            inside = rows[start:cut] - (end - len(part))
            if len(inside):
                neighbours = inside[-1] - inside[0] == len(inside) - 1
                taken.append(part[inside[0] : inside[-1] + 1] if neighbours else part[inside])
            start = cut
        return taken[0] if len(taken) == 1 else np.concatenate(taken)

    def groups(self):
        """Yields `(value, rows)` for each value of a column of integers."""
        values = np.concatenate(self._parts)
        order = np.argsort(values, kind="stable")
        ends = np.flatnonzero(np.diff(values[order])) + 1
        for start, end in zip([0, *ends], [*ends, len(order)], strict=True):
            yield int(values[order[start]]), order[start:end]
