"""The command `search`."""

import click

from kollias_affect import _checks
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli.train import train

# What is the same in all trials.
_FIXED = {"data", "out", "dataset", "loader_options", "split", "seed", "strategy", "help"}


def _search(data, out, dataset, loader_options, vary, trials, **options):
    from kollias_affect.datasets import option_texts
    from kollias_affect.experiments import search

    parsed = [search.parse(text) for text in vary]
    for each in parsed:
        _checks.one_of("--vary", each.name, sorted({p.name for p in train.params} - _FIXED))
        if options.get(each.name) == _DEFAULTS.get(each.name):
            options.pop(each.name, None)
    loader = option_texts.parse_options(dataset, loader_options)
    table = search.search(
        data, out, parsed, trials, log=click.echo, dataset=dataset, loader_options=loader,
        **options,
    )  # fmt: skip
    shared.print_table(table.head(10))
    click.echo(f"Best model: {search.best_folder(out, table) / 'best.keras'}")


_DEFAULTS = {param.name: param.default for param in train.params}
_OWN = [
    click.Option(
        ["--vary"],
        multiple=True,
        required=True,
        metavar="NAME=VALUES",
        help="Option of `train` that is searched, several times: learning-rate=1e-5:1e-2:log, "
        "head-layers=2:6, head=tcn,gru; none leaves the option out.",
    ),
    click.Option(
        ["--trials"], type=shared.AT_LEAST_1, default=20, show_default=True, help="Trainings."
    ),
]
search = KerasCommand(
    "search",
    check=train.check,
    callback=_search,
    params=[train.params[0], *_OWN, *train.params[1:]],
    help="""Searches options of `train` on DATA by the score on the validation clips.

    Every trial is a training in a folder of its own in OUT; Optuna proposes its options from the
    scores of those before. The same command resumes. All other options are those of `train`.

    \b
      kollias-affect search Aff-Wild --dataset affwild --network temporal --frozen --features cache
        --vary head=tcn,transformer --vary learning-rate=1e-5:1e-2:log --trials 30 --out search
    """,
)
