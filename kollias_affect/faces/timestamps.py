"""Time stamps of decoded pictures, by what their container stores.

- Containers with presentation times (MP4, MOV, Matroska, WebM, MPEG-TS, MPEG-PS, ASF, FLV, Ogg):
  the stored time.
- AVI and raw streams store none. Their packets are numbered in decoding order; pictures leave the
  decoder in the order in which they are shown, so the n-th picture gets the n-th smallest number.
- Nothing stored: the frame rate.

Zero is that of the container, as players count: pictures may begin after it. The clock of MPEG-TS,
MPEG-PS, FLV and NUT has no zero (FFmpeg's TS files start at 1.4 s, broadcasts anywhere); there, and
where pictures begin before zero, time counts from the first picture or sound. Where a time repeats,
the frame rate gives the next one; where times fall (joined recordings), the later ones are shifted.
Time therefore always increases.
"""

import heapq

import av

DEFAULT_RATE = 25
_RATES = (0.01, 500)  # frames per second that are believed
# FFmpeg's names of containers: whose times have no zero, whose packets no presentation time.
_ANY_CLOCK = {"mpegts", "mpegtsraw", "mpeg", "flv", "live_flv", "kux", "nut"}
_DECODING_ORDER = {"avi", "h264", "hevc", "vvc", "m4v", "mpegvideo", "cavsvideo", "vc1", "h263"}


class Clock:
    """Times of the pictures of one stream; call `packet` before and `time` after each decoding.

    Args:
        container, stream: Of PyAV.
        note: Function that is called with a text where times are not what the file stores.
    """

    def __init__(self, container, stream, note):
        self.note = note
        self.interval = 1 / frame_rate(stream)
        self.last = self.end = 0.0
        self._last_stored = None
        self._moved = 0.0
        self._first = True
        self._by_decoding = not _DECODING_ORDER.isdisjoint(container.format.name.split(","))
        self._base = stream.time_base
        self._waiting = []  # numbers of the packets whose picture has not been shown
        self._origin = origin(container, stream)

    def packet(self, packet):
        """Notes a packet that is decoded next."""
        if self._by_decoding and packet.size and packet.dts is not None:
            packet.pts = packet.dts
            heapq.heappush(self._waiting, packet.dts)

    def lost(self, packet):
        """Notes that the packet did not decode."""
        if packet.dts in self._waiting:
            self._waiting.remove(packet.dts)
            heapq.heapify(self._waiting)

    def time(self, picture):
        """Returns the time of the next picture in seconds, greater than the one before."""
        stored = self._stored(picture)
        time = self._increasing(stored)
        self._first, self.last = False, time
        duration = float(picture.duration * (picture.time_base or 0))
        self.end = time + (duration if duration > 0 else self.interval)
        return time

    def _stored(self, picture):
        """Returns the time in the file, or `None`."""
        ticks = picture.pts
        if self._by_decoding and self._waiting:
            if picture.key_frame and ticks is not None:  # What is before it did not decode.
                while len(self._waiting) > 1 and self._waiting[0] < ticks:
                    heapq.heappop(self._waiting)
            ticks = heapq.heappop(self._waiting)
        elif self._by_decoding:
            return None
        return None if ticks is None else float(ticks * self._base) - self._origin

    def _increasing(self, stored):
        if self._first:
            self._last_stored = stored
            return 0.0 if stored is None else stored
        if stored is None:
            return self.last + self.interval
        before, self._last_stored = self._last_stored, stored
        time = stored + self._moved
        if time > self.last:
            return time
        if before is not None and stored < before:
            self.note(f"time stamps jump back from {self.last:.3f} s to {stored:.3f} s")
            self._moved = self.last + self.interval - stored
        else:
            self.note(f"time stamps repeat {stored:.3f} s; the frame rate gives those that follow")
        return self.last + self.interval


def frame_rate(stream):
    """Returns the declared frames per second, `DEFAULT_RATE` if they cannot be believed."""
    # For a raw stream, `average_rate` is FFmpeg's default, whatever its pictures declare.
    rate = float(stream.guessed_rate or stream.average_rate or 0)
    return rate if _RATES[0] <= rate <= _RATES[1] else float(DEFAULT_RATE)


def origin(container, stream):
    """Returns the time in the file that counts as 0, in seconds."""
    if not _ANY_CLOCK.isdisjoint(container.format.name.split(",")):
        return (container.start_time or 0) / av.time_base
    # Sound may begin before 0, for the delay of its decoder, but pictures do not.
    return min(0.0, float((stream.start_time or 0) * stream.time_base))
