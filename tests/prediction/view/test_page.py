"""The page as one file: it holds everything, runs nothing of others, and links to media."""

import base64
import html.parser
import importlib.resources
import json
import re
import urllib.parse

import pytest
from pages import contrast

from kollias_affect.prediction import view
from kollias_affect.prediction.view import bundle

PAGE = importlib.resources.files("kollias_affect.prediction.view") / "page"
BASE = importlib.resources.files("kollias_affect._web") / "page" / "base.css"


class Elements(html.parser.HTMLParser):
    """Elements of a page as a browser parses it, with the texts of the scripts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self.inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.inside = dict(attributes).get("id") if tag == "script" else None

    def handle_data(self, data):
        if self.inside:
            self.texts[self.inside] = self.texts.get(self.inside, "") + data


def written(out, **options):
    return Elements(view.write_page(out, **options).read_text(encoding="utf-8"))


def entries(page):
    return json.loads(page.texts["index"])["entries"]


def test_the_page_loads_nothing(prediction):
    page = written(prediction())
    assert not [
        a for _, a in page.found if "src" in a or a.get("href", "data:,") not in ("data:,", "#main")
    ]
    policy = next(a["content"] for _, a in page.found if "http-equiv" in a)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "connect-src" not in policy  # nothing may be fetched


def test_no_file_of_the_page_names_another_server():
    for path in PAGE.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"(https?:)?//[\w-]+\.\w", text), path


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "<!-- <script>"]
)
def test_names_end_no_element_and_start_none(prediction, name):
    out = prediction(annotated=False)
    before = [tag for tag, _ in written(out).found]
    table = (out / "talk.csv").read_text()
    (out / "other.csv").write_text(table.replace("talk.mp4", name))
    page = written(out)
    assert [tag for tag, _ in page.found] == [*before, "script"]  # its own tracks
    assert {entry["name"] for entry in entries(page)} == {"talk.mp4", name}


def test_the_name_of_the_folder_is_escaped(prediction, tmp_path):
    out = prediction(annotated=False)
    out = out.rename(tmp_path / "<b>&amp;")
    page = written(out)
    assert "b" not in [tag for tag, _ in page.found]


def test_media_are_relative_links_that_lead_to_the_file(prediction, tmp_path):
    out = prediction(name="a #1%20 ü?.mp4")
    for target in (None, tmp_path / "elsewhere" / "page.html"):
        path = view.write_page(out, target)
        (link,) = entries(Elements(path.read_text("utf-8")))[0]["media"]
        assert ":" not in link["href"]
        file = path.parent / urllib.parse.unquote(link["href"])
        assert file.resolve() == (out / "annotated" / "a #1%20 ü?.mp4").resolve()
        assert not set("#?") & set(link["href"])


def test_embedded_media_are_in_the_page(prediction):
    out = prediction()
    page = written(out, embed=True)
    ((medium,),) = [entry["media"] for entry in entries(page)]
    content = base64.b64decode(page.texts[f"medium-{medium['number']}"])
    assert content == (out / "annotated" / "talk.mp4").read_bytes() and "href" not in medium


def test_media_that_are_too_large_are_not_embedded(prediction, monkeypatch):
    monkeypatch.setattr("kollias_affect.prediction.view.writing.MOST_EMBEDDED", 100)
    with pytest.raises(ValueError, match="Leave it out"):
        view.write_page(prediction(), embed=True)


def test_a_page_is_replaced_and_another_file_is_not(prediction):
    out = prediction(annotated=False)
    assert view.write_page(out).read_text() == view.write_page(out).read_text()
    (out / "view.html").write_text("<html>mine</html>")
    with pytest.raises(FileExistsError, match="holds something else"):
        view.write_page(out)
    assert (out / "view.html").read_text() == "<html>mine</html>"


def test_modules_are_joined_in_the_order_of_their_imports():
    files = {
        "js/main.js": 'import { a } from "./a.js";\nimport { b as c } from "./sub/b.js";\nlog(c);',
        "js/a.js": "export const a = 1;\n",
        "js/sub/b.js": 'import { a } from "../a.js";\nexport async function b() { return a; }\n',
    }
    script = bundle.script_of(files, "js/main.js")
    assert "import" not in script and "export" not in script
    places = [script.index(text) for text in ("const a = 1", "async function b", "log(c)")]
    assert places == sorted(places)
    assert "const { b: c } = module1;" in script


def test_modules_in_a_circle_are_refused():
    files = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    with pytest.raises(ValueError, match="circle"):
        bundle.script_of(files, "a.js")


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_curves_and_dots_have_the_contrast_of_wcag(theme):
    """Graphics have at least 3:1 (WCAG 2.2, 1.4.11)."""
    own, base = ((PAGE / "style.css").read_text("utf-8"), BASE.read_text("utf-8"))
    blocks = [re.findall(r":root \{[^}]*\}", css)[theme] for css in (own, base)]
    colours, card = (dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in blocks)
    graphics = set(colours) - {"grid", "faint", "dot"}
    assert len(graphics) == 13
    for name in graphics:
        assert contrast(colours[name], card["card"]) >= 3, name


def test_sizes_scale_with_the_text_of_the_browser():
    css = (PAGE / "style.css").read_text("utf-8")
    assert not re.findall(r"font(?:-size)?:[^;]*?([\d.]+)px(?! *;? *fill)", css.replace(".1px", ""))
