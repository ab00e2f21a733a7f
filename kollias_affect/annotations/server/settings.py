"""What the owner of an annotation server chose."""

import dataclasses

from kollias_affect._web.security import Access

DIMENSIONS = ("valence", "arousal", "both")
MODES = ("bounded", "unbounded")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(Access):
    """Settings of a server, beside those of `Access`.

    Attributes:
        videos: Dicts of the store: what is served, in the order of the command line.
        practice: Number of the practice clip among them, or `None`.
        dimensions: Dimensions that annotators may choose.
        modes: Modes that annotators may choose.
        order: `"random"` or `"given"` order of the videos.
        seed: Seed of the random orders.
        playlists: Dict from a name to the file names of its videos. Empty: everybody sees all.
        experts: Identifiers that may log in as experts. Empty: everybody may.
        first_viewing: Whether the whole video must have been watched before recording.
        countdown: Seconds before recording starts.
        guidelines: HTML of the guidelines.
        texts: Texts of the page.
        read_only: Whether nothing may be written.
    """

    videos: tuple
    practice: int | None = None
    dimensions: tuple = DIMENSIONS
    modes: tuple = MODES
    order: str = "random"
    seed: int = 0
    playlists: dict = dataclasses.field(default_factory=dict)
    experts: tuple = ()
    first_viewing: bool = True
    countdown: int = 3
    guidelines: str = ""
    texts: dict = dataclasses.field(default_factory=dict)
    read_only: bool = False

    def by_public_name(self, public):
        """Returns the served video with a public name, or `None`."""
        return next((v for v in self.videos if v["public"] == public), None)

    def by_number(self, number):
        """Returns the served video with a number of the store, or `None`."""
        return next((v for v in self.videos if v["id"] == number), None)
