"""Importers of published weights, and the catalogue of weights by name."""

from kollias_affect.catalogue import model_file, pretrained_file
from kollias_affect.weights.alexnet import load_alexnet
from kollias_affect.weights.assignment import ImportReport
from kollias_affect.weights.cnn_m import load_cnn_m
from kollias_affect.weights.conventions import InputConvention
from kollias_affect.weights.densenet121 import load_densenet121
from kollias_affect.weights.half_precision import store_as_float16
from kollias_affect.weights.mean_image import mean_image
from kollias_affect.weights.registry import (
    describe_pretrained,
    list_pretrained,
    load_pretrained,
)
from kollias_affect.weights.resnet50 import load_resnet50
from kollias_affect.weights.tf1_checkpoint import load_tf1_checkpoint
from kollias_affect.weights.vgg16 import load_vgg16
from kollias_affect.weights.vgg_cnn_m import load_vgg_cnn_m
from kollias_affect.weights.vgg_face import load_vgg_face

__all__ = [
    "ImportReport",
    "InputConvention",
    "describe_pretrained",
    "list_pretrained",
    "load_alexnet",
    "load_cnn_m",
    "load_densenet121",
    "load_pretrained",
    "load_resnet50",
    "load_tf1_checkpoint",
    "load_vgg16",
    "load_vgg_cnn_m",
    "load_vgg_face",
    "mean_image",
    "model_file",
    "pretrained_file",
    "store_as_float16",
]
