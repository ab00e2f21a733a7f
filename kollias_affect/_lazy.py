"""Names of a package whose modules are imported on first use, since they need heavy libraries."""

import importlib


def attributes(package, modules, names):
    """Makes the functions `__getattr__` and `__dir__` of a package.

    Args:
        package: Name of the package.
        modules: Dict from a name to the module in the package that defines it.
        names: All public names of the package.

    Returns:
        `(__getattr__, __dir__)`, see PEP 562.
    """

    def get(name):
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return get, lambda: sorted(names)
