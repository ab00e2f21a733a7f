"""Short texts with numbers, for messages and reports."""

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
