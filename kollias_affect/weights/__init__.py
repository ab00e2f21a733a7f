"""Importers of published weights."""

from kollias_affect.weights.alexnet import load_alexnet
from kollias_affect.weights.conventions import InputConvention
from kollias_affect.weights.filling import Report
from kollias_affect.weights.resnet50 import load_resnet50
from kollias_affect.weights.tf1_checkpoint import load_tf1_checkpoint
from kollias_affect.weights.vgg_cnn_m import load_vgg_cnn_m
from kollias_affect.weights.vgg_face import load_vgg_face

__all__ = [
    "InputConvention",
    "Report",
    "load_alexnet",
    "load_resnet50",
    "load_tf1_checkpoint",
    "load_vgg_cnn_m",
    "load_vgg_face",
]
