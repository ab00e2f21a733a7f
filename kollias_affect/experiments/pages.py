"""The page of a table: the numbers, and everything that says how they were obtained."""

import kollias_affect
from kollias_affect._texts import count
from kollias_affect.evaluation.tables import markdown
from kollias_affect.experiments.declaration import Scale

PAPER = "paper"


def page(table, frame, laboratory, cells, figures=()):
    """Writes the markdown page of a table.

    Args:
        table: `Table`.
        frame: `pandas.DataFrame` of `runner.run`.
        laboratory: `Laboratory`.
        cells: Dict from the name of a cell to its dict with `numbers` and `empty`.
        figures: List of `(file name or None, text)`: pictures that were drawn with their captions,
            or the reasons why they were not.

    Returns:
        Text.
    """
    empty = {name: cell["empty"] for name, cell in cells.items() if cell["empty"]}
    facts = table.facts(laboratory, table) if table.facts else []
    note = table.note([cell["numbers"] for cell in cells.values()]) if table.note else None
    lines = [
        f"# {table.name}: {table.title}",
        "",
        f"{table.source}. {_columns(frame)}",
        "",
        f"- Kind: {_kind(laboratory)}.",
        f"- Varies: {table.varies}.",
        f"- Fixed: {table.fixed}.",
        f"- Scored: {table.split}.",
        *_data(table, laboratory),
        *(f"- {fact}" for fact in facts),
        f"- Seeds: {_seeds(table, laboratory)}.",
        *(
            f"- Differs from the paper: {text}."
            for text in (*table.deviations, *_smaller(table, laboratory))
        ),
        *([] if note is None else [f"- {note}"]),
        f"- Version: kollias_affect {kollias_affect.__version__}.",
        *(f"- Left empty: {name}: {reason}." for name, reason in empty.items()),
        "",
        markdown(frame),
        *(line for figure in figures for line in _figure(*figure)),
    ]
    return "\n".join(lines) + "\n"


def _figure(file, text):
    return ["", f"![{text}]({file})", "", f"{text}."] if file else ["", f"{text}."]


def _kind(laboratory):
    """Whether the numbers mean something."""
    if any(parts.synthetic for parts in laboratory.roles.values()):
        return (
            "a trial on synthetic clips, which show no affect. The numbers show that every step "
            "runs, and nothing else"
        )
    return "real data"


def _columns(frame):
    """Says whose numbers the columns have."""
    if any(str(column).endswith(f"({PAPER})") for column in frame.columns):
        return (
            f"Columns with ({PAPER}) are the paper's numbers on its own data; the others are ours, "
            "on the given data."
        )
    return "All numbers are ours, on the given data."


def _smaller(table, laboratory):
    """What `Scale` changes against the papers, as texts.

    Lines of the page itself say what each network used where a table has values of its own.
    """
    scale, full = laboratory.scale, Scale()
    changed = [
        f"{name} {getattr(scale, name)} instead of {getattr(full, name)}"
        for name in table.scale
        if getattr(full, name) is not None and getattr(scale, name) != getattr(full, name)
    ]
    # Networks of single pictures, as in paper D, never have landmarks.
    lacks_landmarks = "length" in table.scale and not laboratory.landmarks
    landmarks = ["no network has landmarks, as some clips lack them"] if lacks_landmarks else []
    return [*([", ".join(changed)] if changed else []), *landmarks]


def _data(table, laboratory):
    """Lines about the data of each role: how they were divided, and how many there are."""
    lines = []
    for role in table.roles:
        if role == "test":  # it is the test part of another role
            continue
        if not laboratory.has(role):
            lines.append(f"- Data, {role}: not given.")
            continue
        parts = laboratory.parts(role)
        counts = [
            f"{name} {count(len(clips), 'clip')}, "
            f"{count(sum(int(clip.valid.sum()) for clip in clips), 'frame')}"
            for name, clips in parts.lists.items()
            if clips
        ]
        text = f" Division: {parts.text.rstrip('.')}." if parts.text else ""
        lines.append(f"- Data, {role}: {'; '.join(counts)}.{text}")
    return lines


def _seeds(table, laboratory):
    if table.seeds == "none":
        return "none, as nothing is trained or drawn"
    if table.seeds == "table":
        trainings = laboratory.options.get("seeds", 3)
        if trainings == 1:
            return "0, one training for each number, so no spread is known"
        return (
            f"{trainings} networks with the seeds 0 to {trainings - 1}; the numbers are means, and "
            "(sd) is the sample standard deviation over the seeds. The data are divided once"
        )
    first, trainings = laboratory.scale.seed, laboratory.seeds
    if trainings == 1:
        return f"{first}, one training for each number, so no spread is known"
    return (
        f"{first} to {first + trainings - 1}; the numbers are means, and (sd) is the sample "
        "standard deviation over the seeds. The data are divided once"
    )
