"""Events of an invented shop, the same for the same seed: as rows of the log, and as lines of input.

A customer registers and consents, then browses, buys, returns, opens and opts out for PAST_DAYS days up to AS_OF; in
the shape `world`, the customers are those of the simulated world, and do what they do there when nobody writes to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.config.shipped import shipped_conf
from ceasefire.config.simulation import SIMULATION_FILE, read_simulation
from ceasefire.pipelines.simulated.days import new_world, texts_of, told_by
from ceasefire.pipelines.workspace import load_brand
from ceasefire.simulation.journal import KINDS, contract_rows, joined
from ceasefire.simulation.population import CATEGORIES as CATEGORY_NAMES
from ceasefire.simulation.world import no_sends
from ceasefire.vocabulary import EventType

BRAND = "bench"
KEY = b"a-key-for-benchmarks"
AS_OF = datetime(2026, 6, 1, 6, tzinfo=UTC)
PAST_DAYS = 200
SHAPES = ("uniform", "burst", "hot", "world")
"""uniform: everybody alike, at any time. burst: in sessions of some minutes. hot: one customer owns HOT_SHARE. world:
as in the simulated world."""
HOT_SHARE = 0.05
SESSION_EVENTS, SESSION_MINUTES = 8, 20
CATEGORIES = ("bags/handbags", "bags/travel", "shoes/boots", "shoes/sneakers", "coats/winter", "coats/rain", "games")
OPENING_EVENTS = 3

_DAY = 86_400_000_000
_END = int(AS_OF.timestamp()) * 1_000_000
_START = _END - PAST_DAYS * _DAY
_KINDS = ("browse", "cart_added", "order", "order_line", "return", "send_opened", "send_clicked", "unsubscribed")
_SHARES = (0.55, 0.10, 0.11, 0.11, 0.02, 0.07, 0.03, 0.01)
_WITH_CATEGORY, _WITH_ORDER, _WITH_AMOUNT, _WITH_CHANNEL = (0, 1, 3), (2, 3, 4), (2, 3, 4), (5, 6, 7)
_ZONES, _LOCALES = ("Europe/Berlin", "Europe/Lisbon", "America/New_York"), ("de", "pt", "en")
_PRODUCTS = 2_000
_CHANNEL_OF = {"push": "sms", "ad_audience": "email"}
"""Channels of the simulated world that the shop has not, and the one that stands for each."""
_PAID = (EventType.ORDER, EventType.ORDER_LINE, EventType.RETURN, EventType.SESSION_ENDED)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """How much of it there is.

    Attributes:
        customers: at least 1.
        events: in all, opening ones included.
        shape: one of SHAPES.
        seed: equal seeds make equal events.
    """

    customers: int
    events: int
    shape: str = "uniform"
    seed: int = 20260601


def natural_id(customer: int) -> str:
    """The shop's own id of a customer."""
    return f"customer-{customer:07d}"


def happenings(world: World) -> pa.Table:
    """One row for each event, customers in order: numbers of customer and event, and what the contract knows of it.

    Columns: customer, number (int64), event_type, event_at (UTC, microseconds), category, product_id, order_id,
    amount_minor, quantity_milli, channel, campaign_id, attributes (map of text).
    """
    if world.shape == "world":
        table = _simulated(world)
    else:
        table = pa.concat_tables([_opening(world), _behaviour(world, np.random.default_rng(world.seed))])
    order = np.lexsort((table["event_at"].cast(pa.int64()).to_numpy(), table["customer"].to_numpy()))
    return table.take(pa.array(order)).append_column("number", pa.array(np.arange(len(table), dtype=np.int64)))


def lines(events: pa.Table, prefix: str) -> Iterator[str]:
    """The events as lines of input; `prefix` makes their ids differ from those of another delivery."""
    for batch in events.to_batches():
        for row in batch.to_pylist():
            yield _line(row, prefix)


def write_lines(folder: Path, events: pa.Table, prefix: str, files: int) -> None:
    """The events as a folder of JSON-lines files."""
    folder.mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, len(events), files + 1).astype(int)
    for number in range(files):
        part = events.slice(bounds[number], bounds[number + 1] - bounds[number])
        text = "".join(f"{line}\n" for line in lines(part, prefix))
        (folder / f"{prefix}-{number:03d}.jsonl").write_text(text, "utf-8")


def _line(row: dict[str, object], prefix: str) -> str:
    event = {
        "event_id": f"{prefix}-{row['number']}",
        "brand": BRAND,
        "customer_id": natural_id(int(str(row["customer"]))),
        "event_type": row["event_type"],
        "event_at": str(row["event_at"].isoformat()),  # type: ignore[attr-defined]
    }
    for name in ("category", "product_id", "order_id", "channel", "campaign_id"):
        if row[name] is not None:
            event[name] = row[name]
    if row["amount_minor"] is not None:
        minor = int(str(row["amount_minor"]))
        event["amount"] = f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
    if row["quantity_milli"] is not None:
        event["quantity"] = int(str(row["quantity_milli"])) // 1000
    if row["attributes"] is not None:
        event["attributes"] = dict(row["attributes"])  # type: ignore[call-overload]
    return json.dumps(event)


