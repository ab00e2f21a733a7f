import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from shared_values import SHARED

from kollias_affect.faces import Video
from kollias_affect.faces.images import is_still, read_image, refuse_large

RED, GREEN = (200, 30, 30), (20, 180, 40)


@pytest.fixture
def picture():
    """16 x 24 pixels, the upper left quarter green, the rest red."""
    image = np.full((16, 24, 3), RED, np.uint8)
    image[:8, :12] = GREEN
    return image


def save(path, image, mode=None, **options):
    image = PIL.Image.fromarray(image)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "jpg"])
def test_common_formats(picture, tmp_path, ending):
    options = {"lossless": True} if ending == "webp" else {"quality": 95, "subsampling": 0}
    read = read_image(save(tmp_path / f"a.{ending}", picture, **options))
    assert read.dtype == np.uint8 and read.shape == (16, 24, 3)
    assert np.abs(read.astype(int) - picture)[2:6, 2:10].max() <= 8


def test_exif_orientation_is_applied(picture, tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the picture is to be turned clockwise
    path = save(tmp_path / "a.jpg", picture, exif=exif, quality=95, subsampling=0)
    expected = np.rot90(picture, -1)
    assert np.abs(read_image(path).astype(int) - expected)[2:9, 10:14].max() <= 8
    assert read_image(path).shape == (24, 16, 3)


def test_one_channel_becomes_three(picture, tmp_path):
    read = read_image(save(tmp_path / "a.png", picture, "L"))
    assert (read[..., 0] == read[..., 1]).all() and (read[..., 0] == read[..., 2]).all()
    assert read_image(save(tmp_path / "b.png", picture, "1")).max() == 255


def test_sixteen_bits_are_reduced_to_the_upper_eight(tmp_path):
    """Pillow's own conversion would cut them at 255, and all would be white."""
    deep = (np.arange(16 * 24, dtype=np.uint16) * 170).reshape(16, 24)
    assert (read_image(save(tmp_path / "a.png", deep))[..., 0] == deep >> 8).all()


def test_transparent_pixels_are_blended_with_white(picture, tmp_path):
    alpha = np.full((16, 24, 1), 255, np.uint8)
    alpha[:8] = 0
    read = read_image(save(tmp_path / "a.png", np.concatenate([picture, alpha], -1)))
    assert (read[:8] == 255).all() and (read[8:] == RED).all()


def test_a_palette_with_transparency_is_blended_with_white(picture, tmp_path):
    image = PIL.Image.fromarray(picture).quantize(2)
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    read = read_image(tmp_path / "a.png")
    assert (read[:8, :12] == 255).all() and (read[8:] == RED).all()


def test_cmyk_is_converted(picture, tmp_path):
    read = read_image(save(tmp_path / "a.jpg", picture, "CMYK", quality=95))
    assert np.abs(read[12, 20].astype(int) - RED).max() < 12


def test_incomplete_and_other_files_are_refused(picture, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    cut = save(tmp_path / "cut.jpg", noise)
    cut.write_bytes(cut.read_bytes()[:9000])
    fractions = tmp_path / "fractions.tif"
    PIL.Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(fractions)
    script = tmp_path / "script.jpg"  # Pillow would hand it to Ghostscript
    script.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    for path in (text, cut, fractions, script):
        with pytest.raises(ValueError, match=r"complete JPEG.*Received: .*save it as"):
            read_image(path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ValueError, match="0 bytes"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(FileNotFoundError, match="existing file"):
        read_image(tmp_path / "none.png")


def test_unreasonably_large_images_are_refused(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="exceeds limit"):
        read_image(save(tmp_path / "a.png", picture))


def block(orientation, order="<"):
    """An EXIF block whose first tag is damaged and whose second is the orientation."""
    entries = struct.pack(f"{order}HHII", 0x010F, 2, 0xFFFFFFFF, 0xFFFFFFF0)
    entries += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    return b"Exif\0\0" + head + struct.pack(f"{order}H", 9) + entries


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_damaged_exif_block_leaves_the_picture_and_its_orientation(picture, tmp_path, order):
    path = save(tmp_path / "a.jpg", picture, exif=block(6, order), quality=95, subsampling=0)
    read = read_image(path)
    assert read.shape == (24, 16, 3)
    assert np.abs(read.astype(int) - np.rot90(picture, -1))[2:9, 10:14].max() <= 8


def test_no_damage_of_an_exif_block_costs_the_picture(picture, tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 1, "a camera", {0x9286: "a comment", 0x829A: 0.5}
    whole = exif.tobytes()
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in random.integers(8, len(whole), 4):
            damaged[place] = random.integers(256)
        path = save(tmp_path / "a.jpg", picture, exif=bytes(damaged), quality=95)
        assert sorted(read_image(path).shape) == [3, 16, 24]


def test_a_picture_that_claims_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    path = tmp_path / "a.png"
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    path.write_bytes(start + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\x08IDAT12345678")
    with pytest.raises(ValueError, match=r"a.png.*pixels"):
        read_image(path)


def test_photographs_of_phones_are_stills_with_all_tiles_joined(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    image = np.zeros((96, 160, 3), np.uint8)
    image[:, 80:] = RED
    for ending in ("heic", "avif"):
        path = tmp_path / f"a.{ending}"
        if ending == "heic":
            pillow_heif.from_pillow(PIL.Image.fromarray(image)).save(path, quality=95)
        else:
            PIL.Image.fromarray(image).save(path, quality=95)
        renamed = path.rename(tmp_path / f"{ending}.mp4")
        read = read_image(renamed)
        assert np.abs(read.astype(int) - image).mean() < 6 and is_still(renamed)
        with pytest.raises(ValueError, match="photograph"):
            Video(renamed)


@pytest.mark.parametrize(("name", "shape"), [("heic", (1536, 1536, 3)), ("avif", (512, 512, 3))])
def test_shared_photographs_of_phones_are_read(name, shape):
    path = SHARED / "cases" / f"photo.{name}"
    if not path.is_file():
        pytest.skip(f"these inputs are not part of the repository: {path}")
    assert read_image(path).shape == shape


def test_other_decoders_do_not_get_images_that_claim_too_much(picture, tmp_path):
    refuse_large(save(tmp_path / "a.png", picture))
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"at most .* pixels. Received: .*a.png"):
        refuse_large(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    refuse_large(tmp_path / "b.png")  # its decoder says so
