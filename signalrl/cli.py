"""The command ``signalrl``: parse, call, print.

Everything heavy is imported inside the command that needs it, so that help comes at once and
``signalrl run`` never loads torch.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from signalrl import __version__
from signalrl.errors import ConfigError, SignalRLError

MAX_SEED = 2**31 - 1
"""The largest seed that SUMO takes."""
STOPPED = 130
"""Exit status after Ctrl-C, by the custom of shells."""
COLLECT_AFTER = 100_000
"""New objects after which Python looks for garbage. At its own 700, a forecast spends a twelfth of
its time on that."""

app = typer.Typer(
    name="signalrl",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Calendars = Annotated[
    list[Path] | None,
    typer.Option(help="Calendar (.ics, .json, .csv) in place of its own; again for more."),
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Simulations at a time; one per core by default.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for what comes of it.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 (the work failed) or 2 (bad input).

    Args:
        arguments: Those of the command line by default.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("signalrl")
    logger.addHandler(handler)
    thresholds = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER)
    try:
        return int(app(args=arguments, prog_name="signalrl", standalone_mode=False) or 0)
    except SignalRLError as error:
        return _fail(error, error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}; look at the path and its permissions", 1)
    except (KeyboardInterrupt, typer.Abort):
        return STOPPED
    except Exception as error:
        if not hasattr(error, "format_message"):  # the mark of a usage error, in any typer
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "signalrl"
        return _fail(f"{error.format_message().rstrip('.')}; see {command} --help", 2)
    finally:
        gc.set_threshold(*thresholds)
        logger.removeHandler(handler)


@app.callback(invoke_without_command=True)
def signalrl(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Traffic signals that learn: train, compare, export and run policies."""
    if version:
        typer.echo(f"signalrl {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def envs(as_json: AsJson = False) -> None:
    """List the environments that are shipped."""
    from signalrl.cli_envs import list_environments, show

    environments = list_environments()
    if as_json:
        _print_json(environments)
    else:
        show(environments)


@app.command()
def check(
    target: Annotated[
        str, typer.Argument(metavar="NET_OR_ENV", help="Network file, environment or folder.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check whether the signals of a network can be controlled, and show their phases."""
    from signalrl.cli_check import check as run_check

    raise typer.Exit(run_check(target, as_json))


@app.command()
def forecast(
    env: Annotated[
        str, typer.Argument(metavar="ENV", help="Name, id or folder of an environment with events.")
    ],
    calendar: Calendars = None,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day; the next with an event by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for what comes of it; runs/forecast by default."),
    ] = None,
    draws: Annotated[int, typer.Option(min=20, help="How many evenings are drawn.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Decides the draws.")] = 0,
    drive: Annotated[
        int,
        typer.Option(
            min=0, help="Evenings to drive in SUMO where gridlock is possible, such as 5."
        ),
    ] = 0,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Forecast where and when the events of a day exceed what the signals can serve."""
    from rich.console import Console

    with _needs("bench"), _stoppable():
        from signalrl.cli_forecast import forecast_day, show

        console = Console(stderr=as_json)
        target = out or Path("runs/forecast")
        day = None if at is None else at.date()
        found = forecast_day(
            *(env, tuple(calendar or ()), day, target, draws, seed, console),
            driven=drive,
            jobs=jobs or _cores(),
        )
        if as_json:
            _print_json(found.to_dict())
        else:
            show(found, target, console)


@app.command()
def rehearse(
    env: Annotated[str, typer.Argument(metavar="ENV", help="Environment with a calendar.")],
    evenings: Annotated[int, typer.Option(min=2, help="How many evenings are simulated.")] = 40,
    first: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the first.")] = 1,
    draws: Annotated[int, typer.Option(min=20, help="How often each is drawn.")] = 200,
    end_s: Annotated[
        float | None,
        typer.Option(help="End in simulated s in place of the environment's; locks come late."),
    ] = None,
    jobs: Jobs = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for what comes of it; runs/rehearsal by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate evenings of the calendar and learn from them where forecasts err."""
    from rich.console import Console

    target = out or Path("runs/rehearsal")
    again = (target / "evenings", "the same command goes on from there")
    with _needs("bench"), _stoppable(*again):
        from signalrl.cli_rehearse import rehearse_evenings, show

        console = Console(stderr=as_json)
        together = jobs or _cores()
        found = rehearse_evenings(env, evenings, first, draws, end_s, together, target, console)
    if as_json:
        _print_json(found)
    else:
        show(found, target, console)


@app.command()
def plans(
    env: Annotated[str, typer.Argument(metavar="ENV", help="Environment with a calendar.")],
    out: Out,
    at: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Day on which the event begins.")
    ],
    calendar: Calendars = None,
    as_json: AsJson = False,
) -> None:
    """Design the fixed-time signal plans for the events of a day."""
    from signalrl.cli_plans import plans as run_plans
    from signalrl.cli_plans import show

    described = run_plans(env, at.date(), out, tuple(calendar or ()))
    if as_json:
        _print_json(described)
    else:
        show(described, out)


@app.command()
def nfd(
    env: Annotated[str, typer.Argument(metavar="ENV", help="Environment with drawn demand.")],
    controller: Annotated[str, typer.Option(help="Who controls the signals.")] = "greedy-adaptive",
    calendar: Calendars = None,
    load: Annotated[
        list[float] | None,
        typer.Option(min=0.1, help="Factor on the usual traffic; again for more. 1, 1.4 and 1.8."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Which seeds (1,2 or 101:104), or how many.")] = "1,2",
    jobs: Annotated[int, typer.Option(min=1, help="Episodes at a time.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for what comes of it; runs/nfd by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how many vehicles a district can hold before it lets out fewer."""
    with _needs("bench"), _stoppable():
        from signalrl.cli_nfd import nfd as run_nfd

        target = out or Path("runs/nfd")
        found = run_nfd(
            *(env, controller, calendar or [], load or [1.0, 1.4, 1.8], seeds, jobs, target),
            tell=lambda text: _say(text, to_stderr=True),
        )
    if as_json:
        _print_json(found)
    else:
        for key in ("critical_veh", "capacity_veh_h"):
            _say(f"{key}: {found[key]:g}")
        _say(f"nfd: {target} (nfd.csv, nfd.svg)")
    if not found["falls_beyond"]:
        text = "expected an outflow that falls beyond the critical accumulation, got one that does "
        _say(text + "not: the district was never overfull; give a higher --load", to_stderr=True)


@app.command()
def train(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="Training configuration: a file, or the name of a shipped one."
        ),
    ],
    out: Out,
    env: Annotated[
        str | None, typer.Option(help="Environment instead of the configuration's.")
    ] = None,
    timesteps: Annotated[
        int | None, typer.Option(min=1, help="Decisions of a signal to learn from.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Simulations side by side.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="Seed of all that is random.")
    ] = None,
    start_from: Annotated[
        Path | None, typer.Option(help="Run folder whose last weights it begins with.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
) -> None:
    """Train a policy with PPO."""
    from signalrl.cli_train import find_config
    from signalrl.learning.config import load_config

    resumes = (out / "config.yaml", "the same command with --resume goes on from there")
    with _needs("train"), _stoppable(*resumes):
        settings = load_config(
            find_config(config),
            scenario=env,
            start_from=None if start_from is None else str(start_from),
            timesteps=timesteps,
            workers=workers,
            seed=seed,
        )
        from signalrl.learning.train import train as run_training

        run_training(settings, out, resume=resume)
    _say(f"trained: {out}; make a bundle of it with: signalrl export {out} -o x.bundle")


@app.command()
def learn(
    counts: Annotated[
        Path,
        typer.Argument(metavar="COUNTS", help="CSV file with time, detector and vehicles."),
    ],
    env: Annotated[str, typer.Option(help="Environment with the venues of these events.")],
    calendar: Annotated[
        list[Path] | None,
        typer.Option(
            help="Calendar of that time instead of the environment's; give it again for more."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Registry to write, such as venues.yaml.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Picture to write: profiles over counts, .svg, .png, .pdf.")
    ] = None,
    interval_min: Annotated[
        float | None, typer.Option(min=1, max=60, help="Interval of the counts in min.")
    ] = None,
    travel_min: Annotated[
        float, typer.Option(min=0, max=60, help="Mean drive between gates and car parks in min.")
    ] = 0.0,
    prior_events: Annotated[
        float,
        typer.Option(min=0.1, max=1e6, help="How many events the usual profile counts for."),
    ] = 3.0,
    as_json: AsJson = False,
) -> None:
    """Learn the profiles of events from past counts, and test them on days held out."""
    from rich.console import Console

    from signalrl.cli_learn import learn_from, show

    with _needs("bench"), _stoppable():
        result = learn_from(
            counts, env, calendar or [], out, picture, interval_min, travel_min, prior_events
        )
    if as_json:
        _print_json(result)
    else:
        console = Console()
        show(result, console if console.is_terminal else Console(width=120))
        if out is not None:
            _say(f"learned: {out}")


@app.command()
def benchmark(
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="SUITE",
            help="A shipped suite (resco, surge, robust ...) or the file of one.",
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help="Environment; give it again for more. With a suite, which of its own."),
    ] = None,
    controller: Annotated[
        list[str] | None,
        typer.Option(
            help="fixed, greedy, sotl:threshold=20 ... or policy=PATH with a run folder, a bundle "
            "or an .onnx file; give it again for more. With a suite, beside its own."
        ),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="Controller of the suite that is not wanted; again for more."),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="How many, from 101 on, or which: 101:111 (101 to 110), 1,2,3.")
    ] = "10",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for what comes of it; runs/SUITE by default."),
    ] = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Compare controllers on the same seeds, each episode in a fresh process."""
    from rich.console import Console

    with _needs("train,deploy,bench"), _stoppable():
        from signalrl.cli_benchmark import run_from

        console = Console(stderr=as_json)
        if not console.is_terminal:
            console = Console(stderr=as_json, width=120)  # a log has room for the tables
        summary = run_from(
            suite,
            env or [],
            controller or [],
            skip or [],
            seeds,
            out,
            jobs or _cores(),
            console,
        )
    if as_json:
        _print_json(summary.to_dict())
    raise typer.Exit(summary.exit_status)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The bundle, such as x.bundle.")],
) -> None:
    """Make a bundle of the last checkpoint of a run."""
    with _needs("train,deploy"), _stoppable(run, "nothing was written"):
        from signalrl.cli_export import export_run

        path = export_run(run, out)
    _say(f"exported: {path} ({path.stat().st_size / 1024:.0f} KiB)")


@app.command()
def run(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="A bundle, made with signalrl export.")
    ],
    env: Annotated[
        str | None, typer.Option(help="Environment to drive; that of the training by default.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Decides traffic and driving.")
    ] = 1,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse an environment other than the training's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Drive a simulation with a bundle, without torch."""
    from signalrl.cli_run import run_bundle, show

    with _stoppable():
        result = run_bundle(bundle, env, seed, strict)
    if as_json:
        _print_json(result)
    else:
        show(result)
    if result["violations"]:
        raise typer.Exit(1)


class _Formatter(logging.Formatter):
    """One line per record, such as ``warning: ...``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {record.getMessage()}"


@contextlib.contextmanager
def _needs(extras: str) -> Iterator[None]:
    """Turn a package that is missing into an error that names the extras that bring it."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "signalrl"}:
            raise
        raise ConfigError(
            f"this needs the package {package}, found none; install signalrl with it: "
            f"pip install -c constraints.txt -e '.[{extras}]'"
        ) from error


@contextlib.contextmanager
def _stoppable(needed: Path | None = None, hint: str = "") -> Iterator[None]:
    """End with status 130 on Ctrl-C or a request to end, and say how to go on where it can.

    Args:
        needed: What has to be there for the hint to be true.
        hint: How to go on.
    """
    main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    if main_thread:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:
        true = hint and needed is not None and needed.exists()
        _say(f"stopped; {hint}" if true else "stopped", to_stderr=True)
        raise typer.Exit(STOPPED) from error
    finally:
        if main_thread:
            signal.signal(signal.SIGTERM, before)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _fail(error: object, status: int) -> int:
    _say(f"error: {' '.join(str(error).split())}", to_stderr=True)
    return status


def _say(text: str, to_stderr: bool = False) -> None:
    typer.echo(text, err=to_stderr)


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2))


if __name__ == "__main__":
    sys.exit(main())
