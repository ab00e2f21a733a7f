import numpy as np
import PIL.Image
import pytest

from kollias_affect.faces.images import read_image

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
