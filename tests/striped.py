"""Clips of striped pictures in the layout of AFEW, and a CNN that sees the stripes."""

import cv2
import keras
import numpy as np

EMOTIONS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
PUBLISHED = {"Train_AFEW": 773, "Val_AFEW": 383}  # clips, paper A §II


def picture(number, shade, random):
    """A grey picture whose stripes have one of seven directions."""
    angle = np.pi * number / len(EMOTIONS)
    x, y = np.meshgrid(np.arange(32), np.arange(32))
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.7 + random.uniform(0, 6))
    noisy = shade + 60 * wave + random.normal(0, 10, (32, 32))
    return noisy.clip(0, 255).astype(np.uint8)


def backbone():
    """A fixed CNN whose features distinguish the stripes: energies of a few gratings."""
    images = keras.Input((32, 32, 3), name="images")
    conv = keras.layers.Conv2D(14, 9, strides=2, activation="relu", use_bias=False, name="conv")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(conv(images))
    model = keras.Model(images, x, name="tiny")
    u, v = np.meshgrid(np.arange(9) - 4, np.arange(9) - 4)
    angles = np.pi * np.arange(14) / 14
    gratings = np.cos(0.7 * (u[..., None] * np.cos(angles) + v[..., None] * np.sin(angles)))
    gratings -= gratings.mean(axis=(0, 1))
    conv.set_weights([np.repeat(gratings[:, :, None], 3, axis=2) / 20])
    return model


def afew(root, clips=PUBLISHED, frames=2):
    """Writes so many clips of `frames` faces for each part; the stripes are the emotion."""
    random = np.random.default_rng(0)
    for part, count in clips.items():
        faces = "AlignedFaces_LBPTOP_Points" + "_Val" * (part == "Val_AFEW")
        for i in range(count):
            number, shade = i % len(EMOTIONS), 90 if part == "Train_AFEW" else 150
            name = f"{i + 1000 * (part == 'Val_AFEW'):09d}"
            folder = root / part / faces / "Faces" / name
            folder.mkdir(parents=True)
            (root / part / EMOTIONS[number]).mkdir(parents=True, exist_ok=True)
            (root / part / EMOTIONS[number] / f"{name}.avi").touch()
            for frame in range(frames):
                face = picture(number, shade, random)
                cv2.imwrite(str(folder / f"{frame + 1:03d}.jpg"), face)
    return root
