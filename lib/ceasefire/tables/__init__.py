"""Every table of a brand, declared once."""

from ceasefire.tables.declaration import Column, DeltaTable, column, conform, misfits
from ceasefire.tables.intake import CONTACTS_VAULT, EVENTS, INGEST_BATCHES, QUARANTINED_EVENTS
from ceasefire.tables.learning import TRAINING_ROWS
from ceasefire.tables.ledger import CANDIDATE, DECISION_RUNS, DECISIONS, MODEL_PIN, TREATMENT
from ceasefire.tables.quality import QUALITY_RESULTS
from ceasefire.tables.sends import CLOCK_TICKS, QUERY_EPOCHS, RECONCILIATION, SEND_QUEUE, WITHHELD_SENDS
from ceasefire.tables.states import (
    CUSTOMER_HISTORY,
    MEMBERSHIP_TRANSITIONS,
    PACKED_EVENT,
    PROFILE_ENTRY,
    SEGMENT_MEMBERSHIPS,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
)

ALL_TABLES: tuple[DeltaTable, ...] = (
    INGEST_BATCHES,
    EVENTS,
    QUARANTINED_EVENTS,
    CONTACTS_VAULT,
    CLOCK_TICKS,
    QUERY_EPOCHS,
    CUSTOMER_HISTORY,
    WINDOW_FEATURES,
    WINDOW_CLOSES,
    SEGMENT_MEMBERSHIPS,
    MEMBERSHIP_TRANSITIONS,
    DECISION_RUNS,
    DECISIONS,
    SEND_QUEUE,
    WITHHELD_SENDS,
    RECONCILIATION,
    QUALITY_RESULTS,
    TRAINING_ROWS,
)

__all__ = [
    "ALL_TABLES",
    "CANDIDATE",
    "CLOCK_TICKS",
    "CONTACTS_VAULT",
    "CUSTOMER_HISTORY",
    "DECISIONS",
    "DECISION_RUNS",
    "EVENTS",
    "INGEST_BATCHES",
    "MEMBERSHIP_TRANSITIONS",
    "MODEL_PIN",
    "PACKED_EVENT",
    "PROFILE_ENTRY",
    "QUALITY_RESULTS",
    "QUARANTINED_EVENTS",
    "QUERY_EPOCHS",
    "RECONCILIATION",
    "SEGMENT_MEMBERSHIPS",
    "SEND_QUEUE",
    "TRAINING_ROWS",
    "TREATMENT",
    "WINDOW_CLOSES",
    "WINDOW_FEATURES",
    "WITHHELD_SENDS",
    "Column",
    "DeltaTable",
    "column",
    "conform",
    "misfits",
]
