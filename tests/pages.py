"""Servers in threads, videos that browsers play, and the contrast of colours."""

import contextlib
import threading

import av
import numpy as np

FRAMES, RATE, BITS = 120, 30, 10


def numbered_pictures(frames=FRAMES):
    """Pictures [240, 320, 3]: ten bars along the lower edge show the number in binary."""
    for number in range(frames):
        picture = np.full((240, 320, 3), 60, np.uint8)
        for bit in range(BITS):
            picture[180:, bit * 32 : (bit + 1) * 32] = 255 * (number >> bit & 1)
        yield picture


def write_h264(path, pictures, times, sound=False):
    """Writes a video that browsers play, with a picture at each time (seconds)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "15", "bf": "0"}
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round(time * RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@contextlib.contextmanager
def serving(prepared):
    """Answers the requests to a prepared server in a thread."""
    from kollias_affect._web import running

    server = running.server_of(prepared.app)
    sockets = {"sockets": [prepared.listener]}
    thread = threading.Thread(target=server.run, kwargs=sockets, daemon=True)
    thread.start()
    try:
        yield prepared
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


def luminance(colour):
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
