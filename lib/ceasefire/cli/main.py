"""The command line. Each command asks the library and prints; errors are one line a problem and an exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError  # typer names no base of its usage errors

from ceasefire.cli.demo import BRAND as REAL_BRAND
from ceasefire.cli.demo import WINDOWS as REAL_WINDOWS
from ceasefire.cli.demo import play_demo
from ceasefire.cli.models import model_app
from ceasefire.cli.operators import erase, holds, pause, resume, revoke
from ceasefire.cli.options import AcceptGap, Conf, Customer, Events, Json, NewEpoch, Root
from ceasefire.cli.output import (
    broken_lines,
    complain,
    held_lines,
    hold_lines,
    progress,
    refusal_lines,
    repair_lines,
    results,
    say_json,
    say_records,
    say_table,
)
from ceasefire.cli.showcase import WINDOWS as INVENTED_WINDOWS
from ceasefire.cli.showcase import play_showcase
from ceasefire.cli.simulate import CUSTOMERS_IN_SPARK, DAYS_IN_SPARK, play_in_spark, play_simulation, write_events
from ceasefire.cli.stream import play_stream
from ceasefire.cli.unread import lines_on_files
from ceasefire.cli.workspaces import instant, open_workspace, require_events, session_for
from ceasefire.config.schedule import local_text
from ceasefire.config.schemas import NAMES as SCHEMAS
from ceasefire.config.schemas import schema_of
from ceasefire.config.shipped import shipped_conf
from ceasefire.config.simulation import SIMULATION_FILE
from ceasefire.config.suppressions import read_suppressions
from ceasefire.demo.invented_customers import BRAND as INVENTED_BRAND
from ceasefire.errors import INTERRUPTED, CeasefireError, CheckFailedError, EnvironmentMissingError, UsageError
from ceasefire.ids import customer_id
from ceasefire.pipelines.explain import explain as explain_decision
from ceasefire.pipelines.operators import count_on_hold
from ceasefire.pipelines.quality import examine_window, held_results, held_windows
from ceasefire.pipelines.release import broken_identities
from ceasefire.pipelines.run import run as run_brand
from ceasefire.pipelines.show import show_rows
from ceasefire.pipelines.simulated.comparison import Plan
from ceasefire.pipelines.summary import summaries
from ceasefire.pipelines.views import newest_window
from ceasefire.pipelines.workspace import load_brand
from ceasefire.reports.explanation import explanation_lines
from ceasefire.runtime.doctor import examine
from ceasefire.runtime.failures import cause_of
from ceasefire.tables import ALL_TABLES, QUARANTINED_EVENTS

app = typer.Typer(
    help="Decides for every customer the one next message, or silence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(model_app, name="model")
for command in (pause, resume, holds, revoke, erase):
    app.command()(command)

DEMO_ROOTS = {REAL_BRAND: "ceasefire-demo", INVENTED_BRAND: "ceasefire-showcase"}


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")] = False) -> None:
    """Read by main, which has to know before any command runs."""


@app.command()
def doctor(
    root: Annotated[str | None, typer.Option("--root", help="Also check that this folder can be written.")] = None,
    as_json: Json = False,
) -> None:
    """Say what this machine has and lacks, and what to do. Example: ceasefire doctor"""
    findings = examine(None if root is None else Path(root), os.environ)
    if as_json:
        say_json([{"name": f.name, "ok": f.ok, "found": f.found, "advice": f.advice} for f in findings])
    else:
        for one in findings:
            advice = f"\n       {one.advice}" if one.advice else ""
            mark = "LACK" if not one.ok else "warn" if one.advice else "ok  "
            results().print(f"{mark}   {one.name}: {one.found}{advice}", markup=False)
    if not all(one.ok for one in findings):
        raise EnvironmentMissingError("something is missing; the lines marked LACK say what to do")


@app.command()
def demo(
    root: Annotated[
        str | None,
        typer.Option("--root", help=f"Where all is written; left out: {' or '.join(DEMO_ROOTS.values())}."),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Another folder of the same CSV files.")] = None,
    windows: Annotated[
        int | None, typer.Option("--windows", min=1, max=60, help="Daily windows; left out: a week, of showcase two.")
    ] = None,
    brand: Annotated[
        str,
        typer.Option("--brand", help=f"{REAL_BRAND}: real customers; {INVENTED_BRAND}: invented ones."),
    ] = REAL_BRAND,
    as_json: Json = False,
) -> None:
    """Play a week of real customers, or a fortnight of invented ones. Example: ceasefire demo --windows 2"""
    if brand not in DEMO_ROOTS:
        raise UsageError(f"--brand: got {brand}, allowed: {', '.join(DEMO_ROOTS)}")
    if brand == INVENTED_BRAND and data is not None:
        raise UsageError(f"--data: {INVENTED_BRAND} invents its customers, leave it out")
    place = root or DEMO_ROOTS[brand]
    for other in DEMO_ROOTS.keys() - {brand}:
        if Path(place, other).exists():
            raise UsageError(f"--root {place}: {other} was played there; choose another folder for {brand}")
    if brand == REAL_BRAND:
        play_demo(place, data, windows or REAL_WINDOWS, as_json)
    else:
        play_showcase(place, windows or INVENTED_WINDOWS, as_json)


@app.command()
def validate(conf: Conf, as_json: Json = False) -> None:
    """Check a brand folder and say all that is wrong. Example: ceasefire validate --conf conf/brands/showcase"""
    at_work = load_brand(conf, os.environ)
    brand = at_work.brand
    read_suppressions(conf, at_work.key, brand.settings.address_rules)
    counts = {"features": len(brand.features), "segments": len(brand.segments), "campaigns": len(brand.campaigns)}
    if as_json:
        say_json({"brand": brand.settings.brand, **counts, "bundle": brand.bundle.hash})
    else:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        results().print(f"{conf}: fine. Brand {brand.settings.brand}: {listed}.", markup=False)


@app.command()
def schema(
    name: Annotated[str | None, typer.Argument(help=f"One of {', '.join(SCHEMAS)}.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write all of them into this folder.")] = None,
) -> None:
    """Give an editor what it needs to help with YAML: JSON Schemas. Example: ceasefire schema --out schemas"""
    if name is not None and name not in SCHEMAS:
        raise UsageError(f"no schema {name}, allowed: {', '.join(SCHEMAS)}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for one in [name] if name else SCHEMAS:
            file = out / f"{one}.schema.json"
            file.write_text(json.dumps(schema_of(one), indent=2, ensure_ascii=False) + "\n", "utf-8")
            results().print(str(file), markup=False, soft_wrap=True)
    elif name is not None:
        say_json(schema_of(name))
    else:
        raise UsageError(f"name a schema ({', '.join(SCHEMAS)}), or --out DIR for all of them")


@app.command()
def run(
    conf: Conf,
    root: Root,
    events: Events,
    first: Annotated[str | None, typer.Option("--from", help="First close, ISO 8601 with offset.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="No close after this; must have passed.")] = None,
    new_epoch: NewEpoch = False,
    as_of_slot: Annotated[
        bool, typer.Option("--as-of-slot", help="Replay: judge hours and expiry as of each slot, not as of now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take in all events, decide every due window in order, release what may go now, end.

    Example: ceasefire run --conf conf/brands/showcase --root lake --events events/
    """
    start, end = instant(first, "--from"), instant(until, "--until")
    at_work = load_brand(conf, os.environ)
    require_events(events)
    with progress("starting Spark") as tell, session_for(at_work, root, new_epoch) as workspace:
        ran = run_brand(workspace, events, start, end, tell, examine=True, as_of_slot=as_of_slot)
        rows = summaries(workspace, ran.closes)
        on_hold = count_on_hold(workspace.lake)
        held = held_lines(held_results(workspace.lake))
        broken = broken_identities(workspace.lake)
    if as_json:
        say_json(rows)
    elif rows:
        say_records(rows)
        for line in refusal_lines(rows):
            complain(line)
    else:
        results().print("No window was due: nothing new to decide.")
    if as_of_slot:
        complain("replayed as of each slot, with consent as it is known now: hand nothing of it to a provider")
    # Of earlier windows too: whoever runs each morning must not learn of a held window once only.
    for line in held:
        complain(line)
    if quarantined := ran.taken_in["quarantined"]:
        complain(
            f"{quarantined:,} of {sum(ran.taken_in.values()):,} rows went into quarantine; each has its reasons: "
            f"ceasefire show {QUARANTINED_EVENTS.name} --conf {conf} --root {root}"
        )
    for line in repair_lines(ran.repaired, f"--conf {conf} --root {root}"):
        complain(line)
    for line in hold_lines(on_hold, f"--conf {conf} --root {root}"):
        complain(line)
    for line in lines_on_files(events, workspace.lake.local_folder, ran.damaged):
        complain(line)
    if broken:
        raise CheckFailedError("\n".join(broken_lines(broken, f"--conf {conf} --root {root}")))


