"""One HTML file of a page and its contents: nothing is loaded from anywhere else."""

import base64
import hashlib
import html
import json
import posixpath
import re

from kollias_affect._web import page_files

PACKAGE = "kollias_affect.prediction.view"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)
_STYLE = re.compile(r'\s*<link rel="stylesheet" href="page/([^"]+)">')
_SCRIPT = re.compile(r'\s*<script type="module" src="page/([^"]+)"></script>')


def page(title, blocks):
    """Returns the HTML of a page.

    Args:
        title: Text of the title.
        blocks: Iterable of `(id, text)`: JSON or base64 that the scripts read.
    """
    files = {name: content.decode() for name, (content, _) in page_files.read(PACKAGE).items()}
    text = files["index.html"]
    style = "\n".join(files[name] for name in _STYLE.findall(text))
    script = script_of(files, _SCRIPT.search(text)[1])
    text = _SCRIPT.sub("", _STYLE.sub("", text))
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "img-src 'self' file: data: blob:; media-src 'self' file: data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    head = (
        f'  <meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"  <style>{style}</style>\n</head>"
    )
    # What may hold a "<" of somebody's file name is not allowed to end its element.
    data = "\n".join(
        f'<script type="text/plain" id="{name}">{_inert(t)}</script>' for name, t in blocks
    )
    text = text.replace("<title>Predictions</title>", f"<title>{html.escape(title)}</title>")
    text = text.replace("</head>", head)
    return text.replace("</body>", f'{data}\n<script type="module">{script}</script>\n</body>')


def as_json(content):
    """Text of a JSON object."""
    return json.dumps(content, separators=(",", ":"))


def _inert(text):
    return text.replace("<", "\\u003c")  # the same text in JSON, absent from base64


def _source(text):
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def script_of(files, start):
    """Joins modules to one script.

    Args:
        files: Dict from a name to the text of a module. Modules export functions, constants and
            classes where these are defined, and import names in braces.
        start: Name of the module that is run.
    """
    order = []
    _visit(files, start, order, ())
    numbers = {name: f"module{i}" for i, name in enumerate(order)}
    return "\n".join(_wrapped(files[name], name, numbers, is_last=name == start) for name in order)


def _visit(files, name, order, above):
    if name in above:
        raise ValueError(f"Modules must not import each other in a circle: {(*above, name)}")
    if name not in order:
        for _, target in _IMPORT.findall(files[name]):
            _visit(files, _resolved(name, target), order, (*above, name))
        order.append(name)


def _resolved(name, target):
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _wrapped(text, name, numbers, is_last):
    def imported(match):
        return f"const {match[1].replace(' as ', ': ')} = {numbers[_resolved(name, match[2])]};"

    exported = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub(imported, text))
    if is_last:  # A block may wait for promises.
        return f"{{\n{body}}}"
    return f"const {numbers[name]} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();"
