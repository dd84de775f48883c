from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql.types import ArrayType, DataType, FloatType, StructType, TimestampType

from ceasefire.tables import ALL_TABLES, PACKED_EVENT, DeltaTable, column
from ceasefire.vocabulary import EVENT_CODES, EventType, LossReason

NAMES = [table.name for table in ALL_TABLES]


def nested(data_type: DataType, path: str) -> Iterator[tuple[str, DataType]]:
    """A type and all types within it."""
    yield path, data_type
    if isinstance(data_type, ArrayType):
        yield from nested(data_type.elementType, path)
    elif isinstance(data_type, StructType):
        for one in data_type.fields:
            yield from nested(one.dataType, f"{path}.{one.name}")


@pytest.mark.parametrize("table", ALL_TABLES, ids=NAMES)
class TestEveryTable:
    def test_has_columns_of_one_name_each(self, table: DeltaTable) -> None:
        names = [one.name.lower() for one in table.columns]

        assert len(set(names)) == len(names)

    def test_says_what_a_row_and_each_column_means(self, table: DeltaTable) -> None:
        assert table.grain.startswith("one ")
        assert [one.name for one in table.columns if not one.meaning.strip()] == []

    def test_has_keys_among_its_columns_that_are_never_null(self, table: DeltaTable) -> None:
        required = {one.name for one in table.columns if not one.nullable}

        assert table.keys
        assert set(table.keys) <= required

    def test_is_split_by_columns_that_it_has(self, table: DeltaTable) -> None:
        assert set(table.partition_by) <= {one.name for one in table.columns}

    def test_names_instants_as_instants_and_says_that_they_are_utc(self, table: DeltaTable) -> None:
        for one in table.columns:
            for path, data_type in nested(one.type, one.name):
                if isinstance(data_type, TimestampType):
                    assert re.search(r"(_at|_end|late_before)$", path), path
        instants = [one for one in table.columns if isinstance(one.type, TimestampType) and one.name.endswith("_at")]
        assert [one.name for one in instants if "UTC" not in one.meaning] == []

    def test_holds_no_single_precision_number(self, table: DeltaTable) -> None:
        types = [data_type for one in table.columns for _, data_type in nested(one.type, one.name)]

        assert [one for one in types if isinstance(one, FloatType)] == []

    def test_counts_money_in_whole_units(self, table: DeltaTable) -> None:
        for one in table.columns:
            for path, data_type in nested(one.type, one.name):
                if re.search(r"(_minor|_micros)$", path) and not path.startswith("mean_"):
                    assert data_type.simpleString() == "bigint", path

    def test_has_the_same_columns_for_arrow_and_spark(self, table: DeltaTable) -> None:
        assert table.arrow_schema.names == table.schema.fieldNames()
        for one in table.arrow_schema:
            if pa.types.is_timestamp(one.type):
                assert (one.type.unit, one.type.tz) == ("us", "UTC")

    def test_stores_columns_that_a_later_one_can_be_added_to(self, table: DeltaTable) -> None:
        assert all(one.nullable for one in table.schema.fields)


def test_no_two_tables_have_one_name() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_two_logs_are_only_ever_appended_to() -> None:
    assert {table.name for table in ALL_TABLES if table.append_only} >= {"events", "decisions"}


def test_addresses_and_natural_ids_have_a_column_in_the_vault_and_the_queue_alone() -> None:
    personal = {"natural_id", "email", "phone", "push_token", "address"}

    holders = {table.name for table in ALL_TABLES if personal & {one.name for one in table.columns}}

    assert holders == {"contacts_vault", "send_queue"}


def test_a_brand_adds_its_features_behind_the_declared_columns() -> None:
    table = DeltaTable("t", "one t", (column("a", TimestampType(), "a"),), ("a",))

    wider = table.with_columns([column("b", TimestampType(), "b")])

    assert wider.schema.fieldNames() == ["a", "b"]
    assert table.schema.fieldNames() == ["a"]


def test_codes_in_packed_histories_never_change_their_meaning() -> None:
    by_customers = "registered profile_changed consent_changed browse cart_added order order_line return session_ended"
    about_sends = "converted send_delivered send_opened send_clicked send_bounced unsubscribed complained"

    known = [*by_customers.split(), *about_sends.split(), "customer_merged", "erasure_requested"]
    assert [kind.value for kind in sorted(EventType, key=lambda kind: kind.code)][: len(known)] == known
    assert sorted(EVENT_CODES.values()) == list(range(len(EventType)))


def test_an_event_in_a_history_is_of_fixed_width() -> None:
    assert {one.dataType.simpleString() for one in PACKED_EVENT.fields} == {"timestamp", "smallint", "bigint"}


def test_the_gates_come_before_the_competition() -> None:
    assert list(LossReason)[-2:] == [LossReason.CAPACITY_FULL, LossReason.LOST_TO_BETTER]
