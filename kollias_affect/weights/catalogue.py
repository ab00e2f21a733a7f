"""The weights that are known by name: what they are, whose they are, how to get them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    """One set of weights.

    Attributes:
        name: what `load_pretrained` calls it.
        kind: `"shipped"` with the package, `"download"`, or `"by hand"`, whose owners hand it out.
        task: what its outputs are.
        licence: in a few words.
        source: where it comes from.
        steps: how to get it and use it, one line each.
        url, sha256: of a file that may be downloaded; `None` where there is none.
    """

    name: str
    kind: str
    task: str
    licence: str
    source: str
    steps: tuple
    url: str | None = None
    sha256: str | None = None

    @property
    def file(self):
        """Name of the model file; `None` for what is fetched by hand."""
        return None if self.kind == "by hand" else f"{self.name}.keras"


DEFAULT = "expression_vgg_fer2013"

_AFF_WILD = "the authors' project Aff-Wild-models, https://github.com/dkollias/Aff-Wild-models"
_NO_LICENCE = "none is stated; ask the authors, and cite the paper"
_KERAS = "Keras Applications, ported from the authors' weights; trained on ImageNet"


def _checkpoint(name, folder):
    """One of the authors' TensorFlow 1 checkpoints."""
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
            "In Python: weights.load_tf1_checkpoint(models.reference(name), path).",
        ),
    )


ENTRIES = (
    Entry(
        DEFAULT,
        "shipped",
        "expression",
        "for research, as the data that it was trained on (FER-2013)",
        "trained by examples/train_fer2013.py, written by examples/export_fer2013.py",
        (
            "The file comes with the package, in pretrained/ of its sources.",
            "If it is missing there, fetch the sources anew, or install the package anew.",
            "To train it yourself: python examples/train_fer2013.py fer2013.tar run",
            "python examples/export_fer2013.py run/best.keras "
            f"pretrained/{DEFAULT}.keras --data fer2013.tar",
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
        "Simonyan & Zisserman (2015), the page of pretrained models of MatConvNet",
        (
            "Open the page of pretrained models of MatConvNet.",
            "Fetch imagenet-vgg-verydeep-16.mat, whose layers bear the names of VGG-Face's.",
            'weights.load_vgg_face(backbones.vgg16(), "imagenet-vgg-verydeep-16.mat")',
        ),
    ),
    Entry(
        "resnet50_imagenet",
        "by hand",
        "ImageNet classes (a backbone)",
        "MIT",
        _KERAS,
        (
            "Where there is a network, run keras.applications.ResNet50(include_top=False) once.",
            "Take the .h5 file that Keras then keeps in the folder .keras/models of your home.",
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
            "No importer is needed: the layers are those of Keras, in the same order.",
            "Where there is a network: backbones.densenet121().set_weights("
            "keras.applications.DenseNet121(include_top=False).get_weights())",
            "These weights expect RGB in [0, 1] less (0.485, 0.456, 0.406), over "
            "(0.229, 0.224, 0.225).",
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
)
