import numpy as np
import pytest

from kollias_affect import EXPRESSIONS
from kollias_affect.faces import Video
from kollias_affect.faces.images import read_image
from kollias_affect.prediction import drawing

OUTPUTS = dict(zip(EXPRESSIONS, (0.05, 0.05, 0.1, 0.1, 0.6, 0.05, 0.05), strict=True))
GREY = 120
SPANS = {**dict.fromkeys(EXPRESSIONS, (0, 1)), "valence": (-1, 1), "arousal": (-1, 1)}


def overlay(box, outputs=OUTPUTS, label=""):
    expression = max(outputs, key=outputs.get) if set(outputs) <= set(EXPRESSIONS) else None
    return drawing.FaceOverlay(box, outputs, label, expression)


def grey(height=500, width=700):
    return np.full((height, width, 3), GREY, np.uint8)


def count(image, colour):
    return int((image == np.array(colour)).all(axis=-1).sum())


def test_the_most_probable_expression_has_the_orange_bar():
    image = drawing.draw(grey(), [overlay((100, 150, 150, 150), OUTPUTS)], SPANS)
    without = drawing.draw(grey(), [overlay((100, 150, 150, 150), {"happiness": 0.0})], SPANS)
    assert image.shape == (500, 700, 3)
    orange, blue = (count(image, colour) for colour in (drawing.ORANGE, drawing.BLUE))
    box = count(without, drawing.ORANGE)
    # 0.6 of the probability on one bar, 0.4 on the others.
    assert (orange - box) / blue == pytest.approx(0.6 / 0.4, rel=0.25)


def test_pixels_beside_the_drawing_stay_the_same():
    source = grey()
    image = drawing.draw(source, [overlay((100, 150, 150, 150), OUTPUTS)], SPANS)
    assert (source == GREY).all()
    assert (image[400:] == GREY).all() and (image[160:290, 110:240] == GREY).all()
    assert (drawing.draw(source, [], SPANS) == GREY).all()


def test_bars_of_valence_and_arousal_start_in_the_middle():
    def width(value):
        face = overlay((100, 150, 150, 150), {"valence": value, "arousal": 0.0})
        return count(drawing.draw(grey(), [face], SPANS), drawing.BLUE)

    assert width(0.5) == pytest.approx(width(-0.5), rel=0.2) and width(0.5) > 3 * width(0.05)
    assert width(1.0) == pytest.approx(2 * width(0.5), rel=0.2)


def test_nothing_covers_a_face():
    boxes = [(60, 60, 100, 100), (180, 70, 100, 100), (300, 200, 100, 100), (60, 300, 100, 100)]
    image = drawing.draw(grey(), [overlay(box, OUTPUTS, "7:") for box in boxes], SPANS)
    for x, y, width, height in boxes:
        assert (image[y + 6 : y + height - 6, x + 6 : x + width - 6] == GREY).all()


def test_boxes_beyond_the_border_and_faces_that_fill_the_picture():
    for box in ((-50, -40, 200, 200), (600, 400, 300, 300), (0, 0, 700, 500), (5, 5, 1, 1)):
        image = drawing.draw(grey(), [overlay(box, OUTPUTS)], SPANS)
        assert count(image, drawing.GROUND) > 2000, box  # the text is there


def test_small_pictures_are_enlarged():
    image = drawing.draw(grey(48, 48), [overlay((4, 4, 40, 40), OUTPUTS)], SPANS)
    assert image.shape == (480, 480, 3)
    assert drawing.draw(grey(1, 1), [], SPANS).shape == (480, 480, 3)


def test_many_faces_are_drawn():
    boxes = [(70 * i, 100 * j, 40, 40) for i in range(10) for j in range(5)]
    image = drawing.draw(grey(), [overlay(box, OUTPUTS, "1:") for box in boxes], SPANS)
    assert count(image, drawing.ORANGE) > 50 * 100


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_written_images_are_marked(tmp_path, name):
    drawing.write_image(grey(40, 60), tmp_path / name)
    assert read_image(tmp_path / name).shape == (40, 60, 3)
    assert drawing.is_annotated(tmp_path / name)


def test_other_files_have_no_mark(tmp_path, write_video):
    from PIL import Image

    Image.fromarray(grey()).save(tmp_path / "mine.png")
    (tmp_path / "text.jpg").write_text("mine")
    (tmp_path / "text.mp4").write_text("mine")
    video = write_video([grey(48, 64)] * 3)
    for path in (tmp_path / "mine.png", tmp_path / "text.jpg", tmp_path / "text.mp4", video):
        assert not drawing.is_annotated(path)


@pytest.mark.parametrize("encoder", list(drawing._ENCODERS))
def test_videos_keep_their_time_stamps(tmp_path, monkeypatch, encoder):
    """Frames of uneven length, a start after 0, and an odd side, which H.264 cannot have."""
    monkeypatch.setattr(drawing, "_ENCODERS", {encoder: drawing._ENCODERS[encoder]})
    times = [0.5, 0.54, 0.58, 0.9, 1.001, 1.0343]
    shades = [40, 80, 120, 160, 200, 240]
    frames = [(t, np.full((65, 97, 3), s, np.uint8)) for t, s in zip(times, shades, strict=True)]
    drawing.write_video(frames, tmp_path / "a.mp4", rate=25)
    read = list(Video(tmp_path / "a.mp4"))
    assert [frame.time for frame in read] == pytest.approx(times, abs=1e-4)
    assert [frame.image.mean() for frame in read] == pytest.approx(shades, abs=4)
    assert read[0].image.shape == (64, 96, 3)
    assert drawing.is_annotated(tmp_path / "a.mp4")


def test_equal_time_stamps_do_not_stop_a_video(tmp_path):
    drawing.write_video([(1.0, grey(64, 64))] * 3, tmp_path / "a.mp4")
    assert len(list(Video(tmp_path / "a.mp4"))) == 3


def test_a_failed_video_leaves_nothing(tmp_path):
    def frames():
        yield 0.0, grey(64, 64)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        drawing.write_video(frames(), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_expressions_and_dimensions_are_drawn_together():
    outputs = {"valence": 0.5, "arousal": -0.2, **OUTPUTS}
    face = drawing.FaceOverlay((100, 150, 150, 150), outputs, "", "happiness")
    both = drawing.draw(grey(), [face], SPANS)
    alone = drawing.draw(grey(), [overlay((100, 150, 150, 150))], SPANS)
    assert count(both, drawing.ORANGE) == pytest.approx(count(alone, drawing.ORANGE), rel=0.1)
    assert count(both, drawing.BLUE) > count(alone, drawing.BLUE)
    assert count(both, drawing.GROUND) > count(alone, drawing.GROUND)


def test_a_long_text_moves_aside_for_the_faces_of_neighbours():
    """One neighbour is higher, one lower: texts that reach to the right cross their faces."""
    boxes = [(200, 200, 90, 90), (320, 150, 90, 90), (330, 260, 90, 90)]
    outputs = {**OUTPUTS, "valence": 0.5, "arousal": 0.1}
    faces = [drawing.FaceOverlay(box, outputs, f"{i}:", "happiness") for i, box in enumerate(boxes)]
    image = drawing.draw(grey(), faces, SPANS)
    for x, y, wide, tall in boxes:
        assert (image[y + 9 : y + tall - 9, x + 9 : x + wide - 9] == GREY).all()
