"""Names that options accept, without the registries that need Keras; a test compares both."""

NETWORKS = ("affwildnet", "cnn", "cnn_rnn", "multi_rnn", "temporal")
BACKBONES = ("vgg_face", "vgg16", "resnet50", "densenet121", "cnn_m", "alexnet")
RNNS = ("gru", "lstm", "peephole_lstm", "blstm", "bgru")
HEADS = ("tcn", "transformer", "gru", "lstm", "mlp")
INITIALIZERS = ("authors", "papers", "keras")
REFERENCES = (
    "affwildnet_vggface_gru",
    "affwildnet_resnet_gru",
    "vggface_4096x4096x2",
    "vggface_4096x2000x2",
    "omg_cnn_gru_1rnn",
    "omg_cnn_gru_3rnn",
)
TABLES = (
    *("A2", "A3", "A4", "A5", "A6", "A7", "A-several", "A-alternate", "A-grid"),
    "ABAW",
    *("B3", "B4", "B5", "B6", "B7", "B8", "B-frozen", "B-tasks", "B-variants", "B-encoder"),
    *("B-folds", "B-dropout", "B-median"),
    *("C2", "C3", "C5", "C6", "C9", "C10", "C11", "C12", "C13", "C14", "C15", "C16", "C17"),
    *("C18", "C19", "C-starts", "C-fc"),
    *("D3", "D4", "D5"),
)
STRATEGIES = ("auto", "one", "mirrored", "multiworker")
