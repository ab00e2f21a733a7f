"""Predicts valence and arousal for every frame of a video with a trained model.

    python examples/predict_a_video.py run/best.keras video.mp4 predictions

The tables are written to `predictions`, and a summary is printed.
"""

import argparse
from pathlib import Path

from kollias_affect import prediction


def main():
    """Reads the arguments and predicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help=".keras file of a model for valence and arousal")
    parser.add_argument("video", help="video file")
    parser.add_argument("out", type=Path, help="folder of the tables")
    arguments = parser.parse_args()
    tables, errors = prediction.predict_videos(arguments.model, [arguments.video], arguments.out)
    for error in errors.values():
        raise SystemExit(str(error))
    table = tables[arguments.video]
    print(table.loc[table["success"] == 1, ["timestamp", "valence", "arousal"]].describe())


if __name__ == "__main__":
    main()
