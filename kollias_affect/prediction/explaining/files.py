"""Explanations of images and videos in a folder: pictures and arrays."""

import zipfile
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, catalogue, runtime
from kollias_affect._texts import count
from kollias_affect.faces import cropped_face, detectors, extract_many, faces_of
from kollias_affect.prediction import images, outputs, predictor, videos
from kollias_affect.prediction.explaining import faces as shown_faces
from kollias_affect.prediction.explaining import pictures
from kollias_affect.prediction.explaining.gradients import gradient_maps
from kollias_affect.prediction.explaining.occlusion import occlusion_maps
from kollias_affect.prediction.pictures import Picture

METHODS = ("auto", "gradcam", "hirescam", "occlusion")
FRAMES = 6  # of a video
_KEY = "explained"  # entry of our .npz files alone


def explain_files(
    model, files, out_dir, method="auto", of_outputs=None, frames=FRAMES, layer=None, patch=None,
    stride=None, detector="auto", cropped=False, faces="main", max_side=None, processes=None,
    log=print,
):  # fmt: skip
    """Explains the outputs of a model on images and videos.

    Two files are written for each image with a face and each person of a video. Files of other
    kinds are never replaced; earlier outputs are.

    - `<input>.png`: the faces, and the maps of every output over them. Red raises the output, blue
      lowers it; colours are relative within each map.
    - `<input>.npz`: the arrays `gradcam`, `hirescam` and `occlusion`, float32 `[faces, outputs,
      size, size]`, see `gradient_maps` and `occlusion_maps`; `names` and `values` of the outputs,
      `crops`, `numbers` (of faces in an image, of frames in a video) and `times` (seconds).

    Args:
        model: `.keras` or `.onnx` file, or a name of `weights.list_pretrained`; `None` for the
            default, `affect_vgg`.
        files: `Inputs`, see `find_inputs`.
        out_dir: Folder of the outputs; crops of videos lie in `crops/`.
        method: `"gradcam"`, `"hirescam"`, `"occlusion"`, or `"auto"`: all, but occlusion alone for
            ONNX files.
        of_outputs: Names of outputs, such as `("valence", "happiness")`; `None` for all.
        frames: Number of frames of a video that are explained, evenly spread.
        layer: See `gradient_maps`.
        patch, stride: See `occlusion_maps`.
        detector, cropped, faces, max_side: See `predict`.
        processes: See `faces.extract_many`.
        log: Function that is called with lines of text.

    Returns:
        Dict from the path of an input that failed or has no face, as text, to its exception.

    Raises:
        FileNotFoundError, ValueError: If `model` is no model, or an argument is invalid.
        FileExistsError: If another file has the name of an output.

    References: Selvaraju et al. (ICCV 2017); Zeiler and Fergus (ECCV 2014).
    """
    _checks.one_of("method", method, METHODS)
    frames = _checks.positive_integer("frames", frames)
    model = _load(model, method)
    if files.images:
        images.refuse_windows(model)
    explain = _Explainer(model, method, of_outputs, layer, patch, stride)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    stems = outputs.stems(list(files.names.values()))
    for stem in stems.values():
        _refuse_foreign(out_dir, stem)
    if model.note:
        log(f"Note: {model.note}")
    errors = {}
    side = max_side or images.LONGEST_SIDE
    for path, name in files.named_images.items():
        try:
            found = _faces(model, Picture(name, path).read(), detector, cropped, side)
            explain.write(shown_faces.of_image(model, found), out_dir, stems[name], name, log)
        except (OSError, ValueError) as error:
            errors[str(path)] = error
    named = {str(path): name for path, name in files.named_videos.items()}
    folders = {p: outputs.crops_folder(out_dir, name, stems[name]) for p, name in named.items()}

    def explain_video(video, clips):
        people = clips if isinstance(clips, list) else [clips]
        try:
            for clip in people:
                stem = stems[named[video]] + clip.key.removeprefix(Path(video).stem)
                shown = shown_faces.of_clip(model, clip, frames)
                explain.write(shown, out_dir, stem, named[video], log)
        except (OSError, ValueError) as error:
            errors[video] = error

    if named:
        _, failed = extract_many(
            list(named), folders, processes, True, explain_video, size=model.size,
            layout=model.layout, detector=detector, faces=faces,
            longest_side=max_side or videos.LONGEST_SIDE,
        )  # fmt: skip
        errors |= failed
    return errors


