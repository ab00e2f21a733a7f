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
    """Everything in a folder that is not finished."""
    return [path for path in folder.iterdir() if "partial" in path.name]


EXPECTED = [".source", *(f"set/deep/{i}.jpg" for i in range(6))]


@pytest.mark.parametrize(("ending", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".TGZ", "w:gz")])
def test_archives_are_unpacked_once(content, tmp_path, cache, tar, ending, mode):
    path = tar(content, tmp_path / f"set{ending}", mode)
    assert _archives.is_tar(path) and not _archives.is_tar(content)
    folder = _archives.unpacked_tar(path)
    assert folder.parent == cache and names(folder) == EXPECTED
    for i in range(6):
        copy = folder / "set" / "deep" / f"{i}.jpg"
        assert copy.read_bytes() == (content / "deep" / f"{i}.jpg").read_bytes()
    (folder / "mark").touch()
    assert _archives.unpacked_tar(path) == folder and (folder / "mark").exists()


def test_the_folder_follows_the_umask(content, tmp_path, tar):
    path, before = tar(content, tmp_path / "set.tar"), os.umask(0o022)
    try:
        assert _archives.unpacked_tar(path).stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_a_changed_archive_is_unpacked_anew(content, tmp_path, tar):
    first = _archives.unpacked_tar(tar(content, tmp_path / "set.tar"))
    (content / "new.jpg").write_bytes(b"new")
    second = _archives.unpacked_tar(tar(content, tmp_path / "set.tar"))
    assert second != first and (second / "set" / "new.jpg").exists()


def test_unpack_to(content, tmp_path, tar):
    path, to = tar(content, tmp_path / "set.tar"), tmp_path / "here" / "and here"
    to.mkdir(parents=True)  # an empty folder is as good as none
    assert _archives.unpacked_tar(path, to) == to and names(to) == EXPECTED
    assert _archives.unpacked_tar(path, str(to)) == to


def test_what_is_in_the_way_is_left_alone(content, tmp_path, tar):
    path, to = tar(content, tmp_path / "set.tar"), tmp_path / "mine"
    to.mkdir()
    (to / "precious").touch()
    (tmp_path / "file").write_text("mine")
    for place in (to, tmp_path / "file"):
        with pytest.raises(FileExistsError, match=r"new folder, or one unpacked from the same"):
            _archives.unpacked_tar(path, place)
    assert names(to) == ["precious"] and (tmp_path / "file").read_text() == "mine"
    _archives.unpacked_tar(path, tmp_path / "done")
    other = tar(content, tmp_path / "other.tar")
    with pytest.raises(FileExistsError, match=r"which is not from .*other\.tar as it is now"):
        _archives.unpacked_tar(other, tmp_path / "done")


def test_a_failure_in_the_middle_leaves_nothing_that_is_trusted(tmp_path, cache):
    source = tmp_path / "source"
    source.write_text("content")

    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        _archives.unpacked(source, fail)
    assert list(cache.iterdir()) == []
    folder = _archives.unpacked(source, lambda folder: (folder / "whole").touch())
    assert names(folder) == [".source", "whole"]


def test_what_a_killed_process_left_is_not_used_and_removed(content, tmp_path, cache, tar):
    path = tar(content, tmp_path / "set.tar")
    code = """
    import os, sys
    from kollias_affect.datasets import archives
    def write(folder):
        (folder / "half").touch()
        os.kill(os.getpid(), 9)
    _archives.unpacked(sys.argv[1], write)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(path)])
    assert ran.returncode == -9 and len(partial(cache)) == 1 == len(list(cache.iterdir()))
    folder = _archives.unpacked_tar(path)
    assert names(folder) == EXPECTED and list(cache.iterdir()) == [folder]


def test_two_processes_unpack_at_once(content, tmp_path, cache, tar):
    path = tar(content, tmp_path / "set.tar")
    code = """
    import sys, time
    from kollias_affect.datasets import archives
    def write(folder):
        print("writing", flush=True)
        sys.stdin.readline()  # both are inside now
        _archives.extract_tar(_archives.Path(sys.argv[1]), folder)
    print(_archives.unpacked(sys.argv[1], write))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["writing\n"] * 2
    results = [process.communicate("go\n", timeout=60)[0].strip() for process in both]
    [folder] = cache.iterdir()
    assert results == [str(folder)] * 2 and names(folder) == EXPECTED


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_that_is_cut_anywhere_is_refused(content, tmp_path, cache, tar, mode):
    whole = tar(content, tmp_path / "set.tar", mode).read_bytes()
    path = tmp_path / "cut.tar"
    # The last kilobytes of a plain archive are zeros behind its end.
    most = len(whole) - 1 if mode == "w:gz" else len(whole.rstrip(b"\0"))
    lengths = {*range(1, most, 97), *range(512, most, 512), most}
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"must be whole. Received: .*cut\.tar"):
            _archives.unpacked_tar(path)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_damaged_archive_is_refused(content, tmp_path, cache, tar, mode):
    content = tar(content, tmp_path / "set.tar", mode).read_bytes()
    path = tmp_path / "bad.tar"
    if mode == "w":  # the header of a file in the middle; what a file holds is not checked in tar
        position = content.index(b"set/deep/3.jpg") + 20
        positions = [position]
    else:
        positions = range(20, len(content), 50)
    for position in positions:
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 85]) + content[position + 1 :]
        )
        with pytest.raises(ValueError, match=r"must be whole. Received: .*bad\.tar"):
            _archives.unpacked_tar(path)
    assert list(cache.iterdir()) == []


def test_files_that_are_no_archives(tmp_path):
    path = tmp_path / "a.tar"
    for content, message in ((b"", "0 bytes"), (b"text", "must be whole"), (b"\0" * 99, "whole")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            _archives.unpacked_tar(path)
    path.write_bytes(gzip.compress(b"text"))
    with pytest.raises(ValueError, match="must be whole"):
        _archives.unpacked_tar(path)
    with pytest.raises(FileNotFoundError, match="existing file"):
        _archives.unpacked_tar(tmp_path / "none.tar")


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (member("/etc/evil.jpg"), "a name that leaves it"),
        (member("../evil.jpg"), "a name that leaves it"),
        (member("a/../../evil.jpg"), "a name that leaves it"),
        (member("../evil", tarfile.DIRTYPE), "a name that leaves it"),
        (member("a.jpg", tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (member("a.jpg", tarfile.LNKTYPE, "good.jpg"), "a link"),
        (member("a.jpg", tarfile.CHRTYPE), "a link"),
        (member("a.jpg", tarfile.FIFOTYPE), "a link"),
    ],
)
def test_members_that_could_do_harm(tmp_path, cache, bad, what):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(member("good.jpg"), io.BytesIO(b"good"))
        archive.addfile(bad, io.BytesIO(b"evil") if bad.isreg() else None)
    with pytest.raises(ValueError, match=rf"plain files.*{bad.name}.*bad\.tar, {what}"):
        _archives.unpacked_tar(path)
    assert list(cache.iterdir()) == [] and not (cache.parent / "evil.jpg").exists()


def test_a_cache_that_cannot_be_written(content, tmp_path, tar, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="file"):
        _archives.unpacked_tar(tar(content, tmp_path / "set.tar"))
