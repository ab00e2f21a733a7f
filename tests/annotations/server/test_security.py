import importlib.resources
import re
import socket

import httpx
import pytest

from kollias_affect._web import running


def send(prepared, method="GET", path="/api/config", **headers):
    """Sends a request with headers of one's choice, such as a wrong Host."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    base = prepared.address.split("?")[0]
    with httpx.Client(base_url=base, timeout=20) as client:
        content = b"{}" if method == "POST" else None
        if method == "POST":
            names.setdefault("content-type", "application/json")
        return client.request(method, path, headers=names, content=content)


def own(prepared):
    return httpx.URL(prepared.address).netloc.decode()


@pytest.fixture
def prepared(serve, numbered_video):
    return serve(numbered_video)


def test_the_server_listens_on_the_loopback_only_by_default(prepared):
    assert prepared.listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "", "[::1", "a b"]
)
def test_other_host_names_are_refused(prepared, host):
    """A site whose name points to this machine (DNS rebinding) sends its own name."""
    assert send(prepared, host=host).status_code in (400, 421)


def test_own_host_names_are_answered(prepared):
    port = own(prepared).split(":")[1]
    for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        assert send(prepared, host=f"{name}:{port}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_other_sites_cannot_post(prepared, headers):
    answer = send(prepared, "POST", "/api/session", **headers)
    assert answer.status_code == 403 and "another site" in answer.text


def test_the_own_page_can_post(prepared):
    answer = send(prepared, "POST", "/api/session", origin=f"http://{own(prepared)}")
    assert answer.status_code == 422  # It is read, and lacks its fields.


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(prepared, method):
    assert send(prepared, method, "/api/videos").status_code in (403, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server/app.py",
        "/page/%2e%2e/server/app.py",
        "/page/..%2f..%2f..%2fetc%2fpasswd",
        "/page//etc/passwd",
        "/page/guidelines.md",
        "/media/..%2fannotations.sqlite",
        "/media/%2fetc%2fpasswd",
        "/annotations.sqlite",
        "/copies/",
        "/docs",
        "/openapi.json",
    ],
)
def test_nothing_but_the_page_and_the_named_videos_is_served(prepared, visit, path):
    page = visit(prepared, "A1")
    assert page.get(path).status_code == 404


def test_a_video_that_is_in_the_store_but_not_named_is_not_served(
    serve, visit, numbered_video, second_video
):
    both = visit(serve(numbered_video, second_video), "A1")
    hidden = both.listed()["second.mp4"]["video"]
    take = both.new_take("second.mp4")
    one = visit(serve(numbered_video), "A1")
    assert list(one.listed()) == ["numbers.mp4"]
    assert one.get(f"media/{hidden}").status_code == 404
    assert one.get(f"api/takes/{take}").status_code == 404


def test_every_answer_forbids_other_sources(prepared):
    for path in ("/", "/page/js/app.js", "/api/config", "/nothing"):
        headers = send(prepared, path=path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_no_file_of_the_page_names_another_server():
    roots = (importlib.resources.files(f"kollias_affect.{p}") for p in ("annotations", "_web"))
    for path in (path for root in roots for path in (root / "page").rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(https?:)?//[\w-]+\.\w", text), path


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(prepared, visit):
    page = visit(prepared)
    fields = {"dimension": "valence", "mode": "bounded", "device": "mouse", "role": "annotator"}
    cookie = page.post("api/session", json={"name": "A1", **fields}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie


def test_another_address_makes_a_token_and_needs_it(serve, numbered_video):
    prepared = serve(numbered_video, host="0.0.0.0")
    port = prepared.listener.getsockname()[1]
    token = re.search(r"\?token=(\w+)$", prepared.address)[1]
    assert len(token) >= 20
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, timeout=20) as client:
        for path in ("/", "/api/config", "/page/style.css", "/?token=wrong", "/api/config?token="):
            assert client.get(path).status_code == 403
        answer = client.get(f"/?token={token}")
        assert answer.status_code == 303 and answer.headers["location"] == "/"
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert client.get("/").status_code == 200
        assert client.get("/api/config").status_code == 200
        # A name that points to this machine is no name of this server.
        assert client.get("/", headers={"host": f"evil.example:{port}"}).status_code == 421
        host = socket.gethostname()
        assert client.get("/", headers={"host": f"{host}:{port}"}).status_code == 200


def test_a_server_in_front_has_a_name_and_needs_the_token(serve, numbered_video):
    prepared = serve(numbered_video, names=["affect.example.org"])
    token = prepared.address.split("token=")[1]
    entered = send(prepared, path=f"/?token={token}", host="affect.example.org")
    cookie = entered.headers["set-cookie"].split(";")[0]
    assert send(prepared, host="affect.example.org").status_code == 403
    assert send(prepared, host="affect.example.org", cookie=cookie).status_code == 200
    answer = send(
        prepared, "POST", "/api/session", host="affect.example.org", cookie=cookie,
        origin="https://affect.example.org",
    )  # fmt: skip
    assert answer.status_code == 422  # It is read, and lacks its fields.
    assert send(prepared, host="other.example.org", cookie=cookie).status_code == 421


def test_a_made_token_stays_the_same_after_a_restart(serve, numbered_video):
    first, second = (serve(numbered_video, host="0.0.0.0").address for _ in range(2))
    assert first.split("token=")[1] == second.split("token=")[1]


def test_a_chosen_token_is_needed_on_the_loopback_too(serve, numbered_video):
    prepared = serve(numbered_video, token="a-chosen-token")
    assert httpx.get(prepared.address.split("?")[0]).status_code == 403
    assert httpx.get(prepared.address).status_code == 303


@pytest.mark.parametrize("token", ["short", "with space", "ünïcödé-token", "semi;colon"])
def test_a_bad_token_is_refused(token):
    with pytest.raises(ValueError, match="--token must be"):
        running.token_for("127.0.0.1", token)


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="Choose another --port"):
            running.listen("127.0.0.1", taken.getsockname()[1])
