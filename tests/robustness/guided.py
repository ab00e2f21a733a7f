"""Damaged files that coverage guides (Atheris, libFuzzer), for the readers of one kind of file.

Inputs that reach new code are damaged further. Whole files are the start. Each input ends as in
`fuzz.py`: read, or a clear error that names the file.

    python tests/robustness/guided.py image --runs 10000 --seed 1
    python tests/robustness/guided.py image --input crash-0123  # one input again
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve()
# Readers, by the kind of file.
TARGETS = {
    "image": "image",
    "csv": "frames_csv",
    "labels": "images_csv",
    "npy": "weights_npy",
    "cache": "feature_cache",
    "tar": "archive",
    "checkpoint": "tf1_checkpoint",
}
_LARGEST = 2**16  # bytes of an input
SECONDS = 60  # for an input, on a busy machine
MEGABYTES = 4096


class Target:
    """A reader, and where an input is written before it reads.

    The first byte of an input says which of the whole files the others replace.

    Args:
        kind: Name in `TARGETS`.
        folder: `Path` of an empty folder.
    """

    def __init__(self, kind, folder):
        import fuzz
        from readers import READERS

        self.reader, self._fuzz = READERS[TARGETS[kind]], fuzz
        self.whole, self.place = folder / TARGETS[kind], folder / "place"
        self.whole.mkdir(parents=True)
        self.reader.write(self.whole)
        # Pairs of what is copied (all for `None`) and the path of the replaced file in it.
        self.files = [
            (root, path.relative_to(self.whole) if root is None else Path(root.name))
            for root in fuzz._roots(self.whole)
            for path in (sorted(self.whole.rglob("*")) if root is None else [root])
            if path.is_file()
        ]

    def corpus(self):
        """Yields the whole files as inputs."""
        for number, (_, path) in enumerate(self.files):
            content = (self.whole / path).read_bytes()
            if len(content) < _LARGEST:
                yield bytes([number]) + content

    def run(self, data):
        """Reads one input; raises what is neither a success nor a clear error."""
        if not data:
            return "read"
        root, path = self.files[data[0] % len(self.files)]
        shutil.rmtree(self.place, ignore_errors=True)
        self._fuzz._copy(root, self.whole, self.place)
        (self.place / path).write_bytes(data[1:])
        try:
            self.reader.read(self.place)
            return "read"
        except Exception as error:
            outcome, _ = self._fuzz._judged(error, self.place)
            if outcome != "error":
                raise
            return "error"


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="only this input, such as a crash")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.input is not None:
            print(Target(options.kind, Path(folder)).run(options.input.read_bytes()))
            return
        fuzz_with_coverage(options, Path(folder))


def fuzz_with_coverage(options, folder):
    """Hands the process over to libFuzzer, which ends it with an error at the first failure."""
    import atheris

    with atheris.instrument_imports(include=["kollias_affect"]):
        target = Target(options.kind, folder)
        for data in target.corpus():
            target.run(data)  # imports what the reader needs
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(target.corpus()):
        (corpus / str(number)).write_bytes(data)
    arguments = [
        f"-runs={options.runs}",
        f"-seed={options.seed}",
        f"-max_len={_LARGEST}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEGABYTES}",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent), str(HERE.parents[1]), str(HERE.parents[2])]
    main()
