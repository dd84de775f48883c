"""Events and profile settings as the tests write them, and the packed batch that the kernel reads.

Texts become hashes here and nowhere else in these tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from ceasefire.ids import hash64
from ceasefire.vocabulary import MACHINE_CODE, EventType

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
AS_OF = int(datetime(2026, 3, 29, 6, tzinfo=UTC).timestamp()) * SECOND

UTC_INSTANT = pa.timestamp("us", "UTC")
EVENT_LISTS = {
    "event_at": UTC_INSTANT,
    "type": pa.int16(),
    "category_1": pa.int64(),
    "category_2": pa.int64(),
    "category_3": pa.int64(),
    "product": pa.int64(),
    "order": pa.int64(),
    "campaign": pa.int64(),
    "channel": pa.int64(),
    "source": pa.int64(),
    "quantity_milli": pa.int64(),
    "amount_minor": pa.int64(),
}


@dataclass(frozen=True)
class Event:
    customer: str
    type: str
    at: int
    amount: int | None = None
    quantity: int | None = None
    category: str | None = None
    product: str | None = None
    order: str | None = None
    campaign: str | None = None
    channel: str | None = None
    source: str | None = None
    send: str | None = None
    by_machine: bool = False

    def packed(self) -> tuple[int | None, ...]:
        levels = self.category.split("/") if self.category else []
        paths = ["/".join(levels[:depth]) if len(levels) >= depth else None for depth in (1, 2, 3)]
        order = self.send if self.type in ("send_delivered", "send_opened", "send_clicked") else self.order
        ids = [*paths, self.product, order, self.campaign, self.channel, self.source]
        hashes = [hash64(text) if text else 0 for text in ids]
        code = MACHINE_CODE if self.by_machine else EventType(self.type).code
        return (self.at, code, *hashes, self.quantity, self.amount)


@dataclass(frozen=True)
class Setting:
    customer: str
    name: str
    value: str | None
    at: int


def pack(customers: Sequence[str], events: Iterable[Event] = (), settings: Iterable[Setting] = ()) -> pa.RecordBatch:
    """One row per customer, in the order given; events and settings in the order given."""
    of_customer: dict[str, list[Event]] = {customer: [] for customer in customers}
    for event in events:
        of_customer[event.customer].append(event)
    set_by: dict[str, list[Setting]] = {customer: [] for customer in customers}
    for setting in settings:
        set_by[setting.customer].append(setting)
    packed = [[event.packed() for event in of_customer[customer]] for customer in customers]
    columns: dict[str, pa.Array] = {"customer_id": pa.array(customers, pa.string())}
    for position, (name, type_) in enumerate(EVENT_LISTS.items()):
        columns[name] = pa.array([[event[position] for event in row] for row in packed], pa.list_(type_))
    rows = [set_by[customer] for customer in customers]
    columns["profile_name"] = pa.array([[one.name for one in row] for row in rows], pa.list_(pa.string()))
    columns["profile_value"] = pa.array([[one.value for one in row] for row in rows], pa.list_(pa.string()))
    columns["profile_at"] = pa.array([[one.at for one in row] for row in rows], pa.list_(UTC_INSTANT))
    return pa.record_batch(columns)
