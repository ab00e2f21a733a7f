"""Paper D: submissions to EmotiW 2015 by fine-tuning in stages, figures 3 to 5."""

from kollias_affect.experiments.declaration import Cell, Table
from kollias_affect.experiments.paper_d import figures, runs, texts
from kollias_affect.experiments.paper_d.runs import TEST, VALIDATION, Shown
from kollias_affect.experiments.paper_d.submissions import BASELINE, PATHS, SUBMISSIONS
from kollias_affect.tasks import EXPRESSIONS

_FIXED = (
    "SGD with momentum 0.9, weight decay 5e-4, the rate divided by 10 every 10 epochs; random "
    "crops and mirroring in training, the centre crop otherwise"
)
_ROLES = ("fer28", "fer32", "emotiw", "test")
_OPTIONAL = ("fer28", "fer32", "test")
_SCALE = ("width", "picture", "batch_size", "epochs", "learning_rate")
_SPLIT = "two parts of `emotiw`, or the role `test` as its test part, as the lines on accuracy say"
_DEVIATIONS = (
    "it prints no numbers of epochs, of pictures in a batch and of crops in scoring. Krizhevsky et "
    "al. (2012), whom it closely follows, have batches of 128, average ten crops and shift "
    "colours; the latter two are options of `finetune` alone",
)
_DIRECT = (
    "the place of its 37.8 % is our reading. It prints them for the networks without their names "
    "and without a set, as slightly worse than the baseline, which is true of the test set alone",
)

# Figure 4: percent of each label, in the order of EXPRESSIONS. The rows of a submission give the
# accuracy that figure 3 has, with SFEW's 58, 69, 17, 41, 95, 55 and 37 test images.
_CONFUSIONS = {
    1: (
        (46.6, 8.6, 1.7, 5.2, 0, 32.8, 5.2),
        (13, 53.6, 2.9, 10.1, 2.9, 10.1, 7.2),
        (11.8, 0, 0, 0, 35.3, 52.9, 0),
        (12.2, 17.1, 0, 19.5, 4.9, 36.6, 9.8),
        (3.2, 1.1, 0, 3.2, 81.1, 10.5, 1.1),
        (12.7, 3.6, 0, 16.4, 9.1, 54.5, 3.6),
        (2.7, 0, 0, 16.2, 5.4, 16.2, 59.5),
    ),
    2: (
        (25.9, 19, 0, 13.8, 1.7, 39.7, 0),
        (4.3, 55.1, 1.4, 17.4, 0, 17.4, 4.3),
        (11.8, 11.8, 0, 0, 29.4, 47.1, 0),
        (0, 19.5, 0, 34.1, 2.4, 43.9, 0),
        (10.5, 0, 0, 9.5, 56.8, 23.2, 0),
        (9.1, 3.6, 0, 9.1, 5.5, 72.7, 0),
        (2.7, 5.4, 0, 40.5, 0, 13.5, 37.8),
    ),
    3: (
        (63.8, 8.6, 0, 0, 0, 27.6, 0),
        (8.7, 72.5, 0, 0, 5.8, 13, 0),
        (11.8, 5.9, 0, 0, 41.2, 41.2, 0),
        (24.4, 36.6, 0, 9.8, 4.9, 19.5, 4.9),
        (0, 4.2, 0, 2.1, 87.4, 6.3, 0),
        (18.2, 12.7, 0, 7.3, 10.9, 49.1, 1.8),
        (5.4, 48.6, 0, 18.9, 0, 10.8, 16.2),
    ),
    5: (
        (56.9, 5.2, 0, 1.7, 3.4, 27.6, 5.2),
        (11.6, 56.5, 1.4, 4.3, 10.1, 13, 2.9),
        (23.5, 0, 0, 0, 47.1, 29.4, 0),
        (7.3, 31.7, 0, 7.3, 2.4, 41.5, 9.8),
        (4.2, 2.1, 0, 2.1, 84.2, 7.4, 0),
        (14.5, 14.5, 0, 9.1, 18.2, 43.6, 0),
        (5.4, 21.6, 0, 13.5, 8.1, 10.8, 40.5),
    ),
    6: (
        (48.3, 10.3, 0, 8.6, 0, 29.3, 3.4),
        (7.2, 55.1, 1.4, 8.7, 1.4, 17.4, 8.7),
        (17.6, 11.8, 0, 0, 35.3, 35.3, 0),
        (7.3, 24.4, 0, 19.5, 2.4, 29.3, 17.1),
        (10.5, 2.1, 0, 3.2, 69.5, 13.7, 1.1),
        (9.1, 5.5, 0, 18.2, 1.8, 61.8, 3.6),
        (5.4, 13.5, 0, 24.3, 0, 13.5, 43.2),
    ),
    7: (
        (37.9, 12.1, 0, 1.7, 3.4, 43.1, 1.7),
        (1.4, 71, 0, 0, 7.2, 14.5, 5.8),
        (0, 5.9, 0, 0, 47.1, 47.1, 0),
        (22, 48.8, 0, 2.4, 2.4, 22, 2.4),
        (1.1, 2.1, 0, 0, 87.4, 9.5, 0),
        (5.5, 40, 0, 1.8, 10.9, 34.5, 7.3),
        (2.7, 43.2, 0, 0, 8.1, 8.1, 37.8),
    ),
    8: (
        (62.1, 6.9, 0, 3.4, 1.7, 25.9, 0),
        (15.9, 52.2, 1.4, 4.3, 5.8, 15.9, 4.3),
        (17.6, 0, 0, 5.9, 47.1, 29.4, 0),
        (12.2, 22, 0, 7.3, 2.4, 41.5, 14.6),
        (5.3, 2.1, 0, 0, 87.4, 5.3, 0),
        (16.4, 9.1, 0, 5.5, 12.7, 50.9, 5.5),
        (5.4, 27, 0, 13.5, 5.4, 10.8, 37.8),
    ),
    9: (
        (53.4, 8.6, 1.7, 6.9, 0, 27.6, 1.7),
        (4.3, 55.1, 5.8, 7.2, 1.4, 13, 13),
        (17.6, 5.9, 5.9, 5.9, 29.4, 35.3, 0),
        (7.3, 12.2, 0, 26.8, 0, 39, 14.6),
        (7.4, 3.2, 1.1, 3.2, 69.5, 15.8, 0),
        (7.3, 10.9, 1.8, 25.5, 0, 52.7, 1.8),
        (5.4, 16.2, 0, 16.2, 2.7, 10.8, 48.6),
    ),
}  # fmt: skip