@app.command()
def check(conf: Conf, root: Root, as_json: Json = False) -> None:
    """Check the rows of the newest window and of every held one; while it fails, nothing of a window is released.

    Example: ceasefire check --conf ceasefire-demo/conf --root ceasefire-demo
    """
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        windows = sorted({*held_windows(workspace.lake), newest_window(workspace.lake)})
        results = [result for window_end in windows for result in examine_window(workspace, window_end)]
        on_hold = count_on_hold(workspace.lake)
    if as_json:
        say_json(results)
    else:
        names = ["table_name", "expectation", "row_count", "unexpected_count"]
        for window_end in windows:
            rows = [[one[name] for name in names] for one in results if one["window_end"] == window_end]
            say_table(f"Window of {window_end.isoformat()}", names, rows)
    for line in hold_lines(on_hold, f"--conf {conf} --root {root}"):
        complain(line)
    broken = [one for one in results if one["is_critical"] and one["unexpected_count"]]
    if broken:
        raise CheckFailedError("\n".join(held_lines(results)))


@app.command()
def stream(
    conf: Conf,
    root: Root,
    events: Events,
    new_epoch: NewEpoch = False,
    prometheus: Annotated[int, typer.Option("--prometheus", min=0, max=65535, help="Port for /metrics; 0: none.")] = 0,
    every: Annotated[int, typer.Option("--check-every", min=0, help="Check each so many days' window; 0: none.")] = 7,
    accept_gap: AcceptGap = False,
) -> None:
    """Go on for ever: take in events, decide each window when it is due, release; ends on Ctrl-C or SIGTERM.

    Example: ceasefire stream --conf conf/brands/showcase --root lake --events events/
    """
    play_stream(conf, root, events, new_epoch, prometheus, every, accept_gap)


