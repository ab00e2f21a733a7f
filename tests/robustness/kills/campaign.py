"""A seeded campaign of kills over every command that resumes.

Each case is a run that is killed up to three times, resumed each time, and at last compared with a
run that nobody killed: byte for byte, models and backups array for array. The processes are
forked from this one, in which all modules are loaded, so that a case takes a second instead of the
start of TensorFlow. Half of the kills hit before a chosen operation on files (an audit hook counts
what is opened for writing, renamed, removed and made), where a run is most fragile; half hit at a
random moment. Commands with workers are killed at random moments only: the process, one of its
workers, or all of them at once. The signal is SIGKILL.

With `--full`, further cases find the disk full: from a chosen operation on, no file can be opened
for writing and no folder made. Such a run ends with the error of a full disk, and resumes when
there is room.

    python tests/robustness/kills/campaign.py --kills 200 --full 40 --seed 1
"""

import argparse
import collections
import contextlib
import errno
import fnmatch
import gc
import importlib
import io
import json
import os
import random
import re
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]

from commands import COMMANDS, load, samples  # noqa: E402

from kollias_affect import _files  # noqa: E402

CHAIN = 3  # kills of a case at most
SECONDS = 3600  # of a run on a busy machine
# In the configuration of a model: memory addresses, and names that Keras numbers in each process.
OF_A_PROCESS = re.compile(r'(?<="shared_object_id": )\d+|"(?:reshape|split|power)(?:_\d+)?"')
TOLD, FULL = 3, 4  # exit codes of runs that ended with an error, or that of a full disk
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OPERATIONS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}


class Case:
    """A folder in which a command runs.

    Args:
        command: `Command`.
        inputs: Folder of its inputs.
        out: Folder of its outputs.
    """

    def __init__(self, command, inputs, out):
        self.command, self.inputs, self.out = command, inputs, out
        out.mkdir()
        self.log = out.with_suffix(".log")

    def start(self, at=None, then=None):
        """Starts the command in a process; returns its number.

        Args:
            at: Number of the operation on files at which something happens. Default: none.
            then: Function of the path that is called from that operation on. Default: the process
                is killed.
        """
        process = os.fork()
        if process:
            return process
        code = TOLD
        try:
            os.setpgid(0, 0)
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            operations = _count_operations(self.out, at, then or _kill_this)
            one_thread()
            self.command.run(self.inputs, self.out)
            self.log.with_suffix(".operations").write_text(str(operations[0]))
            self.log.with_suffix(".modules").write_text("\n".join(sys.modules))
            code = 0
        except BaseException as error:
            traceback.print_exc()
            code = FULL if _files.is_disk_full(error) else TOLD
        finally:
            sys.stderr.flush()
            os._exit(code)

    def finish(self, process, after=None, generator=None):
        """Waits for a process, or kills it after some seconds; returns whether it was killed."""
        ended = os.pidfd_open(process)
        with os.fdopen(ended, "rb", closefd=True):
            in_time, *_ = select.select([ended], [], [], SECONDS if after is None else after)
        if not in_time:
            _kill(process, generator if self.command.workers else None)
        _, status = os.waitpid(process, 0)
        if not in_time and after is None:
            raise TimeoutError(f"a run took more than {SECONDS} s")
        self.code = os.waitstatus_to_exitcode(status)
        return self.code == -signal.SIGKILL

    def content(self):
        """Returns a dict from the name of each output to its content, to compare it."""
        paths = sorted(path for path in self.out.rglob("*") if path.is_file())
        names = {str(path.relative_to(self.out)): path for path in paths}
        ignored = (".lock", "**/.lock", "*-wal", "*-shm", *self.command.ignored)
        return {
            name: content_of(path)
            for name, path in names.items()
            if not any(fnmatch.fnmatch(f"/{name}", p) or fnmatch.fnmatch(name, p) for p in ignored)
        }


def one_thread():
    """Lets TensorFlow use one thread, so that its sums have one order."""
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()


