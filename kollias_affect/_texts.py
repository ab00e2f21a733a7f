"""Short texts with numbers, and names in texts, for messages and reports."""

import re

# What a terminal takes for orders or for another line, what turns the direction of a text, and the
# bytes of a name that are no text.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PLURALS = {"person": "people", "entry": "entries", "database": "databases"}


def count(number, singular, plural=None):
    """Returns a number and its noun.

    Args:
        number: Integer.
        singular: Noun for one.
        plural: Noun for other numbers. Default: the regular plural, and that of a few others.

    Example:

    >>> count(1, "face"), count(0, "person"), count(2000, "frame")
    ('1 face', '0 people', '2,000 frames')
    """
    if number == 1:
        return f"1 {singular}"
    return f"{number:,} {plural or _PLURALS.get(singular, f'{singular}s')}"


def printable(text):
    r"""Returns a text whose control characters are written as escapes.

    Args:
        text: Text, such as the name of a file, or anything that has one.

    Example:

    >>> print(printable("a\x1b[2J.mp4\nError: none"))
    a\x1b[2J.mp4\nError: none
    """
    return _CONTROL.sub(_escape, str(text))


def _escape(match):
    character = match[0]
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
