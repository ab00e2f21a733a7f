"""The page's files agree with each other: texts, modules, colours."""

import importlib.resources
import json
import posixpath
import re
import string

import pytest
from pages import contrast

from kollias_affect._web import page_files
from kollias_affect.annotations import guidelines, texts
from kollias_affect.annotations.server import media

PAGE = importlib.resources.files("kollias_affect.annotations") / "page"
SHARED = importlib.resources.files("kollias_affect._web") / "page"
MODULES = {p.relative_to(PAGE).as_posix(): p.read_text("utf-8") for p in PAGE.rglob("*.js")}
CODES = set(
    re.findall(
        r"RequestError\(\s*\d+,\s*\"(\w+)\"",
        "".join(p.read_text("utf-8") for p in (PAGE.parent / "server").glob("*.py")),
    )
)


def used_keys():
    """Keys of texts in the modules; the end of `t(`dimension.${name}`)` is any name."""
    code = "\n".join(MODULES.values())
    literal = set(re.findall(r"\"([a-z_]+(?:\.[a-z_]+)+)\"", code))
    patterns = re.findall(r"(?<!\w)t\(`([^`]*)`\)", code)
    return literal, [re.sub(r"\\\$\\\{.*?\\\}", r"[\\w.]+", re.escape(p)) for p in patterns]


def test_every_text_of_the_page_exists():
    known = set(texts.default())
    literal, patterns = used_keys()
    assert literal - known <= {"texts.json"}
    assert all(any(re.fullmatch(p, key) for key in known) for p in patterns)


def test_every_text_is_used():
    literal, patterns = used_keys()
    code = "\n".join(MODULES.values())
    unused = {
        key
        for key in texts.default()
        if key not in literal
        and f'"{key}"' not in code
        and not any(re.fullmatch(p, key) for p in patterns)
    }
    assert not unused


def test_every_error_of_the_server_has_a_text():
    known = set(texts.default())
    # "invalid" and "failed to parse" come from no page of ours: the server's message is shown.
    assert {f"error.{code}" for code in CODES - {"invalid", "read_only"}} <= known
    assert "error.missing" in known and "error.read_only" in known


def test_names_in_braces_are_those_of_the_code():
    """A translator may only use names that the page fills in."""
    for key, text in texts.default().items():
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        call = re.findall(rf"\"{re.escape(key)}\", \{{([^}}]*(?:\}}[^}}]*?)?)\}}", str(MODULES))
        for name in names:
            assert not call or any(name in c for c in call), (key, name)


def test_a_translation_may_be_partial(tmp_path):
    path = tmp_path / "de.json"
    path.write_text(json.dumps({"nav.videos": "Videos ansehen", "page.language": "de"}))
    assert texts.read(path)["nav.videos"] == "Videos ansehen"
    assert texts.read(path)["nav.guidelines"] == "Guidelines"


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "must be a JSON file"), ("[]", "JSON object"), ('{"nav.vidoes": "x"}', "nav.vidoes")],
)
def test_a_wrong_translation_is_refused(tmp_path, content, message):
    (tmp_path / "de.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        texts.read(tmp_path / "de.json")


def test_imports_of_modules_lead_to_files():
    for name, code in MODULES.items():
        for target in re.findall(r"from \"(\.[^\"]+)\"", code):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            assert path in media.files_of_page(), (name, target)


def test_the_page_is_served_completely_and_is_small():
    files = media.files_of_page()
    shared = {f"{page_files.SHARED}{path.name}" for path in SHARED.iterdir()}
    assert {"index.html", "style.css", "texts.json", *MODULES, *shared} == set(files)
    assert sum(len(content) for content, _ in files.values()) < 150_000


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(theme):
    css = (SHARED / "base.css").read_text("utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", re.findall(r":root \{[^}]*\}", css)[theme]))
    pairs = [(text, back) for text in ("text", "muted", "accent") for back in ("page", "card")]
    pairs += [("on-accent", "accent"), ("good", "good-back"), ("bad", "bad-back"), ("bad", "card")]
    pairs += [("good", "card"), ("text", "badge")]
    for text, back in pairs:
        assert contrast(colours[text], colours[back]) >= 4.5, (text, back)
    assert contrast(colours["field-line"], colours["card"]) >= 3  # borders of controls


def test_sizes_scale_with_the_text_of_the_browser():
    css = (PAGE / "style.css").read_text("utf-8") + (SHARED / "base.css").read_text("utf-8")
    sizes = re.findall(r"font(?:-size)?:[^;]*?([\d.]+)px", css)
    assert not sizes


def test_guidelines_of_the_owner_are_shown_and_never_run():
    html = guidelines.to_html(
        "# A\n\n<script>alert(1)</script> [x](javascript:alert(1))\n\n|a|b|\n|-|-|\n|1|2|"
    )
    assert "<script" not in html and 'href="javascript' not in html and "<table>" in html


def test_the_default_guidelines_have_cues_for_both_dimensions():
    html = guidelines.to_html(guidelines.default())
    assert "<h1>" in html and html.count("<table>") == 1
    assert "<strong>Valence</strong>" in html and "<strong>Arousal</strong>" in html
