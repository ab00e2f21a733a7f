import gzip
import io
import os
import subprocess
import sys
import tarfile
import textwrap

import pytest

from kollias_affect.datasets import _archives


@pytest.fixture
def content(tmp_path):
    """A folder with a few files, some of them larger than a block of an archive."""
    folder = tmp_path / "set"
    (folder / "deep").mkdir(parents=True)
    for i in range(6):
        (folder / "deep" / f"{i}.jpg").write_bytes(bytes(range(256)) * (i + 1))
    return folder


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def partial(folder):
    """Unfinished folders and files in a folder."""
    return [path for path in folder.iterdir() if "partial" in path.name]


EXPECTED = [".source", *(f"set/deep/{i}.jpg" for i in range(6))]


@pytest.mark.parametrize(("ending", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".TGZ", "w:gz")])
def test_archives_are_unpacked_once(content, tmp_path, cache, tar, ending, mode):
    path = tar(content, tmp_path / f"set{ending}", mode)
    assert _archives.is_tar(path) and not _archives.is_tar(content)
    folder = _archives.unpack_tar(path)
    assert folder.parent == cache and names(folder) == EXPECTED
    for i in range(6):
        copy = folder / "set" / "deep" / f"{i}.jpg"
        assert copy.read_bytes() == (content / "deep" / f"{i}.jpg").read_bytes()
    (folder / "mark").touch()
    assert _archives.unpack_tar(path) == folder and (folder / "mark").exists()


def test_the_folder_follows_the_umask(content, tmp_path, tar):
    path, before = tar(content, tmp_path / "set.tar"), os.umask(0o022)
    try:
        assert _archives.unpack_tar(path).stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_a_changed_archive_is_unpacked_again(content, tmp_path, tar):
    first = _archives.unpack_tar(tar(content, tmp_path / "set.tar"))
    (content / "new.jpg").write_bytes(b"new")
    second = _archives.unpack_tar(tar(content, tmp_path / "set.tar"))
    assert second != first and (second / "set" / "new.jpg").exists()


def test_unpack_to_names_the_folder(content, tmp_path, tar):
    path, to = tar(content, tmp_path / "set.tar"), tmp_path / "here" / "and here"
    to.mkdir(parents=True)  # an empty folder counts as none
    assert _archives.unpack_tar(path, to) == to and names(to) == EXPECTED
    assert _archives.unpack_tar(path, str(to)) == to


def test_other_folders_are_left_alone(content, tmp_path, tar):
    path, to = tar(content, tmp_path / "set.tar"), tmp_path / "mine"
    to.mkdir()
    (to / "precious").touch()
    (tmp_path / "file").write_text("mine")
    for place in (to, tmp_path / "file"):
        with pytest.raises(FileExistsError, match=r"new folder, or one unpacked from the same"):
            _archives.unpack_tar(path, place)
    assert names(to) == ["precious"] and (tmp_path / "file").read_text() == "mine"
    _archives.unpack_tar(path, tmp_path / "done")
    other = tar(content, tmp_path / "other.tar")
    with pytest.raises(FileExistsError, match=r"which was not unpacked from .*other\.tar"):
        _archives.unpack_tar(other, tmp_path / "done")


def test_a_failure_leaves_no_folder_that_is_read(tmp_path, cache):
    source = tmp_path / "source"
    source.write_text("content")

    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        _archives.unpack(source, fail)
    assert list(cache.iterdir()) == []
    folder = _archives.unpack(source, lambda folder: (folder / "complete").touch())
    assert names(folder) == [".source", "complete"]


