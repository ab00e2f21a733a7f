"""The notebook runs from its first cell to its last."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "walkthrough.ipynb"


@pytest.mark.nightly  # .ci/run names this file
def test_walkthrough_runs_in_an_empty_folder(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert (tmp_path / "walkthrough" / "run" / "best.keras").exists()
    assert (tmp_path / "walkthrough" / "predictions" / "annotated").is_dir()
    pictures = [
        o
        for cell in notebook.cells
        for o in cell.get("outputs", ())
        if "image/png" in o.get("data", ())
    ]
    assert len(pictures) == 3
