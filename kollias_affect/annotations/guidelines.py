"""The guidelines that annotators read: the owner's Markdown, or a default text.

References: paper C §3.2.
"""

from importlib import resources

from kollias_affect import _checks


def default():
    """Returns the default guidelines, as Markdown."""
    file = resources.files("kollias_affect.annotations") / "page" / "guidelines.md"
    return file.read_text(encoding="utf-8")


def read(path):
    """Returns the Markdown of a file.

    Raises:
        OSError, ValueError: If the file is missing, empty or not UTF-8.
    """
    path = _checks.existing_file("guidelines", path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"--guidelines must be a text file in UTF-8. Received: {path} ({error}). Save it as "
            "UTF-8."
        ) from error


def to_html(markdown):
    """Converts Markdown to HTML. HTML in the Markdown is shown as text, and never runs.

    Example:
        >>> to_html("# Cues").strip()
        '<h1>Cues</h1>'
    """
    from markdown_it import MarkdownIt

    return MarkdownIt("js-default").render(markdown)
