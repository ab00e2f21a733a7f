"""Registers the classes of this package with Keras once both are imported."""

import importlib
import sys
import warnings

# Keras must know the classes of these modules before it can load a file that names them.
_MODULES = ("layers", "losses", "metrics")


class _AfterKeras:
    """Import hook that registers our classes when Keras is imported.

    Keras loads registered classes only, and registration needs Keras, whose import takes
    seconds. Therefore `import kollias_affect` puts this finder into `sys.meta_path`. It delegates
    to the finders behind it, and is removed after Keras is imported.
    """

    def find_spec(self, name, path=None, target=None):
        """Returns the spec of the other finders for Keras, with a loader that registers classes."""
        finders = list(sys.meta_path)  # another thread may change it
        if name != "keras" or self not in finders:
            return None
        for finder in finders[finders.index(self) + 1 :]:
            find = getattr(finder, "find_spec", None)  # Python also skips finders without it
            spec = find and find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _RegisteringLoader(spec.loader, self)
                return spec
        return None


class _RegisteringLoader:
    """Loader that delegates to `loader`, then registers our classes and removes the hook."""

    def __init__(self, loader, hook):
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def exec_module(self, module):
        """Executes the module, which keeps no reference to this hook."""
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if self._hook in sys.meta_path:
            sys.meta_path.remove(self._hook)
        _register()


def _register():
    """Imports the modules with registered classes; a failure must not break `import keras`."""
    for module in _MODULES:
        name = f"kollias_affect.{module}"
        try:
            if name not in sys.modules:  # otherwise it registers its classes itself
                importlib.import_module(name)
        except Exception as error:
            warnings.warn(
                f"Keras will not load models with classes of {name}, which cannot be imported "
                f"beside this Keras: {error!r}. Install Keras 3.",
                stacklevel=2,
            )


def install():
    """Registers the classes now if Keras is imported, otherwise when it is imported."""
    if sys.modules.get("keras") is not None:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())
