"""The journal of the videos that a cluster has predicted, so that a second run leaves them out."""

import kollias_affect
from kollias_affect import _files, _runs

FILE_NAME = ".predicted.jsonl"


class Finished:
    """A line in `OUT/.predicted.jsonl` for each finished video; a context manager for `add`.

    One process writes it, that which gives the tasks away.

    Args:
        out_dir: `Path` of the outputs.
        model: File of the model.
        options: Options of `faces.extract`.
    """

    def __init__(self, out_dir, model, options):
        self._journal = _runs.Journal(out_dir / FILE_NAME)
        self._made_of = [_files.sha256(model), kollias_affect.__version__, options]
        self._lines, self._end = {}, 0
        for line, end in self._journal.lines():
            self._lines[line["stem"]], self._end = line, end

    def __enter__(self):
        self._journal.resume(self._end)
        return self

    def __exit__(self, *error):
        self._journal.close()

    def summary(self, job):
        """Returns the summary of a finished video; `None` if it is to be predicted.

        Args:
            job: `one_video.Job` with absolute paths.
        """
        line = self._lines.get(job.stem)
        if line is None or line["made_of"] != self._fingerprint(job) or not job.is_written:
            return None
        return line["summary"]

    def add(self, job, summary):
        """Notes that a video is finished; see `summary.of_table`."""
        line = {"stem": job.stem, "made_of": self._fingerprint(job), "summary": summary}
        self._journal.append(line)

    def _fingerprint(self, job):
        of_job = [job.name, job.mode, job.landmarks, job.format, job.annotate]
        of_job += [job.excel_safe, job.skip_unchanged]
        return _runs.fingerprint(self._made_of, of_job, _runs.fingerprint_states([job.video]))
