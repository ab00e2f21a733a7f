"""Lets Keras know our classes as soon as both Keras and this package are imported."""

import importlib
import sys
import warnings

# The rooms whose classes Keras must know before it can load a file that names them.
_ROOMS = ("layers", "losses", "metrics")


class _AfterKeras:
    """Import hook that registers our classes as soon as somebody imports Keras.

    Keras loads only classes that were registered, and registering needs Keras, which takes
    seconds to import. So `import kollias_affect` leaves this finder in `sys.meta_path`; it lets
    the finders behind it find Keras, and goes away when Keras is there.
    """

    def find_spec(self, name, path=None, target=None):
        """Keras as the other finders see it, with a loader that registers afterwards."""
        finders = list(sys.meta_path)  # another thread may change it
        if name != "keras" or self not in finders:
            return None
        for finder in finders[finders.index(self) + 1 :]:
            find = getattr(finder, "find_spec", None)  # Python, too, skips finders without
            spec = find and find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _RegisteringLoader(spec.loader, self)
                return spec
        return None


class _RegisteringLoader:
    """A loader that does what `loader` does, then registers our classes and ends the hook."""

    def __init__(self, loader, hook):
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def exec_module(self, module):
        """Runs the module; nothing of this hook stays in it."""
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if self._hook in sys.meta_path:
            sys.meta_path.remove(self._hook)
        _register()


def _register():
    """Imports the rooms with registered classes; a failure must not break `import keras`."""
    for room in _ROOMS:
        name = f"kollias_affect.{room}"
        try:
            if name not in sys.modules:  # else it registers itself, or is about to
                importlib.import_module(name)
        except Exception as error:
            warnings.warn(
                f"Keras will not load models with classes of {name}, which cannot be imported "
                f"beside this Keras: {error!r}. Install Keras 3.",
                stacklevel=2,
            )


def install():
    """Registers now if Keras is there, else when it is imported."""
    if sys.modules.get("keras") is not None:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())
