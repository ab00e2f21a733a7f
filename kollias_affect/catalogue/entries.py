"""Catalogue of weights by name: task, licence, source, and steps to get them.

The package downloads nothing: two sets of weights ship with it, and the user fetches the others.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    """Set of weights.

    Attributes:
        name: Name for `load_pretrained`.
        kind: `"shipped"` with the package, or `"by hand"`: the user fetches it from its owners.
        task: Meaning of the outputs.
        licence: Short description of the licence.
        source: Origin of the weights.
        steps: Steps to get and use the weights, one line each.
    """

    name: str
    kind: str
    task: str
    licence: str
    source: str
    steps: tuple

    @property
    def file(self):
        """Name of the model file; `None` for weights that are fetched by hand."""
        return None if self.kind == "by hand" else f"{self.name}.keras"


DEFAULT = "affect_vgg"
_FER2013 = "expression_vgg_fer2013"

_AFF_WILD = "the authors' project Aff-Wild-models, https://github.com/dkollias/Aff-Wild-models"
_NO_LICENCE = "none is stated; ask the authors, and cite paper"
_KERAS = "Keras Applications, ported from the authors' weights; trained on ImageNet"


def _checkpoint(name, folder):
    """Creates the entry of one of the authors' TensorFlow 1 checkpoints."""
    return Entry(
        name,
        "by hand",
        "valence_arousal",
        f"{_NO_LICENCE} C",
        _AFF_WILD,
        (
            f"Open {_AFF_WILD}; its README links to the files.",
            f"Fetch the checkpoint of the folder {folder}: its .index, .data-* and .meta files.",
            f"kollias-affect weights import {name} PATH/model.ckpt --out {name}.keras",
            "In Python: weights.load_tf1_checkpoint(model, path) for a model of models.reference, "
            "then models.save(model, out).",
            "The file takes RGB in [-1, 1], and converts it to (pixels - 128) / 128, which the "
            "authors fed.",
        ),
    )


_SHIPPED = (
    "The file comes with the package, in pretrained/ of its sources.",
    "If it is missing there, get the sources again, or install the package again.",
)

ENTRIES = (
    Entry(
        DEFAULT,
        "shipped",
        "expression, valence_arousal",
        "for research, as its training data (FER-2013)",
        "trained by examples/train_affect.py, written by examples/export_affect.py",
        (*_SHIPPED, "To train it yourself: docs/notes/affect.md has the commands."),
    ),
    Entry(
        _FER2013,
        "shipped",
        "expression",
        "for research, as its training data (FER-2013)",
        "trained by examples/train_fer2013.py, written by examples/export_fer2013.py",
        (
            *_SHIPPED,
            "To train it yourself: python examples/train_fer2013.py fer2013.tar run",
            "python examples/export_fer2013.py run/best.keras "
            f"pretrained/{_FER2013}.keras --data fer2013.tar",
        ),
    ),
    _checkpoint("affwildnet_vggface_gru", "affwildnet-vggface-gru"),
    _checkpoint("affwildnet_resnet_gru", "affwildnet-resnet-gru"),
    _checkpoint("vggface_4096x4096x2", "vggface"),
    _checkpoint("vggface_4096x2000x2", "vggface"),
    Entry(
        "vgg_face",
        "by hand",
        "identity (a backbone)",
        "Creative Commons, not for commercial use",
        "VGG Face Descriptor of the Visual Geometry Group, Oxford, "
        "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
        (
            "Open that page, or the page of pretrained models of MatConvNet.",
            "Fetch the MatConvNet model (vgg_face.mat, vgg-face.mat).",
            'weights.load_vgg_face(backbones.vgg_face(), "vgg-face.mat")',
            "Keras .h5 and .npy files of the same weights are read too, see its documentation.",
        ),
    ),
    Entry(
        "vgg16_imagenet",
        "by hand",
        "ImageNet classes (a backbone)",
        "Creative Commons Attribution, as Keras states for these weights",
        "Keras Applications, or the page of pretrained models of MatConvNet; Simonyan & Zisserman "
        "(2015)",
        (
            "With an internet connection, run keras.applications.VGG16(include_top=False) once.",
            "Take the .h5 file that Keras stores in the folder .keras/models of your home folder; "
            "or fetch imagenet-vgg-verydeep-16.mat from MatConvNet's page of pretrained models.",
            "weights.load_vgg16(backbones.vgg16(), "
            '"vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5")',
            "For the tables of the papers: kollias-affect table NAME --weights vgg16=FILE",
        ),
    ),
    Entry(
        "resnet50_imagenet",
        "by hand",
        "ImageNet classes (a backbone)",
        "MIT",
        _KERAS,
        (
            "With an internet connection, run keras.applications.ResNet50(include_top=False) once.",
            "Take the .h5 file that Keras stores in the folder .keras/models of your home folder.",
            'weights.load_resnet50(backbones.resnet50(form="keras"), '
            '"resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5")',
        ),
    ),
    Entry(
        "densenet121_imagenet",
        "by hand",
        "ImageNet classes (a backbone)",
        "BSD 3-clause",
        _KERAS,
        (
            "With an internet connection, run "
            "keras.applications.DenseNet121(include_top=False) once.",
            "Take the .h5 file that Keras stores in the folder .keras/models of your home folder.",
            "weights.load_densenet121(backbones.densenet121(), "
            '"densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5")',
            "For the tables of the papers: kollias-affect table NAME --weights densenet121=FILE",
        ),
    ),
    Entry(
        "alexnet_imagenet",
        "by hand",
        "ImageNet classes (a backbone)",
        "unrestricted use, as the Caffe Model Zoo states",
        "BVLC AlexNet of the Caffe Model Zoo, as bvlc_alexnet.npy on the page tf_alexnet of "
        "M. Guerzhoy, University of Toronto",
        (
            "Open that page and fetch bvlc_alexnet.npy.",
            'weights.load_alexnet(backbones.alexnet(), "bvlc_alexnet.npy")',
        ),
    ),
    Entry(
        "cnn_m_imagenet",
        "by hand",
        "ImageNet classes (a backbone)",
        "not for commercial use",
        "VGG-CNN-M-2048 of Chatfield et al. (2014), the page of pretrained models of MatConvNet",
        (
            "Open the page of pretrained models of MatConvNet.",
            "Fetch imagenet-vgg-m-2048.mat.",
            'weights.load_vgg_cnn_m(backbones.cnn_m(form="vgg_cnn_m_2048"), '
            '"imagenet-vgg-m-2048.mat")',
        ),
    ),
    Entry(
        "cnn_m_faces",
        "by hand",
        "identity or expressions (a backbone)",
        "as its owners state",
        "CNN-M with batch normalisation, trained on faces, of the Visual Geometry Group, Oxford: "
        "that of FaceValue (Albanie & Vedaldi, 2016), from which paper C starts its baseline; or "
        "vgg_m_face_bn",
        (
            "Fetch the MatConvNet model, a .mat file, from its owners.",
            'weights.load_cnn_m(backbones.cnn_m(), "vgg-m-face-bn.mat")',
            "For paper C's table 5: kollias-affect table C5 --weights cnn_m=FILE",
        ),
    ),
)
