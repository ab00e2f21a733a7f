"""A seeded campaign of damaged files over every reader.

Each case ends as `read`, as `error` (a clear one of the package's kind that names the file), or as
a failure: another exception, memory, time, or the end of the process.

    python tests/robustness/fuzz.py --cases 10000 --seed 1
"""

import argparse
import collections
import json
import os
import random
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

MEMORY = 2**31  # bytes that a case may take beside what its process has already
SECONDS = 20  # of the processor, for a case
WAIT = 600  # seconds of a case on a busy machine
HERE = Path(__file__).resolve()


def campaign(cases, seed=0, names=None, processes=1, heavy=True):
    """Runs a campaign.

    Args:
        cases: Number of cases, shared out equally.
        seed: Seed; a case depends on it, its reader and its number only.
        names: Names of the readers. Default: all.
        processes: Number of processes.
        heavy: Whether readers that import TensorFlow take part.

    Returns:
        `(counts, failures)`: dict from reader to `collections.Counter` of outcomes, and list of
        `(reader, case, outcome, text)`.
    """
    from readers import READERS

    names = [n for n in names or READERS if heavy or not READERS[n].heavy]
    jobs = [(name, f"{seed}-{i}") for i in range(-(-cases // len(names))) for name in names]
    jobs = sorted(jobs[:cases], key=lambda job: READERS[job[0]].heavy)
    counts, failures = collections.defaultdict(collections.Counter), []
    with tempfile.TemporaryDirectory() as folder:
        workers = [_Worker(Path(folder), jobs[i::processes]) for i in range(processes)]
        while workers := [worker for worker in workers if worker.step(counts, failures)]:
            select.select([worker.output for worker in workers], [], [], 0.2)
    return dict(counts), failures


class _Worker:
    """A process that takes one case after another, and its replacements."""

    def __init__(self, folder, jobs):
        self.folder, self.jobs, self.process = folder, collections.deque(jobs), None
        self._start()

    def _start(self):
        command = [sys.executable, str(HERE), "--worker", str(self.folder)]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.output, self.text = self.process.stdout, b""
        self._send()

    def _send(self):
        self.since = time.monotonic()
        line = json.dumps(self.jobs[0] if self.jobs else None) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def step(self, counts, failures):
        """Takes results; returns whether there is more to come."""
        self.text += self.output.read() or b""
        while b"\n" in self.text and self.jobs:
            line, self.text = self.text.split(b"\n", 1)
            if line == b"ready":  # its imports are done, and its files written
                self.since = time.monotonic()
                continue
            self._done(*json.loads(line), counts, failures)
            self._send()
        if not self.jobs:
            self.process.wait()
            return False
        ended = self.process.poll() is not None
        if ended or self._is_late():
            self.process.kill()
            self.process.wait()
            outcome = f"crash {self.process.returncode}" if ended else "hang"
            self._done(outcome, "", counts, failures)
            if self.jobs:
                self._start()
        return bool(self.jobs)

    def _is_late(self):
        started = self.folder / f"case-{self.process.pid}"
        try:
            before = float(started.read_text() or "inf")
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            before, fields = 0, ["0"] * 20  # imports, and writing of whole files
        now = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return now - before > SECONDS or time.monotonic() - self.since > WAIT

    def _done(self, outcome, text, counts, failures):
        name, case = self.jobs.popleft()
        counts[name][outcome if outcome in ("read", "error") else "failure"] += 1
        if outcome not in ("read", "error"):
            failures.append((name, case, outcome, text))


# --- the process of the cases


def work(folder):
    """Takes jobs from standard input and writes outcomes to standard output."""
    from readers import READERS

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no outcome
    warnings.simplefilter("ignore")
    seen = set()
    started = folder / f"case-{os.getpid()}"
    for line in sys.stdin:
        job = json.loads(line)
        if job is None:
            return
        name, case = job
        whole = folder / f"{os.getpid()}-whole" / name
        if name not in seen:
            seen.add(name)
            whole.mkdir(parents=True)
            _unlimited()
            READERS[name].write(whole)
            _check_whole(READERS[name], whole, folder)
            _limit()
        started.write_text(str(time.process_time()))
        try:
            outcome, text = run_case(READERS[name], name, case, whole, folder)
        finally:
            started.unlink()
        print(json.dumps([outcome, text[:2000]]), file=out, flush=True)


def _unlimited():
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _limit():
    """Bounds the memory of the process by what it has now and `MEMORY`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))


def _check_whole(reader, whole, folder):
    """Reads whole files once: what is not read here is not tested below."""
    place = folder / f"{os.getpid()}-check"
    for root in _roots(whole):
        shutil.rmtree(place, ignore_errors=True)
        _copy(root, whole, place)
        try:
            reader.read(place)
        except (OSError, ValueError) as error:
            print("whole", whole.name, root, error, file=sys.stderr)


def _roots(whole):
    """The files of a folder, each a case of its own; the whole folder if that belongs together."""
    entries = sorted(whole.iterdir())
    multi = any(entry.is_dir() for entry in entries) or (
        whole.name in ("extraction", "tf1_checkpoint", "omg")
    )
    return [None] if multi else entries


def _copy(root, whole, place):
    if root is None:
        shutil.copytree(whole, place)
    else:
        place.mkdir()
        shutil.copy(root, place / root.name)


def run_case(reader, name, case, whole, folder):
    """Returns `(outcome, text)` of one case."""
    from mutations import damaged

    chance = random.Random(f"{name}-{case}")
    place = folder / f"{os.getpid()}-case"
    shutil.rmtree(place, ignore_errors=True)
    _copy(chance.choice(_roots(whole)), whole, place)
    files = sorted(p for p in place.rglob("*") if p.is_file() and p.stat().st_size)
    target = chance.choice(files)
    target.write_bytes(damaged(target.read_bytes(), target.name, chance))
    if not name.startswith("option"):
        assert target.exists()
    try:
        reader.read(place)
        return "read", ""
    except Exception as error:
        return _judged(error, place)


def _judged(error, place):
    import traceback

    text = "".join(traceback.format_exception(error))
    chain, inner = [], error
    while inner is not None and inner not in chain:
        chain.append(inner)
        inner = inner.__cause__ or inner.__context__
    if any(isinstance(e, MemoryError) or "allocate" in str(e).lower() for e in chain):
        return "memory", text
    if not isinstance(error, (OSError, ValueError)):
        return type(error).__name__, text
    names = [p.name for p in place.rglob("*")] + [place.name]
    told = f"{error} {getattr(error, 'filename', '')}"
    if not any(name in told for name in names) and "option" not in text:
        return "error without a file", text
    return "error", ""


def table(counts):
    """Formats counts by reader."""
    lines = [f"{'reader':22} {'read':>6} {'error':>6} {'failure':>8}"]
    total = collections.Counter()
    for name, count in sorted(counts.items()):
        total.update(count)
        lines.append(f"{name:22} {count['read']:6} {count['error']:6} {count['failure']:8}")
    lines.append(f"{'all':22} {total['read']:6} {total['error']:6} {total['failure']:8}")
    return "\n".join(lines)


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--reader", action="append")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--worker", type=Path)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    counts, failures = campaign(
        options.cases, options.seed, options.reader, options.processes, not options.light
    )
    kinds = collections.defaultdict(list)
    for name, case, outcome, text in failures:
        kinds[name, outcome, text.strip().splitlines()[-1][:150] if text else ""].append(
            (case, text)
        )
    for (name, outcome, last), cases in kinds.items():
        print(f"== {name}: {outcome} x {len(cases)}, case {cases[0][0]}: {last}")
        print("\n".join(cases[0][1].splitlines()[-12:]))
    print(table(counts))
    sys.exit(bool(failures))


if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent), str(HERE.parents[1]), str(HERE.parents[2])]
    main()
