"""`ceasefire model`: train, list, show and promote uplift models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ceasefire.cli.options import Conf, Json, Root
from ceasefire.cli.output import progress, results, say_json, say_records, say_table
from ceasefire.cli.workspaces import instant, open_workspace, tracking_server
from ceasefire.errors import UsageError
from ceasefire.pipelines.models import registered_name
from ceasefire.pipelines.training import CAVEAT, Trained, train
from ceasefire.pipelines.workspace import load_brand
from ceasefire.storage.registry import RegisteredModel, Registry, models, promote, registry_of

model_app = typer.Typer(help="Train, list, show and promote uplift models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The model's name in brand.yaml.", show_default=False)]
Number = Annotated[int, typer.Argument(min=1, help="Its version.", show_default=False)]


@model_app.command("train")
def train_model(
    name: Name,
    conf: Conf,
    root: Root,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Learn from campaigns that had ended by then.")] = None,
    as_json: Json = False,
) -> None:
    """Train a model on the past and register it. Example: ceasefire model train coupons --conf my-brand --root lake"""
    with progress("starting Spark") as tell, open_workspace(conf, root) as workspace:
        trained = train(workspace, conf, name, instant(as_of, "--as-of"), tell)
    if as_json:
        say_json(trained_as_data(trained))
    else:
        for line in trained_lines(trained):
            results().print(line, markup=False)
        results().print(f"Nothing uses it yet; `ceasefire model promote {name} {trained.number}` lets windows use it.")


@model_app.command("list")
def list_models(conf: Conf, root: Root, as_json: Json = False) -> None:
    """List the registered versions of a brand's models. Example: ceasefire model list --conf my-brand --root lake"""
    found = [
        {
            "model": model,
            "number": one.number,
            "champion": one.is_champion,
            "qini": one.tags.get("qini", "-"),
            "interval": f"{one.tags.get('qini_low', '-')} to {one.tags.get('qini_high', '-')}",
            "created": one.created_at,
        }
        for model, registry, registered in _declared(conf, root)
        for one in models(registry, registered)
    ]
    if as_json:
        say_json(found)
    elif found:
        say_table("", list(found[0]), [list(one.values()) for one in found])
        results().print(f"qini: incremental outcomes for each customer and campaign; {CAVEAT}", markup=False)
    else:
        results().print("No model is registered yet.")


@model_app.command("show")
def show_model(name: Name, number: Number, conf: Conf, root: Root, as_json: Json = False) -> None:
    """Show all that is recorded of a version. Example: ceasefire model show coupons 1 --conf my-brand --root lake"""
    registry, registered = _registered(conf, root, name)
    one = _version(registry, registered, number)
    record: dict[str, Any] = {"model": name, "number": one.number, "champion": one.is_champion, **one.tags}
    if as_json:
        say_json(record)
    else:
        # More columns than a table takes: one a line.
        say_records([record])


@model_app.command("promote")
def promote_model(
    name: Name,
    number: Number,
    conf: Conf,
    root: Root,
    override: Annotated[
        str | None, typer.Option("--override", help="Why it may go though its Qini is not surely above 0.")
    ] = None,
) -> None:
    """Let windows use a version from now on. Example: ceasefire model promote coupons 1 --conf my-brand --root lake"""
    registry, registered = _registered(conf, root, name)
    promote(registry, registered, number, override)
    results().print(f"{name}/{number} is champion; the next window uses it.", markup=False)


def trained_lines(trained: Trained) -> list[str]:
    """What came of a training, for people."""
    lines = [
        f"Model {trained.model}/{trained.number}: Qini {trained.qini:.4f} "
        f"(90 % interval {trained.qini_low:.4f} to {trained.qini_high:.4f}), "
        f"{trained.campaign_count} past campaigns, {trained.row_count:,} customers and campaigns.",
        f"  Mind: {CAVEAT}.",
    ]
    for kind, counts in (("learnt", trained.counts), ("keeps its prior, too few outcomes", trained.left_out)):
        lines += [
            f"  {group} ({kind}): {one.treated_outcomes:,} of {one.treated:,} treated, "
            f"{one.control_outcomes:,} of {one.control:,} untreated"
            for group, one in counts.items()
        ]
    return lines


def trained_as_data(trained: Trained) -> dict[str, Any]:
    """The same for `--json`."""
    return {
        "model": trained.model,
        "number": trained.number,
        "campaigns": trained.campaign_count,
        "rows": trained.row_count,
        "qini": trained.qini,
        "qini_low": trained.qini_low,
        "qini_high": trained.qini_high,
        "caveat": CAVEAT,
        "learnt": {group: vars(one) for group, one in trained.counts.items()},
        "left_out": {group: vars(one) for group, one in trained.left_out.items()},
    }


def _declared(conf: Path, root: str) -> list[tuple[str, Registry, str]]:
    settings = load_brand(conf, os.environ).brand.settings
    registry = registry_of(root, tracking_server())
    return [(model, registry, registered_name(settings.brand, model)) for model in settings.models]


def _registered(conf: Path, root: str, name: str) -> tuple[Registry, str]:
    declared = {model: (registry, registered) for model, registry, registered in _declared(conf, root)}
    if name not in declared:
        raise UsageError(f"no model {name} in brand.yaml, allowed: {', '.join(declared) or 'none is declared'}")
    return declared[name]


def _version(registry: Registry, registered: str, number: int) -> RegisteredModel:
    found = {one.number: one for one in models(registry, registered)}
    if number not in found:
        known = ", ".join(str(one) for one in sorted(found)) or "none is registered"
        raise UsageError(f"no version {number} of {registered}, allowed: {known}")
    return found[number]
