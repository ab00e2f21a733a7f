"""Claims of files are compared with the files, before anything is allocated."""

import errno
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from kollias_affect import _untrusted
from kollias_affect._files import read_array, write_array


def npz(path, header, data=b"\0" * 16):
    """An archive of an array with any header."""
    text = header.encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("landmarks.npy", content)
    return path


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", "claims 4,000,000"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "shape"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "array of objects"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2", ""),
        ("{'''", ""),  # the tokenizer of Python raises an error of its own
    ],
)
def test_arrays_cannot_claim_more_than_their_file(tmp_path, header, reason):
    path = npz(tmp_path / "a.npz", header)
    with (
        pytest.raises(_untrusted.UnreadableError, match=rf"Rule\. Received: .*a.npz.*{reason}.*Do"),
        _untrusted.reading("Rule", path, "Do it."),
    ):
        _untrusted.read_npz(path)


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(2**20))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (2**31).to_bytes(4, "little")
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        pytest.raises(_untrusted.UnreadableError, match="a claims 2,147,483,648 bytes"),
    ):
        _untrusted.check_zip(archive)


@pytest.mark.parametrize("depth", [100_000, 10_000_000])
def test_deep_json_is_a_value_error(depth):
    with pytest.raises(ValueError, match="nested too deeply|more memory"):
        _untrusted.parse_json("[" * depth)


@pytest.mark.parametrize("error", [TypeError("a"), AttributeError(), struct.error(), KeyError("b")])
def test_any_error_of_a_library_becomes_one_that_names_the_file(tmp_path, error):
    with (
        pytest.raises(ValueError, match=r"Rule\. Received: .*x\.bin \(.+\)\. Remedy") as raised,
        _untrusted.reading("Rule", tmp_path / "x.bin", "Remedy."),
    ):
        raise error
    assert raised.value.__cause__ is error


def test_errors_of_the_machine_stay_and_name_the_file(tmp_path):
    with (
        pytest.raises(OSError, match="x.bin") as raised,
        _untrusted.reading("Rule", tmp_path / "x.bin", "Remedy."),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.errno == errno.ENOSPC


def test_an_error_that_names_the_file_is_not_wrapped_again(tmp_path):
    path = tmp_path / "x.bin"
    with (
        pytest.raises(ValueError, match=r"^Inner\. Received: [^(]*$"),
        _untrusted.reading("Outer", path, "Remedy."),
    ):
        raise ValueError(f"Inner. Received: {path}. Fix it.")


ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_a_cached_array_is_read_as_it_was_written(tmp_path):
    write_array(tmp_path / "a.npy", ROWS.shape, "<f4", ROWS)
    assert np.array_equal(read_array(tmp_path / "a.npy", ROWS.shape, "<f4"), ROWS)
    assert np.array_equal(np.load(tmp_path / "a.npy"), ROWS)  # it stays a plain file
    assert read_array(tmp_path / "b.npy", ROWS.shape, "<f4") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content + b"\0",
        lambda content: content[:140] + b"\x01" + content[141:],  # a value
        lambda content: content.replace(b"(4, 3)", b"(3, 4)"),
        lambda content: content.replace(b"<f4", b"<i4"),
        lambda content: content.replace(b"'shape'", b"'shap\0'"),
        lambda content: b"",
    ],
)
def test_a_damaged_cached_array_counts_as_missing(tmp_path, damage, caplog):
    path = tmp_path / "a.npy"
    write_array(path, ROWS.shape, "<f4", ROWS)
    path.write_bytes(damage(path.read_bytes()))
    assert read_array(path, ROWS.shape, "<f4") is None
    assert "a.npy" in caplog.text and "computed again" in caplog.text


@pytest.mark.parametrize("kind", ["size", "sparse", "pax"])
def test_tar_members_cannot_claim_more_than_the_archive(tmp_path, kind):
    from kollias_affect.datasets import _archives

    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"data"))
    content = bytearray(path.read_bytes())
    content[124:136] = b"77777777777\0"  # 8 GiB
    content[156:157] = {"size": b"0", "sparse": b"S", "pax": b"x"}[kind]
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tar"):
        _archives.unpack_tar(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_large_arrays_of_npz_files_are_mapped_and_compared_with_their_checksum(tmp_path):
    path = tmp_path / "a.npz"
    values = np.random.default_rng(0).normal(size=(2000, 68, 2)).astype(np.float32)
    np.savez(path, landmarks=values, small=values[:3])
    mapped = _untrusted.map_npz(path, "landmarks")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, values)
    mapped[0] = 0  # in memory alone
    np.testing.assert_array_equal(np.load(path)["landmarks"], values)
    small = _untrusted.map_npz(path, "small")
    assert not isinstance(small, np.memmap)
    np.testing.assert_array_equal(small, values[:3])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        _untrusted.map_npz(path, "landmarks")
    np.savez_compressed(path, landmarks=values)
    np.testing.assert_array_equal(_untrusted.map_npz(path, "landmarks"), values)