def _load_all(modules):
    """Loads what a run loaded on use, so that the runs that are forked later need not."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _kill_this(path):
    os.kill(os.getpid(), signal.SIGKILL)


def _no_room(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))


def _count_operations(out, at, then):
    """Counts the operations on files in a folder, in a list of one number; see `Case.start`."""
    count, start = [0], os.fspath(out) + os.sep

    def hook(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if not flags or not flags & WRITING:
                return
        elif event in OPERATIONS:
            path = arguments[0]
        else:
            return
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(start):
            count[0] += 1
            takes_room = event in ("open", "os.mkdir") or then is _kill_this
            if at is not None and count[0] >= at and takes_room:
                then(path)

    sys.addaudithook(hook)
    return count


def _kill(process, generator):
    """Kills a process, or one of its workers, or all of them."""
    workers = []
    if generator:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{process}/task/{process}/children").read_text()
            workers = [int(number) for number in children.split()]
    target = generator.choice(("all", "parent", "worker")) if generator else "parent"
    with contextlib.suppress(ProcessLookupError):
        if target == "all":
            os.killpg(process, signal.SIGKILL)
        elif target == "worker" and workers:
            os.kill(generator.choice(workers), signal.SIGKILL)
            time.sleep(0.2)  # The command notices it, and is killed if it does not end.
        os.kill(process, signal.SIGKILL)


def content_of(path):
    """Returns what is compared of a file: its bytes, without times and memory addresses."""
    if path.suffix == ".sqlite":
        return samples(path)
    if path.suffix == ".h5":
        return _of_hdf5(path)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            parts = {n: archive.read(n) for n in archive.namelist() if n != "metadata.json"}
        return {
            n: _of_hdf5(io.BytesIO(part)) if n.endswith(".h5") else _numbered(part.decode())
            for n, part in parts.items()
        }
    return path.read_bytes()


def _of_hdf5(file):
    """Returns a dict from the name of each array to its type, shape and bytes."""
    import h5py

    arrays = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = (str(item.dtype), item.shape, item[()].tobytes())

    with h5py.File(file, "r") as content:
        content.visititems(add)
    return arrays


def _numbered(config):
    """Numbers what is of a process in a configuration in the order in which it stands there.

    A run that resumes leaves out what was finished: Keras has other numbers, and the same model.
    """
    numbers = {}
    return OF_A_PROCESS.sub(lambda match: str(numbers.setdefault(match[0], len(numbers))), config)


def campaign(kills, full=0, seed=0, names=None, report=lambda line: None):
    """Runs a campaign.

    Args:
        kills: Number of kills, shared out equally.
        full: Number of full disks, too.
        seed: Seed of the kills.
        names: Names in `COMMANDS`. Default: all.
        report: Function that is called with a line of text for every command.

    Returns:
        `(counts, losses)`: dict from command to `collections.Counter` of `kills` and `runs`, and
        list of texts about runs that did not end as one that nobody killed.
    """
    names = list(names or COMMANDS)
    for command in names:
        load(COMMANDS[command])
    fillable = [name for name in names if not COMMANDS[name].workers]
    wanted, disks = _shares(kills, names), _shares(full, fillable)
    counts, losses = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            generator = random.Random(f"{seed} {name}")
            start = time.monotonic()
            try:
                one = _Commands(Path(folder) / str(number), name, generator)
                counts[name], lost = one.counts, one.campaign(wanted[name], disks.get(name, 0))
            except RuntimeError as error:  # The other commands are killed all the same.
                counts[name], lost = collections.Counter(lost=1), [f"without a kill, {error}"]
            report(f"{name}: {dict(counts[name])}, {time.monotonic() - start:.0f} s")
            for text in lost:
                report(f"  lost: {text}")
            losses += lost
            shutil.rmtree(Path(folder) / str(number))
    return counts, losses


def _shares(total, names):
    """Returns a dict from each name to its share of a number."""
    return {n: total // len(names) + (i < total % len(names)) for i, n in enumerate(names)}


class _Commands:
    """The cases of one command, beside the run that nobody killed."""

    def __init__(self, folder, name, generator):
        self.folder, self.name, self.generator = folder, name, generator
        self.command = COMMANDS[name]
        self.counts = collections.Counter()
        self.inputs = folder / "inputs"
        self.inputs.mkdir(parents=True)
        self._prepare()
        start = time.monotonic()
        case = self._complete(Case(self.command, self.inputs, folder / "whole"))
        self.seconds = time.monotonic() - start
        self.operations = int(case.log.with_suffix(".operations").read_text())
        _load_all(case.log.with_suffix(".modules").read_text().splitlines())
        gc.collect()
        gc.freeze()  # or every process would copy the memory of this one when it collects
        self.expected = case.content()
        if not self.expected:
            raise ValueError(f"{name} writes nothing")

    def _prepare(self):
        process = os.fork()
        if not process:
            code = TOLD
            try:
                self.command.prepare(self.inputs)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
            raise RuntimeError(f"the inputs of {self.name} cannot be written")

    def _complete(self, case):
        case.finish(case.start())
        if case.code:
            raise RuntimeError(f"{self.name} ends with {case.code}:\n{case.log.read_text()}")
        return case

    def campaign(self, kills, full):
        """Runs cases until there were so many kills and full disks; returns what is lost."""
        losses = []
        while self.counts["kills"] < kills and self.counts["runs"] < 4 * kills + 4:
            losses += self.run(min(CHAIN, kills - self.counts["kills"]))
        return losses + [text for _ in range(full) for text in self.fill()]

    def run(self, chain):
        """Runs a case; returns a list with a text if something is lost."""
        self.counts["runs"] += 1
        case = Case(self.command, self.inputs, self.folder / f"case{self.counts['runs']}")
        history = []
        for _ in range(chain):
            at, after = None, None
            if self.command.workers or self.generator.random() < 0.5:
                after = self.generator.uniform(0, self.seconds)
            else:
                at = self.generator.randint(1, self.operations)
            history.append(f"killed before operation {at}" if at else f"killed after {after:.2f} s")
            if not case.finish(case.start(at), after, self.generator):
                if case.code not in (0, TOLD if self.command.workers else 0):
                    return [self._text(history, f"ends with {case.code}", case)]
                break
            self.counts["kills"] += 1
        return self._compared(history, case)

    def fill(self):
        """Runs a case on a disk that becomes full; returns what `run` does."""
        self.counts["full disks"] += 1
        case = Case(self.command, self.inputs, self.folder / f"full{self.counts['full disks']}")
        at = self.generator.randint(1, self.operations)
        case.finish(case.start(at, _no_room))
        history = [f"full from operation {at} on"]
        if case.code not in (0, FULL):  # 0: nothing took room any more
            return [self._text(history, f"{case.code}:\n{case.log.read_text()}", case)]
        return self._compared(history, case)

    def _compared(self, history, case):
        try:
            self._complete(case)
        except RuntimeError as error:
            return [self._text(history, str(error), case)]
        content = case.content()
        names = sorted(
            n for n in {*content, *self.expected} if content.get(n) != self.expected.get(n)
        )
        if names:
            return [self._text(history, f"differs in {names}", case)]
        shutil.rmtree(case.out)
        return []

    def _text(self, history, what, case):
        self.counts["lost"] += 1
        return f"{self.name}, {', '.join(history)}: {what} ({case.out})"


def main():
    """Runs a campaign, prints the counts; ends with 1 if something is lost or too few kills hit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--full", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", choices=list(COMMANDS))
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # whose sums depend on the machine
    report = lambda line: print(line, flush=True)  # noqa: E731
    counts, losses = campaign(options.kills, options.full, options.seed, options.command, report)
    kills = sum(count["kills"] for count in counts.values())
    print(json.dumps({"kills": kills, "lost": len(losses)}))
    sys.exit(bool(losses) or kills < options.kills)


if __name__ == "__main__":
    main()
