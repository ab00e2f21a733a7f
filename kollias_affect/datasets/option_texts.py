"""Options of the loaders as texts `NAME=VALUE`, for commands."""

import ast

from kollias_affect import _checks, datasets

_LONGEST_LITERAL = 10_000  # characters; Python's parser takes memory for each bracket


def parse_options(dataset, texts):
    """Parses options of a database's loader.

    Args:
        dataset: Name in `datasets.DATASETS`.
        texts: Sequence of texts `NAME=VALUE`.

    Returns:
        Dict from the name of an option to its value, see `parse_value`.

    Raises:
        ValueError: If the database or an option is unknown, or a text has no `=`.
    """
    defaults = datasets.loader_options(dataset)
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"`--option` must be NAME=VALUE. Received: {text}. Add the =.")
        _checks.one_of(f"option of {dataset}", name, defaults)
        options[name] = parse_value(value, defaults[name])
    return options


def parse_value(text, default=None):
    """Parses the value of an option, written as a Python literal or as text without quotes.

    Args:
        text: Text of the value.
        default: Default of the option.

    Returns:
        The literal, or `text` if it is none. An option whose default is `None` holds a name or
        a folder, so that a number stays a text there: a folder may be named 2024.

    Examples:
        >>> parse_value("28", default=48), parse_value("2024"), parse_value("FER28", "FER32")
        (28, '2024', 'FER28')
    """
    try:
        value = ast.literal_eval(text) if len(text) <= _LONGEST_LITERAL else text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return text if default is None and is_number else value