@app.command()
def explain(
    conf: Conf,
    root: Root,
    customer: Customer,
    at: Annotated[str | None, typer.Option("--at", help="The decision in force at this instant.")] = None,
    as_json: Json = False,
) -> None:
    """Say why a customer got what she got.

    Example: ceasefire explain --conf ceasefire-demo/conf --root ceasefire-demo --customer 572
    """
    moment = instant(at, "--at")
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        explanation = explain_decision(workspace, customer, moment)
    if as_json:
        say_json(explanation.as_data())
    else:
        for line in explanation_lines(explanation, local_text(explanation.zone)):
            results().print(line, markup=False)


@app.command()
def show(
    table: Annotated[str, typer.Argument(help="A table: events, decisions, send_queue, …")],
    conf: Conf,
    root: Root,
    customer: Annotated[str | None, typer.Option("--customer", help="Only rows of this customer.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many rows.")] = 20,
    as_json: Json = False,
) -> None:
    """Print rows of a table. Example: ceasefire show send_queue --conf ceasefire-demo/conf --root ceasefire-demo"""
    known = {one.name: one for one in ALL_TABLES}
    if table not in known:
        raise UsageError(f"no table {table}, allowed: {', '.join(known)}")
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        pseudonym = None if customer is None else customer_id(workspace.at_work.key, customer)
        rows = show_rows(workspace.lake, known[table], pseudonym, limit)
    if as_json:
        say_json(rows)
    elif rows:
        say_records(rows)
    else:
        results().print("No rows.")


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=1_000, help="How many worlds.")] = 10,
    world: Annotated[Path | None, typer.Option("--world", help="File of the world; else the program's own.")] = None,
    conf: Annotated[Path | None, typer.Option("--conf", help="Brand folder; else the program's own.")] = None,
    customers: Annotated[int | None, typer.Option("--customers", min=1, help="Instead of the world's.")] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="Instead of the world's.")] = None,
    root: Annotated[
        str | None, typer.Option("--root", help="Play one world through Spark instead, into tables there.")
    ] = None,
    events: Annotated[
        str | None, typer.Option("--events", help="Write one world's events instead, as JSON lines into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare policies in worlds whose truth is known.

    Example: ceasefire simulate --seeds 2 --customers 500 --days 10
    """
    if root is not None and events is not None:
        raise UsageError("--root and --events: one of both; --root writes events too, into its folder events")
    shipped = shipped_conf()
    in_spark = root is not None
    plan = Plan(
        world=world or shipped / SIMULATION_FILE,
        conf=conf or shipped / "brands" / "simulation",
        seeds=seeds,
        customers=customers or (CUSTOMERS_IN_SPARK if in_spark else None),
        days=days or (DAYS_IN_SPARK if in_spark else None),
    )
    if root is not None:
        play_in_spark(plan, root)
    elif events is not None:
        write_events(plan, events)
    else:
        play_simulation(plan, as_json)


def main() -> None:
    """Run a command; turn whatever goes wrong into lines on stderr and an exit code."""
    # The option stands before the command, where typer reads it too late for errors of the command line itself.
    sys.exit(exit_code_of(sys.argv[1:], debug="--debug" in sys.argv))


def exit_code_of(arguments: list[str], debug: bool = False) -> int:
    """Run one command line and give its exit code: 0 fine, 1 a check failed, 2 wrong usage, 3 something is missing.

    After Ctrl-C it is 130.
    """
    try:
        # An interrupted command is no error to typer: it returns this code as the command's result.
        if app(arguments, standalone_mode=False) != INTERRUPTED:
            return 0
    except (KeyboardInterrupt, typer.Abort):
        pass
    except Exception as error:
        if not _came_of_ctrl_c(error):
            return _told(error, debug)
    complain("interrupted; the same command goes on where this one stopped")
    return INTERRUPTED


def _came_of_ctrl_c(error: Exception) -> bool:
    """Whether something went wrong only because a command was on its way out."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, KeyboardInterrupt):
        link = link.__context__
    return link is not None


def _told(error: Exception, debug: bool) -> int:
    """Say what went wrong; the exit code of it."""
    match error:
        case NoArgsIsHelpError():
            return UsageError.exit_code  # the help has been printed
        case ClickException():
            complain(error.format_message())
            return UsageError.exit_code
        case BrokenPipeError():
            return 0
    if debug:
        traceback.print_exception(error)
    if isinstance(error, CeasefireError):
        complain(str(error))
        return error.exit_code
    cause = cause_of(error)
    complain(str(cause) if debug else f"{cause} (ceasefire --debug shows where)")
    return cause.exit_code


if __name__ == "__main__":
    main()