def test_leftovers_of_a_killed_process_are_removed(content, tmp_path, cache, tar):
    path = tar(content, tmp_path / "set.tar")
    code = """
    import os, sys
    from kollias_affect.datasets import _archives
    def write(folder):
        (folder / "half").touch()
        os.kill(os.getpid(), 9)
    _archives.unpack(sys.argv[1], write)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(path)])
    assert ran.returncode == -9 and len(partial(cache)) == 1 == len(list(cache.iterdir()))
    folder = _archives.unpack_tar(path)
    assert names(folder) == EXPECTED and list(cache.iterdir()) == [folder]


def test_two_processes_may_unpack_at_once(content, tmp_path, cache, tar):
    path = tar(content, tmp_path / "set.tar")
    code = """
    import sys, time
    from kollias_affect.datasets import _archives
    def write(folder):
        print("writing", flush=True)
        sys.stdin.readline()  # both processes wait here
        _archives.extract_tar(_archives.Path(sys.argv[1]), folder)
    print(_archives.unpack(sys.argv[1], write))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["writing\n"] * 2
    results = [process.communicate("go\n", timeout=60)[0].strip() for process in both]
    [folder] = cache.iterdir()
    assert results == [str(folder)] * 2 and names(folder) == EXPECTED


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_truncated_archive_is_refused(content, tmp_path, cache, tar, mode):
    complete = tar(content, tmp_path / "set.tar", mode).read_bytes()
    path = tmp_path / "cut.tar"
    # The last kilobytes of a plain archive are zeros after its end.
    most = len(complete) - 1 if mode == "w:gz" else len(complete.rstrip(b"\0"))
    lengths = {*range(1, most, 389), *range(512, most, 512), most}
    for length in sorted(lengths):
        path.write_bytes(complete[:length])
        with pytest.raises(ValueError, match=r"must be complete. Received: .*cut\.tar"):
            _archives.unpack_tar(path)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_damaged_archive_is_refused(content, tmp_path, cache, tar, mode):
    content = tar(content, tmp_path / "set.tar", mode).read_bytes()
    path = tmp_path / "bad.tar"
    if mode == "w":  # the header of a file in the middle; tar has no checksums of contents
        position = content.index(b"set/deep/3.jpg") + 20
        positions = [position]
    else:
        positions = range(20, len(content), 50)
    for position in positions:
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 85]) + content[position + 1 :]
        )
        with pytest.raises(ValueError, match=r"must be complete. Received: .*bad\.tar"):
            _archives.unpack_tar(path)
    assert list(cache.iterdir()) == []


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.tar"
    for content, message in (
        (b"", "0 bytes"),
        (b"text", "must be complete"),
        (b"\0" * 99, "complete"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            _archives.unpack_tar(path)
    path.write_bytes(gzip.compress(b"text"))
    with pytest.raises(ValueError, match="must be complete"):
        _archives.unpack_tar(path)
    with pytest.raises(FileNotFoundError, match="existing file"):
        _archives.unpack_tar(tmp_path / "none.tar")


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (member("/etc/evil.jpg"), "a name outside of it"),
        (member("../evil.jpg"), "a name outside of it"),
        (member("a/../../evil.jpg"), "a name outside of it"),
        (member("../evil", tarfile.DIRTYPE), "a name outside of it"),
        (member("a.jpg", tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (member("a.jpg", tarfile.LNKTYPE, "good.jpg"), "a link"),
        (member("a.jpg", tarfile.CHRTYPE), "a link"),
        (member("a.jpg", tarfile.FIFOTYPE), "a link"),
    ],
)
def test_links_and_names_outside_of_the_folder_are_refused(tmp_path, cache, bad, what):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(member("good.jpg"), io.BytesIO(b"good"))
        archive.addfile(bad, io.BytesIO(b"evil") if bad.isreg() else None)
    with pytest.raises(ValueError, match=rf"plain files.*{bad.name}.*bad\.tar, {what}"):
        _archives.unpack_tar(path)
    assert list(cache.iterdir()) == [] and not (cache.parent / "evil.jpg").exists()


def test_a_cache_that_cannot_be_written_is_an_error(content, tmp_path, tar, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="file"):
        _archives.unpack_tar(tar(content, tmp_path / "set.tar"))
