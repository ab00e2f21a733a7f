"""Tables of the annotation store, and the version of this layout.

A *take* is the work of one annotator on one person in one video along one dimension. It consists
of *segments*: a segment is recorded in one go, from the start of the playback to a pause, a seek
or the end. Samples arrive in *batches*; nothing that was stored is ever changed or deleted, so a
stretch that is recorded again leaves the older samples in place (`traces.effective` decides which
ones count).

A batch holds little-endian float64 rows of `video_time` (seconds, as the browser reports it),
`clock` (milliseconds of the browser's monotonic clock) and one value, or two for both dimensions
(valence, arousal).
"""

VERSION = 1

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE annotators (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created REAL NOT NULL
);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,          -- SHA-256 of the cookie
    annotator INTEGER NOT NULL REFERENCES annotators,
    role TEXT NOT NULL,
    settings TEXT NOT NULL,               -- JSON: dimension, mode, device, playlist
    created REAL NOT NULL,
    ended REAL
);

CREATE TABLE videos (
    id INTEGER PRIMARY KEY,
    public TEXT NOT NULL UNIQUE,          -- the name of the video in addresses
    sha256 TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,            -- nanoseconds
    duration REAL NOT NULL,               -- seconds, of what the browser plays
    start REAL NOT NULL,                  -- seconds that a copy starts earlier than its video
    rate REAL NOT NULL,                   -- frames per second, on average
    copy TEXT,                            -- file name in OUT/copies that browsers play instead
    facts TEXT NOT NULL                   -- JSON: container, codecs, reasons
);

CREATE TABLE persons (
    id INTEGER PRIMARY KEY,
    video INTEGER NOT NULL REFERENCES videos,
    label TEXT NOT NULL,
    created REAL NOT NULL,
    UNIQUE (video, label)
);

CREATE TABLE viewings (
    annotator INTEGER NOT NULL REFERENCES annotators,
    video INTEGER NOT NULL REFERENCES videos,
    ranges TEXT NOT NULL,                 -- JSON: stretches that were watched, in seconds
    share REAL NOT NULL,
    PRIMARY KEY (annotator, video)
);

CREATE TABLE takes (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,             -- made by the page, so that a repeated request is known
    annotator INTEGER NOT NULL REFERENCES annotators,
    video INTEGER NOT NULL REFERENCES videos,
    person INTEGER NOT NULL REFERENCES persons,
    session INTEGER NOT NULL REFERENCES sessions,
    dimension TEXT NOT NULL,              -- valence, arousal or both
    mode TEXT NOT NULL,                   -- bounded or unbounded
    practice INTEGER NOT NULL,
    state TEXT NOT NULL,                  -- open, finished, accepted or replaced
    created REAL NOT NULL,
    finished REAL,
    quality TEXT                          -- JSON, at the end of the take
);
CREATE INDEX takes_by_track ON takes (video, person, dimension);
CREATE INDEX takes_by_annotator ON takes (annotator, video);

CREATE TABLE segments (
    take INTEGER NOT NULL REFERENCES takes,
    number INTEGER NOT NULL,
    writer TEXT NOT NULL,                 -- the opened page that recorded it
    first REAL,                           -- least and greatest video time of its samples
    last REAL,
    samples INTEGER NOT NULL,
    presented INTEGER NOT NULL,           -- video frames, and how many of them were dropped
    dropped INTEGER NOT NULL,
    device TEXT NOT NULL,                 -- JSON: kind, name, axis, calibration
    origin REAL NOT NULL,                 -- performance.timeOrigin: Unix time of clock 0 in ms
    created REAL NOT NULL,
    PRIMARY KEY (take, number, writer)
);

CREATE TABLE batches (
    take INTEGER NOT NULL REFERENCES takes,
    writer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    received REAL NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (take, writer, sequence)
);

CREATE TABLE events (
    take INTEGER NOT NULL REFERENCES takes,
    writer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,                   -- mark, pause, seek, unplugged, device, ...
    video_time REAL NOT NULL,
    clock REAL NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (take, writer, sequence, position)
);

CREATE TABLE drops (
    id INTEGER PRIMARY KEY,
    take INTEGER NOT NULL REFERENCES takes,
    annotator INTEGER NOT NULL REFERENCES annotators,
    start REAL NOT NULL,
    stop REAL NOT NULL,
    created REAL NOT NULL,
    removed REAL
);

CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    take INTEGER NOT NULL REFERENCES takes,
    annotator INTEGER NOT NULL REFERENCES annotators,
    verdict TEXT NOT NULL,                -- accept or redo
    created REAL NOT NULL
);

CREATE TABLE choices (
    id INTEGER PRIMARY KEY,
    video INTEGER NOT NULL REFERENCES videos,
    person INTEGER NOT NULL REFERENCES persons,
    dimension TEXT NOT NULL,
    annotator INTEGER NOT NULL REFERENCES annotators,
    created REAL NOT NULL,
    replaced REAL
);

CREATE TABLE choice_takes (
    choice INTEGER NOT NULL REFERENCES choices,
    take INTEGER NOT NULL REFERENCES takes,
    PRIMARY KEY (choice, take)
);
"""