_MEASURES = tuple(f"{name} accuracy" for name in (VALIDATION, TEST))


def _accuracies(published):
    return {f"{name} accuracy": value for name, value in published.items()}


D3 = Table(
    "D3",
    "Submissions: networks, and the databases they are fine-tuned on",
    "Paper D, figure 3 and section 4.1 (EmotiW 2015, SFEW)",
    "network; databases, in order",
    _FIXED,
    _SPLIT,
    _MEASURES,
    (
        *(
            Cell(texts.title(path), "", Shown(path), _accuracies(submission.published))
            for path, submission in PATHS.items()
        ),
        Cell("baseline of the challenge (Dhall et al., 2015)", "", None, _accuracies(BASELINE)),
    ),
    runs.accuracies,
    _ROLES,
    _OPTIONAL,
    "expression",
    facts=texts.facts,
    units=runs.units_of,
    deviations=(*_DEVIATIONS, *_DIRECT),
    figures=figures.FIGURES,
    scale=_SCALE,
)


def _figure(name, figure, title, part, published, numbers, drawing):
    return Table(
        name,
        title,
        f"Paper D, figure {figure} (EmotiW 2015, SFEW)",
        "submission; label (rows), prediction (columns), percent of each label",
        _FIXED,
        _SPLIT,
        EXPRESSIONS,
        tuple(
            Cell(
                f"{number}: {label}",
                "",
                Shown(number, part, label),
                dict(zip(EXPRESSIONS, published[number][i], strict=True))
                if number in published
                else {},
            )
            for number in numbers
            for i, label in enumerate(EXPRESSIONS)
        ),
        runs.confusion_row,
        _ROLES,
        _OPTIONAL,
        "expression",
        facts=texts.facts,
        units=runs.units_of,
        deviations=_DEVIATIONS,
        figures=(drawing,),
        scale=_SCALE,
    )


D4 = _figure(
    "D4", 4, "Confusions on the test part", TEST, _CONFUSIONS, SUBMISSIONS, figures.FIGURE_4
)
# The five best submissions on the validation set, by figure 3. The figure is not machine-readable.
_BEST = sorted(SUBMISSIONS, key=lambda n: -SUBMISSIONS[n].published["validation"])[:5]
D5 = _figure(
    "D5",
    5,
    "Confusions on the validation part of the five best submissions",
    VALIDATION,
    {},
    _BEST,
    figures.figure_5(_BEST),
)

TABLES = (D3, D4, D5)
