"""Personal values in every path of a whole run: they come out at the vault and in the queues, and in no other byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from ceasefire.storage.lake import read_table, rows_of
from ceasefire.tables import CONTACTS_VAULT, CUSTOMER_HISTORY, QUARANTINED_EVENTS, SEND_QUEUE
from small_brand import BRAND, run_small_brand, write_brand, write_events
from unit.events.canaries import CANARIES, EMAILS, NATURAL_IDS, PHONES, PLACES
from unit.events.test_canaries import leaks

MAY_NAME_PEOPLE = ("contacts_vault", "send_queue", "queues")


def rows() -> Iterator[dict[str, Any]]:
    """Ten customers who will get a message, and every value in every place in turn."""
    for number in range(10):
        customer = NATURAL_IDS[number]
        addresses = {"email": EMAILS[number], "phone": PHONES[number], "street": "Hauptstraße 11"}
        yield row(f"r{number}", customer, "registered", "02-20T08:00:00", attributes=addresses)
        consent = {"purpose": "marketing", "granted": "true"}
        yield row(f"c{number}", customer, "consent_changed", "02-20T08:00:01", channel="email", attributes=consent)
        yield row(f"o{number}", customer, "order", "02-28T10:00:00", order_id=f"o-{customer}", amount="9000.00")
    for number, text in enumerate(CANARIES):
        for place in list(PLACES)[number % 7 :: 7]:
            planted = PLACES[place](text)
            # As a row of this brand and of these days, but for what is planted, or wrong on purpose.
            usual, own = ("e1", "b"), (f"p{number}-{place}", BRAND)
            renamed = dict(zip(usual, own, strict=True))
            yield planted | {name: renamed.get(planted[name], planted[name]) for name in ("event_id", "brand")}


def row(event_id: str, customer: str, event_type: str, at: str, **fields: Any) -> dict[str, Any]:
    """A row of the small brand."""
    common = {"event_id": event_id, "brand": BRAND, "customer_id": customer, "event_type": event_type}
    return common | {"event_at": f"2026-{at}Z", **fields}


def texts_under(root: Path) -> Iterator[tuple[str, str]]:
    """Everything that any file says: what Parquet holds as its values, all else as its bytes."""
    for path in (found for found in root.rglob("*") if found.is_file()):
        is_table = path.suffix == ".parquet"
        said = str(pq.read_table(path).to_pylist()) if is_table else path.read_bytes().decode("utf-8", "replace")
        yield str(path.relative_to(root)), said


def test_no_personal_value_stands_outside_the_vault_and_the_queues(spark: SparkSession, tmp_path: Path) -> None:
    write_brand(tmp_path / "conf")
    lines = [json.dumps(planted, ensure_ascii=False) for planted in rows()]
    lines += [line[:-1] for line in lines[::9]]
    (write_events(tmp_path / "events") / "canaries.jsonl").write_text("\n".join(lines), "utf-8")

    workspace, _ = run_small_brand(spark, tmp_path)

    # given that the values have been everywhere
    queued = {sent["address"] for sent in rows_of(read_table(workspace.lake, SEND_QUEUE))}
    vault = {contact["natural_id"] for contact in rows_of(read_table(workspace.lake, CONTACTS_VAULT))}
    assert queued & set(EMAILS)
    assert vault >= set(NATURAL_IDS[:10])
    assert not read_table(workspace.lake, QUARANTINED_EVENTS).isEmpty()
    assert not read_table(workspace.lake, CUSTOMER_HISTORY).isEmpty()
    # then these files hold them, and no other does
    said = list(texts_under(tmp_path / "lake" / BRAND))
    named = {place for place, text in said if Path(place).parts[0] in MAY_NAME_PEOPLE and leaks(EMAILS[0], text)}
    assert {Path(place).parts[0] for place in named} >= {"contacts_vault", "send_queue"}
    others = [(place, text) for place, text in said if Path(place).parts[0] not in MAY_NAME_PEOPLE]
    assert len({Path(place).parts[0] for place, _ in others}) > 10
    assert [(place, value) for place, text in others for value in CANARIES if leaks(value, text)] == []