def _opening(world: World) -> pa.Table:
    """Each customer registers and says of two channels what may be sent."""
    n = world.customers
    customer = np.arange(n, dtype=np.int64)
    registered = _START + (customer * 7_919) % _DAY
    attributes = pa.array(
        [
            [("email", f"c{one}@example.invalid"), ("locale", _LOCALES[one % 3]), ("time_zone", _ZONES[one % 3])]
            + ([("phone", f"+49-30-{one:07d}")] if one % 4 else [])
            for one in range(n)
        ],
        pa.map_(pa.string(), pa.string()),
    )
    registrations = _table(customer, registered, pa.repeat("registered", n), attributes=attributes)
    consents = []
    for place, channel in enumerate(("email", "sms")):
        granted = ["false" if one % 10 == 9 - place else "true" for one in range(n)]
        said = pa.array(
            [[("granted", one), ("purpose", "marketing")] for one in granted], pa.map_(pa.string(), pa.string())
        )
        at = registered + (place + 1) * 1_000_000
        channels = pa.repeat(channel, n)
        consents.append(_table(customer, at, pa.repeat("consent_changed", n), channel=channels, attributes=said))
    return pa.concat_tables([registrations, *consents])


def _behaviour(world: World, draw: np.random.Generator) -> pa.Table:
    m = max(0, world.events - OPENING_EVENTS * world.customers)
    first = _START + 2 * _DAY
    if world.shape == "burst":
        sessions = -(-m // SESSION_EVENTS)
        of_session = np.repeat(np.arange(sessions), SESSION_EVENTS)[:m]
        customer = draw.integers(0, world.customers, sessions)[of_session]
        begun = draw.integers(first, _END - SESSION_MINUTES * 60_000_000, sessions)[of_session]
        at = begun + draw.integers(0, SESSION_MINUTES * 60_000_000, m)
    else:
        customer, at = draw.integers(0, world.customers, m), draw.integers(first, _END, m)
    if world.shape == "hot":
        customer[draw.random(m) < HOT_SHARE] = 0
    kind = draw.choice(len(_KINDS), m, p=_SHARES)
    product, order = draw.integers(0, _PRODUCTS, m), draw.integers(0, max(1, m // 3), m)
    is_order = kind == _KINDS.index("order")
    # An order is told once; lines and returns may be of any.
    order[is_order] = np.arange(np.count_nonzero(is_order))
    return _table(
        customer.astype(np.int64),
        at,
        _chosen(kind, _KINDS),
        category=_chosen(product % len(CATEGORIES), CATEGORIES, np.isin(kind, _WITH_CATEGORY)),
        product_id=_numbered("product-", product, np.isin(kind, (0, 1, 3))),
        order_id=_numbered("order-", order, np.isin(kind, _WITH_ORDER)),
        amount_minor=pa.array(draw.integers(100, 30_000, m), mask=~np.isin(kind, _WITH_AMOUNT)),
        quantity_milli=pa.array(draw.integers(1, 5, m) * 1_000, mask=kind != 3),
        channel=_chosen(product % 2, ("email", "sms"), np.isin(kind, _WITH_CHANNEL)),
        campaign_id=_numbered("campaign-", product % 12, np.isin(kind, (5, 6))),
    )


def _simulated(world: World) -> pa.Table:
    """The first events of a simulated world, as many as are wanted; moved so that the last happens before AS_OF."""
    at_work = load_brand(shipped_conf() / "brands" / "simulation", {})
    parameters = read_simulation(shipped_conf() / SIMULATION_FILE)
    texts = texts_of(parameters, at_work.brand)
    simulated, state, past = new_world(parameters, at_work, world.seed, world.customers)
    days, happened = [past], len(past)
    while happened < world.events:
        days.append(simulated.day(state, len(days) - 1, no_sends())[0])
        happened += len(days[-1])
    journal = joined(days)
    journal = journal.take(np.argsort(journal.at, kind="stable")[: world.events])
    told, kind = told_by(simulated.people), journal.kind
    channels = tuple(_CHANNEL_OF.get(name, name) for name in texts.channels)
    has_amount = np.isin(kind, [one.code for one in _PAID])
    said = [row.get("attributes") for row in contract_rows(journal, texts, told)]
    return _table(
        journal.customer,
        journal.at + (_END - 1 - int(journal.at.max())),
        _chosen(kind, tuple(one.value for one in KINDS)),
        category=_chosen(journal.category, CATEGORY_NAMES, journal.category >= 0),
        product_id=_numbered("product-", journal.product, journal.product >= 0),
        order_id=_numbered("order-", journal.order, journal.order >= 0),
        amount_minor=pa.array(journal.amount, mask=~has_amount),
        quantity_milli=pa.array(np.full(len(kind), 1_000), mask=kind != EventType.ORDER_LINE.code),
        channel=_chosen(journal.channel, channels, journal.channel >= 0),
        attributes=pa.array([None if one is None else list(one.items()) for one in said], _COLUMNS["attributes"]),
    )


def _chosen(codes: Ints, texts: tuple[str, ...], where: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(list(texts), pa.string()).take(pa.array(codes, mask=None if where is None else ~where))


def _numbered(prefix: str, numbers: Ints, where: npt.NDArray[np.bool_]) -> pa.Array:
    texts = pc.binary_join_element_wise(prefix, pa.array(numbers, mask=~where).cast(pa.string()), "")
    return texts.cast(pa.string())


_COLUMNS = {
    "category": pa.string(),
    "product_id": pa.string(),
    "order_id": pa.string(),
    "amount_minor": pa.int64(),
    "quantity_milli": pa.int64(),
    "channel": pa.string(),
    "campaign_id": pa.string(),
    "attributes": pa.map_(pa.string(), pa.string()),
}


def _table(customer: Ints, at: Ints, event_type: pa.Array, **given: pa.Array) -> pa.Table:
    columns = {"customer": pa.array(customer), "event_type": event_type}
    columns["event_at"] = pa.array(at).cast(pa.timestamp("us", tz="UTC"))
    columns |= {name: given.get(name, pa.nulls(len(customer), kind)) for name, kind in _COLUMNS.items()}
    return pa.table(columns)
