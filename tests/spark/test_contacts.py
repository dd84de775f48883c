from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ceasefire.events.blocks import BLOCK_ID, judge_blocks, rejected_by_block
from ceasefire.events.contacts import contacts, is_newer_contact, keep_news, keep_telling, newest_addresses
from ceasefire.events.parsing import ROW_ID
from ceasefire.events.verdicts import is_event
from ceasefire.tables import CONTACTS_VAULT
from frames import assert_same_rows
from small_brand import WALL
from spark.parsed_rows import parsed_blocks, parsed_rows
from unit.events.event_rows import parsed, row

NOON, ONE, TWO = "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"


def setting(customer: str, at: str, event_type: str = "profile_changed", **attributes: Any) -> str:
    values = row(event_type, event_id=f"{customer} {at} {attributes}", customer_id=customer, event_at=at)
    return json.dumps(values | {"attributes": attributes})


def pseudonym(customer: str) -> str:
    return str(parsed(row(customer_id=customer)).customer_id)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


def at_rest(frame: DataFrame) -> DataFrame:
    """The same rows without the plan that made them, as after a write."""
    return frame.sparkSession.createDataFrame(frame.toArrow(), schema=frame.schema)


def heard(vault: DataFrame, news: DataFrame) -> DataFrame:
    """The vault after the news, by the expressions that a MERGE is given."""
    joined = vault.alias("old").join(news.alias("new"), on="customer_id", how="full")
    is_there, is_new = F.col("old.natural_id").isNotNull(), F.col("new.natural_id").isNotNull()
    updated = is_there & is_new & is_newer_contact()
    values = dict(newest_addresses())
    columns = [
        F.when(~is_there, F.col(f"new.{name}")).when(updated, values.get(name, F.col(f"old.{name}"))).otherwise(
            F.col(f"old.{name}")
        ).alias(name)
        for name in CONTACTS_VAULT.schema.fieldNames()[1:]
    ]  # fmt: skip
    return at_rest(joined.select("customer_id", *columns))


def test_the_newest_address_of_each_kind_counts_and_a_removal_is_news_too(spark: SparkSession) -> None:
    lines = [
        setting("anna", ONE, email="new@example.com"),
        setting("anna", NOON, email="old@example.com", phone="+49 30 1234561"),
        setting("anna", TWO, city="Kiel"),
        # taken away again
        setting("bert", NOON, "registered", email="bert@example.com"),
        setting("bert", ONE, email=None),
        # two at one instant: the larger text, whatever the order
        setting("carl", NOON, email="b@example.com"),
        setting("carl", NOON, email="c@example.com"),
        setting("carl", NOON, email="a@example.com"),
        setting("carl", NOON, phone=""),
        setting("carl", NOON, phone="+49 30 1234562"),
        # nothing to say on addresses, and no event at all
        json.dumps(row(customer_id="dora")),
        json.dumps(row("profile_changed", customer_id="emil", brand="c", attributes={"email": "emil@example.com"})),
    ]
    columns = ["natural_id", "customer_id", "email", "email_set_at", "phone", "phone_set_at", "push_token"]
    expected = [
        ("anna", pseudonym("anna"), "new@example.com", utc(ONE), "+49 30 1234561", utc(NOON), None),
        ("bert", pseudonym("bert"), None, utc(ONE), None, None, None),
        ("carl", pseudonym("carl"), "c@example.com", utc(NOON), "+49 30 1234562", utc(NOON), None),
        ("dora", pseudonym("dora"), None, None, None, None, None),
    ]

    rows = parsed_rows(spark, lines).where(is_event())

    assert_same_rows(contacts(rows), expected, columns)
    assert_same_rows(contacts(rows.orderBy(F.desc("source_row")).repartition(3)), expected, columns)
    # and what is left out of a block says nothing that the rest of it does not say
    for rows_of_block in (1, 5, len(lines)):
        blocks = parsed_blocks(spark, lines, rows_of_block)
        assert_same_rows(contacts(keep_telling(blocks, WALL, None)), expected, columns)
    assert keep_telling(parsed_blocks(spark, [json.dumps(row(customer_id="dora"))] * 9, 9), WALL, None).count() == 1


def test_a_customer_whose_first_event_is_rejected_is_known_by_the_next(spark: SparkSession) -> None:
    blocks = parsed_blocks(
        spark, [setting("anna", at, email=f"{one}@example.com") for one, at in enumerate((TWO, ONE, NOON))]
    )
    rejected = blocks.select(BLOCK_ID, F.col(BLOCK_ID).alias(ROW_ID), F.array(F.lit("duplicate")).alias("reasons"))

    telling = contacts(keep_telling(judge_blocks(blocks, rejected_by_block(rejected)), WALL, None))

    assert_same_rows(telling, [("anna", "1@example.com", utc(ONE))], ["natural_id", "email", "email_set_at"])


def test_the_vault_ends_the_same_however_often_and_in_whatever_order_batches_come(spark: SparkSession) -> None:
    first = at_rest(contacts(parsed_rows(spark, [
        setting("anna", NOON, email="old@example.com", phone="+49 30 1234561"),
        setting("bert", ONE, email="bert@example.com"),
        setting("carl", NOON, email="b@example.com"),
    ])))  # fmt: skip
    second = at_rest(contacts(parsed_rows(spark, [
        setting("anna", ONE, email="new@example.com"),
        setting("bert", NOON, email="too-old@example.com"),
        setting("bert", TWO, phone=None),
        setting("carl", NOON, email="c@example.com"),
        setting("dora", NOON, "registered"),
    ])))  # fmt: skip
    nobody = spark.createDataFrame([], CONTACTS_VAULT.schema)
    expected = [
        ("anna", "new@example.com", "+49 30 1234561"),
        ("bert", "bert@example.com", None),
        ("carl", "c@example.com", None),
        ("dora", None, None),
    ]
    columns = ["natural_id", "email", "phone"]

    after_first = heard(nobody, keep_news(first, nobody))
    after_both = heard(after_first, keep_news(second, after_first))
    other_way_round = heard(heard(nobody, second), first)

    assert_same_rows(after_both, expected, columns)
    assert_same_rows(other_way_round, expected, columns)
    assert_same_rows(keep_news(second, after_first), [("anna",), ("bert",), ("carl",), ("dora",)], ["natural_id"])
    assert keep_news(first, after_both).isEmpty()
    assert keep_news(second, after_both).isEmpty()
    assert_same_rows(heard(heard(after_both, first), second), expected, columns)
