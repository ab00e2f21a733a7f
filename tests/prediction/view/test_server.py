"""The server answers its page, tracks and media, and nothing else."""

import re

import httpx
import pytest


def get(prepared, path, **headers):
    with httpx.Client(base_url=prepared.address.split("?")[0], timeout=20) as client:
        return client.get(path, headers=headers)


def test_the_page_its_contents_and_parts_of_media_are_answered(prediction, serve):
    out = prediction()
    prepared = serve(out)
    assert get(prepared, "/").status_code == 200
    index = get(prepared, "/index.json").json()
    (entry,) = index["entries"]
    assert get(prepared, f"/tracks-{entry['number']}.json").json()["people"][0]["id"] == 0
    address = entry["media"][0]["href"]
    part = get(prepared, address, range="bytes=10-19")
    assert part.status_code == 206 and part.headers["content-type"] == "video/mp4"
    assert part.content == (out / "annotated" / "talk.mp4").read_bytes()[10:20]


@pytest.mark.parametrize(
    "path",
    [
        "/media/1", "/media/-1", "/media/talk.mp4", "/media/../talk.csv", "/media/%2fetc%2fpasswd",
        "/page/../server.py", "/page/..%2fserver.py", "/page//etc/passwd", "/talk.csv",
        "/tracks-1.json", "/annotated/talk.mp4", "/docs",
    ],
)  # fmt: skip
def test_nothing_else_is_answered(prediction, serve, path):
    assert get(serve(prediction()), path).status_code == 404


def test_other_sites_and_names_are_refused_and_every_answer_has_the_policy(prediction, serve):
    prepared = serve(prediction(annotated=False))
    assert get(prepared, "/index.json", host="evil.example").status_code == 421
    for path in ("/", "/page/js/main.js", "/index.json", "/nothing"):
        headers = get(prepared, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
    assert prepared.listener.getsockname()[0] == "127.0.0.1"


def test_another_address_makes_a_token_and_needs_it(prediction, serve):
    prepared = serve(prediction(annotated=False), host="0.0.0.0")
    port = prepared.listener.getsockname()[1]
    token = re.search(r"\?token=(\w+)$", prepared.address)[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        for path in ("/", "/index.json", "/tracks-0.json", "/page/style.css"):
            assert client.get(path).status_code == 403
        assert client.get(f"/?token={token}").status_code == 303
        assert client.get("/index.json").status_code == 200


def test_a_file_that_was_moved_is_told(prediction, serve):
    out = prediction()
    prepared = serve(out)
    (out / "annotated" / "talk.mp4").unlink()
    assert get(prepared, "/media/0").status_code == 410
