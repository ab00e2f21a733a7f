"""From a raw video and a trained model to valence and arousal per frame.

Usage: python predict_a_video.py MODEL.keras VIDEO OUT
"""

import sys

from kollias_affect.prediction import inference

model, video, out = sys.argv[1:4]
tables, errors = inference.predict_videos(model, [video], out)
for error in errors.values():
    raise SystemExit(str(error))
table = tables[video]
print(table.loc[table["success"] == 1, ["timestamp", "valence", "arousal"]].describe())
