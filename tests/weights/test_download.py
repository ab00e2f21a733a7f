import hashlib
import http.server
import threading

import pytest

from kollias_affect.weights.download import fetch

CONTENT = bytes(range(256)) * 40
HASH = hashlib.sha256(CONTENT).hexdigest()
SCHEMES = ("https", "http")  # the server of these tests has no certificate


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `CONTENT`; the path says with which fault."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        fault = self.path.strip("/")
        if fault == "missing":
            return self.send_error(404)
        if fault == "away":
            self.send_response(302)
            self.send_header("Location", "ftp://localhost/file")
            return self.end_headers()
        content, start = CONTENT, 0
        if fault == "wrong":
            content = bytes(len(CONTENT))
        if self.headers.get("Range") and fault != "ranges_unknown":
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.send_error(416)
            self.send_response(206)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + 5000 if fault == "short" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_once_whole(server, tmp_path):
    path = fetch(f"{server.url}file", tmp_path / "cache" / "a.keras", HASH, SCHEMES)
    assert path.read_bytes() == CONTENT and [p.name for p in path.parent.iterdir()] == ["a.keras"]


@pytest.mark.parametrize("name", ["file", "ranges_unknown"])
def test_a_broken_download_goes_on(server, tmp_path, name):
    with pytest.raises(OSError, match=r"5,000 of 10,240 bytes.*kept"):
        fetch(f"{server.url}short", tmp_path / "a.keras", HASH, SCHEMES)
    assert not (tmp_path / "a.keras").exists()
    fetch(f"{server.url}{name}", tmp_path / "a.keras", HASH, SCHEMES)
    assert (tmp_path / "a.keras").read_bytes() == CONTENT
    assert server.requests[-1] == (f"/{name}", "bytes=5000-")
    assert not (tmp_path / "a.keras.partial").exists()


def test_a_whole_partial_file_is_taken(server, tmp_path):
    (tmp_path / "a.keras.partial").write_bytes(CONTENT)
    fetch(f"{server.url}file", tmp_path / "a.keras", HASH, SCHEMES)
    assert (tmp_path / "a.keras").read_bytes() == CONTENT


def test_a_wrong_hash_is_never_used(server, tmp_path):
    with pytest.raises(ValueError, match=rf"SHA-256 {HASH}.*removed"):
        fetch(f"{server.url}wrong", tmp_path / "a.keras", HASH, SCHEMES)
    assert not list(tmp_path.iterdir())


def test_errors_of_the_server_and_of_the_network(server, tmp_path):
    with pytest.raises(OSError, match="404"):
        fetch(f"{server.url}missing", tmp_path / "a.keras", HASH, SCHEMES)
    with pytest.raises(OSError, match=r"needs the network.*by hand"):
        fetch("http://127.0.0.1:9/file", tmp_path / "a.keras", HASH, SCHEMES)


def test_only_safe_addresses_are_fetched(server, tmp_path):
    for url in (f"{server.url}file", "file:///etc/hostname", "ftp://localhost/file"):
        with pytest.raises(ValueError, match="must come by https"):
            fetch(url, tmp_path / "a.keras", HASH)
    with pytest.raises(ValueError, match="must come by"):  # nor where the server sends us on to
        fetch(f"{server.url}away", tmp_path / "a.keras", HASH, SCHEMES)
    assert not list(tmp_path.glob("*.keras"))
