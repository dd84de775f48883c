"""Commands of operators: pause, resume, holds, revoke, erase."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ceasefire.cli.options import Conf, Customer, Json, Note, Root
from ceasefire.cli.output import program, progress, results, say_json, say_records
from ceasefire.cli.workspaces import open_workspace
from ceasefire.errors import UsageError
from ceasefire.ids import customer_id
from ceasefire.pipelines.operators import (
    Erased,
    Paused,
    count_on_hold,
    list_holds,
    pause_or_resume,
    resolve_holds,
    revoke_campaign,
    revoke_customer,
    revoke_send,
)
from ceasefire.pipelines.operators import erase as erase_person
from ceasefire.pipelines.workspace import load_brand
from ceasefire.release.operators import CAMPAIGN, EVERYTHING, subject_of
from ceasefire.vocabulary import OperatorAction

EVERY_HOLD = "all"

Subject = Annotated[
    str,
    typer.Argument(metavar="CAMPAIGN|CHANNEL|all", help="Ids of the brand, or campaign/ID, channel/ID."),
]


def pause(subject: Subject, conf: Conf, root: Root, note: Note = None, as_json: Json = False) -> None:
    """Hold all sends of a campaign, of a channel, or all, at once; they go after `resume` if they have not expired.

    Transactional messages wait too. Example: ceasefire pause birthday --conf conf/brands/showcase --root lake
    """
    _pause_or_resume(OperatorAction.PAUSE, subject, conf, root, note, as_json)


def resume(subject: Subject, conf: Conf, root: Root, note: Note = None, as_json: Json = False) -> None:
    """Let go what was paused; each pause is ended by its own name.

    Example: ceasefire resume birthday --conf conf/brands/showcase --root lake
    """
    _pause_or_resume(OperatorAction.RESUME, subject, conf, root, note, as_json)


def holds(
    conf: Conf,
    root: Root,
    resolve: Annotated[
        str | None,
        typer.Option("--resolve", metavar="HOLD_ID|all", help="End this hold, or with --customer all of them."),
    ] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="List at most so many.")] = 20,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """List rows that may be opt-outs and could not be understood: their customers get no marketing meanwhile.

    Example: ceasefire holds --conf conf/brands/showcase --root lake
    """
    if resolve == EVERY_HOLD and customer is None:
        raise UsageError(
            f"--resolve {EVERY_HOLD}: name the customer with --customer, or one hold with --resolve HOLD_ID"
        )
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        pseudonym = None if customer is None else customer_id(workspace.at_work.key, customer)
        resolved = None
        if resolve is not None:
            hold_id = None if resolve == EVERY_HOLD else resolve
            resolved = resolve_holds(workspace, hold_id, pseudonym, note)
        rows = [] if resolve is not None else list_holds(workspace, pseudonym, limit)
        on_hold = count_on_hold(workspace.lake)
    if as_json:
        say_json(rows if resolved is None else {"resolved": resolved, "customers_on_hold": on_hold})
    elif resolved is not None:
        say = f"{_counted(resolved, 'hold')} resolved; {_counted(on_hold, 'customer')} still on hold."
        results().print(say, markup=False)
    elif rows:
        say_records(rows)
        for line in advice_lines(f"--conf {conf} --root {root}", on_hold):
            results().print(line, markup=False)
    else:
        results().print("Nobody is on hold." if customer is None else f"No open hold of customer {customer}.")


def revoke(
    conf: Conf,
    root: Root,
    send: Annotated[str | None, typer.Argument(metavar="SEND_ID", help="Of a queued send.")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="All queued sends of this campaign.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="All queued sends to this customer.")] = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Call queued sends back that have not expired: a row with the same send_id follows them.

    Example: ceasefire revoke --campaign birthday --conf conf/brands/showcase --root lake
    """
    if sum(value is not None for value in (send, campaign, customer)) != 1:
        raise UsageError("name what is called back: SEND_ID, --campaign ID or --customer ID, one of them")
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        if send is not None:
            count = int(revoke_send(workspace, send, note))
        elif campaign is not None:
            count = revoke_campaign(workspace, campaign.removeprefix(CAMPAIGN), note)
        else:
            count = revoke_customer(workspace, customer_id(workspace.at_work.key, customer or ""), note)
    if as_json:
        say_json({"revoked": count})
    elif count:
        results().print(f"{_counted(count, 'queued send')} called back.", markup=False)
    elif send is not None:
        results().print("It was called back before.")
    else:
        results().print("Nothing is queued there that may still go.")