def _load(model, method):
    """Loads a model; that of a name as a Keras model, if gradients are needed."""
    if method == "occlusion" or isinstance(model, predictor.Predictor):
        return predictor.load(model)
    return predictor.load(catalogue.model_file(catalogue.DEFAULT if model is None else model))


def _faces(model, image, detector, cropped, max_side):
    if cropped:
        return [cropped_face(image, model.size, model.layout)]
    return faces_of(image, detectors.get(detector), model.size, model.layout, max_side)


class _Explainer:
    """Computes and writes the maps of some outputs of one model."""

    def __init__(self, model, method, of_outputs, layer, patch, stride):
        self.model = model
        self.names = [name for names, _ in model.tasks.values() for name in names]
        self.kept = [
            self.names.index(_checks.one_of("output", name, self.names))
            for name in (of_outputs or self.names)
        ]
        known = {
            "gradcam": lambda face: gradient_maps(model, face.inputs, face.frame, layer),
            "hirescam": lambda face: gradient_maps(model, face.inputs, face.frame, layer, True),
            "occlusion": lambda face: occlusion_maps(model, face.inputs, face.frame, patch, stride),
        }
        names = (method,)
        if method == "auto":
            is_onnx = isinstance(model.network, runtime.OnnxModel)
            names = ("occlusion",) if is_onnx else tuple(known)
        self.methods = {name: known[name] for name in names}

    def write(self, shown, out_dir, stem, name, log):
        """Writes the maps of faces; raises `ValueError` if there is none."""
        from kollias_affect.evaluation import plots

        if not shown:
            raise ValueError(
                f"An explanation needs a face. Received: {name}, in which none was found. Try "
                "another --detector, or --cropped if the picture is a face."
            )
        maps = {
            method: np.stack([self._of_all(compute(face)) for face in shown])
            for method, compute in self.methods.items()
        }
        kept = [self.names[number] for number in self.kept]
        path = out_dir / f"{stem}.npz"
        _write_arrays(path, shown, maps, kept, np.stack([self._values(face) for face in shown]))
        title = videos.title(name, self.model)
        plots.save(pictures.figure(shown, maps, kept, title), path.with_suffix(".png"))
        log(f"{name}: {count(len(shown), 'face')}: {path.with_suffix('.png')}, {path}")

    def _of_all(self, by_task):
        return np.concatenate([by_task[task] for task in self.model.tasks])[self.kept]

    def _values(self, face):
        found = self.model.run(face.inputs)
        place = 0 if face.frame is None else (0, face.frame)
        return np.concatenate([found[task][place] for task in self.model.tasks])[self.kept]


def _write_arrays(path, shown, maps, names, values):
    arrays = {
        "names": np.array(names),
        "values": values,
        "crops": np.stack([face.crop for face in shown]),
        "numbers": np.array([face.number for face in shown]),
        "times": np.array([face.time for face in shown]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with _files.atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **maps, **arrays, **{_KEY: np.array(1)})


def _refuse_foreign(out_dir, stem):
    """Raises `FileExistsError` if an output would replace another kind of file."""
    path = out_dir / f"{stem}.npz"
    picture = path.with_suffix(".png")
    foreign = picture if picture.exists() else None
    if path.exists():
        ours = zipfile.is_zipfile(path) and f"{_KEY}.npy" in zipfile.ZipFile(path).namelist()
        foreign = None if ours else path
    if foreign is not None:
        raise FileExistsError(
            f"The outputs need the name {foreign}. It exists already and holds something else. "
            "Choose another output folder."
        )
