import keras

from kollias_affect.evaluation.layer_graph import layer_graph


def test_models_in_models_with_several_inputs_and_outputs_are_connected():
    images, points = keras.Input((4,), name="images"), keras.Input((2,), name="landmarks")
    inner = keras.Input((4,), name="inner")
    hidden = keras.layers.Dense(3, name="hidden")(inner)
    last = keras.layers.Dense(2, name="last")(hidden)
    backbone = keras.Model(inner, {"b": hidden, "a": last}, name="backbone")
    taps = backbone(images)
    joined = keras.layers.Concatenate(name="joined")([taps["b"], points])
    head = keras.Sequential(
        [keras.Input((5,), name="x"), keras.layers.Dense(1, name="one")], name="head"
    )
    outputs = {"valence": head(joined), "class": keras.layers.Dense(7, name="class")(taps["a"])}
    model = keras.Model({"images": images, "landmarks": points}, outputs, name="net")
    nodes = {node.name: (node.op, list(node.input)) for node in layer_graph(model).node}
    assert nodes == {
        "net/images": ("InputLayer", []),
        "net/landmarks": ("InputLayer", []),
        "net/backbone/inner": ("InputLayer", ["net/images"]),
        "net/backbone/hidden": ("Dense", ["net/backbone/inner"]),
        "net/backbone/last": ("Dense", ["net/backbone/hidden"]),
        "net/joined": ("Concatenate", ["net/backbone/hidden", "net/landmarks"]),
        "net/head/x": ("InputLayer", ["net/joined"]),
        "net/head/one": ("Dense", ["net/head/x"]),
        "net/class": ("Dense", ["net/backbone/last"]),
    }