def erase(customer: Customer, conf: Conf, root: Root, note: Note = None, as_json: Json = False) -> None:
    """Erase a customer: contacts, queued sends and their addresses; what happened before is not taken in again.

    Example: ceasefire erase --customer 572 --conf conf/brands/showcase --root lake
    """
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        erased = erase_person(workspace, customer_id(workspace.at_work.key, customer), note)
    if as_json:
        say_json(vars(erased))
    else:
        for line in erasure_lines(erased):
            results().print(line, markup=False)


def pause_lines(action: OperatorAction, paused: Paused, where: str) -> list[str]:
    """What a pause or a resumption came to, and what is paused now.

    Args:
        action: PAUSE or RESUME.
        paused: what it came to.
        where: the options that name the brand and its tables.
    """
    name = "Everything" if paused.subject == EVERYTHING else paused.subject
    is_pause = action is OperatorAction.PAUSE
    if not paused.is_new:
        lines = [f"{name} was {'paused already' if is_pause else 'not paused'}."]
    elif is_pause:
        lines = [f"{name} is paused from the next tick or run on: its sends wait until they expire."]
    else:
        lines = [f"{name} goes on from the next tick or run on: what has not expired by then goes."]
    if is_pause and paused.subject.startswith(CAMPAIGN):
        lines.append(
            "Sends that are queued already are not held; this calls them back: "
            f"ceasefire revoke --campaign {paused.subject.removeprefix(CAMPAIGN)} {where}"
        )
    lines.append(f"Paused now: {', '.join(paused.paused) or 'nothing'}.")
    return lines


def advice_lines(where: str, on_hold: int) -> list[str]:
    """What to do about holds.

    Args:
        where: the options that name the brand and its tables.
        on_hold: how many customers are on hold.
    """
    return [
        f"{_counted(on_hold, 'customer')} on hold for marketing. Look at each row where it came from:",
        "  it is an opt-out: send it in again as `unsubscribed` in an event file, then resolve the hold;",
        "  it is none: resolve the hold, and the customer's consent counts as it stands.",
        f"  {program()} holds --resolve HOLD_ID {where}",
        f"  {program()} holds --resolve {EVERY_HOLD} --customer ID {where}",
    ]


def erasure_lines(erased: Erased) -> list[str]:
    """What an erasure came to, in counts, and what it does not reach."""
    lines = [
        f"Contacts deleted: {erased.vault_rows:,}",
        f"Queued sends called back: {erased.revoked:,}",
        f"Addresses removed from the queue and its files: {erased.addresses:,}",
    ]
    if erased.ids > 1:
        lines.append(f"Merged ids of the same person, all erased: {erased.ids:,}")
    if not erased.is_new:
        lines.append("Nothing was left to erase: it had been done before.")
    elif not (erased.vault_rows or erased.addresses):
        lines.append("No contact of this id was here; check the id. It is kept out from now on all the same.")
    lines.append("Events of before are not taken in again; a registration after this makes a customer anew.")
    lines.append("Older versions of the tables, their files and topics of Kafka are not rewritten by this command.")
    return lines


def _pause_or_resume(action: OperatorAction, name: str, conf: Path, root: str, note: str | None, as_json: bool) -> None:
    # Asked before Spark is started.
    brand = load_brand(conf, os.environ).brand
    subject = subject_of(name, [campaign.id for campaign in brand.campaigns], list(brand.settings.channels))
    with progress("starting Spark"), open_workspace(conf, root) as workspace:
        paused = pause_or_resume(workspace, action, subject, note)
    if as_json:
        say_json(vars(paused))
    else:
        for line in pause_lines(action, paused, f"--conf {conf} --root {root}"):
            results().print(line, markup=False)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
