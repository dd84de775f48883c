"""The closed enumerations. Wherever a row falls out of the flow, it carries one of these codes."""

from __future__ import annotations

from enum import StrEnum


class EventType(StrEnum):
    """What can happen to a customer. An entry's position is its code in `customer_history`: append only."""

    REGISTERED = "registered"
    PROFILE_CHANGED = "profile_changed"
    CONSENT_CHANGED = "consent_changed"
    BROWSE = "browse"
    CART_ADDED = "cart_added"
    ORDER = "order"
    ORDER_LINE = "order_line"
    RETURN = "return"
    SESSION_ENDED = "session_ended"
    CONVERTED = "converted"
    SEND_DELIVERED = "send_delivered"
    SEND_OPENED = "send_opened"
    SEND_CLICKED = "send_clicked"
    SEND_BOUNCED = "send_bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    CUSTOMER_MERGED = "customer_merged"
    ERASURE_REQUESTED = "erasure_requested"
    OPTED_OUT = "opted_out"

    @property
    def code(self) -> int:
        """The small integer that stands for this type in packed histories."""
        return EVENT_CODES[self]


EVENT_CODES: dict[EventType, int] = {event_type: position for position, event_type in enumerate(EventType)}

PROFILES = frozenset((EventType.REGISTERED, EventType.PROFILE_CHANGED))
"""What a customer's profile is told by."""

RESPONSES = frozenset((EventType.SEND_OPENED, EventType.SEND_CLICKED))
"""What a customer does with a message, and a scanner or a prefetcher does too."""

OF_A_SEND = (EventType.SEND_DELIVERED, *sorted(RESPONSES))
"""Events that in `customer_history` hold their send where others hold their order."""

MACHINE_RESPONSE = "machine_response"
"""Among the repairs of a response: it is a machine's, and counts as nobody's response."""

MACHINE_CODE = -1
"""The code of a machine's response in `customer_history`; no type of event has it."""


class AmountRepair(StrEnum):
    """Among the repairs of an event: how its amount was read otherwise than it stands in the row.

    An amount in another currency is converted or, without a rate, unknown; an order of less than nothing is a return.
    """

    OTHER_CURRENCY = "other_currency"
    CONVERTED = "converted_amount"
    NEGATIVE_ORDER = "negative_order"


class RejectReason(StrEnum):
    """Why an input row is in `quarantined_events` and not in `events`."""

    CORRUPT = "corrupt"
    EMPTY = "empty"
    OVERSIZE = "oversize"
    MISSING_FIELD = "missing_field"
    BAD_TYPE = "bad_type"
    NON_FINITE = "non_finite_number"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY_DECIMALS = "too_many_decimals"
    UNKNOWN_BRAND = "unknown_brand"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    FUTURE = "future"
    TOO_LATE = "too_late"
    DUPLICATE = "duplicate"
    CONFLICT = "same_id_other_payload"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNCLEAR_OPT_OUT = "unclear_opt_out"
    DAMAGED_FILE = "damaged_file"


class FeatureType(StrEnum):
    """The types a feature, and so a term of a rule, can have."""

    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BOOLEAN = "boolean"


class Aggregate(StrEnum):
    """How a feature sums up the events that its filter and window let through."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    DISTINCT = "distinct"
    DAYS_SINCE = "days_since"
    DAYS_SINCE_FIRST = "days_since_first"


class MessageClass(StrEnum):
    """Marketing competes for one message and heeds locks; transactional mail is settled apart, and locks nobody."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class Policy(StrEnum):
    """How collisions are settled: fixed order of campaigns, or best value first over all customers."""

    PRIORITY = "priority"
    GREEDY = "greedy"


class Outcome(StrEnum):
    """What was settled for a customer."""

    SEND = "send"
    SILENCE = "silence"


class LossReason(StrEnum):
    """Why a candidate did not win: the gates, in the order in which they are asked, then what the arbitration says."""

    NOT_IN_AUDIENCE = "not_in_audience"
    OUTSIDE_DATES = "outside_dates"
    NO_CONSENT = "no_consent"
    ON_HOLD = "on_hold"
    ON_SUPPRESSION_LIST = "on_suppression_list"
    NO_ADDRESS = "no_address"
    REENTRY_LIMIT = "reentry_limit"
    DURATION_LOCK = "duration_lock"
    UPLIFT_UNKNOWN = "uplift_unknown"
    VALUE_NOT_POSITIVE = "value_not_positive"
    CAPACITY_FULL = "capacity_full"
    LOST_TO_BETTER = "lost_to_better"


class ValueBasis(StrEnum):
    """What a campaign's outcome was taken to be worth for one customer."""

    OWN_MEAN_ORDER = "own_mean_order"
    BRAND_MEAN_ORDER = "brand_mean_order"
    FIXED = "fixed"


class UpliftSource(StrEnum):
    """Where a candidate's uplift comes from: the campaign's prior, with the reason why, or a model."""

    PRIOR = "prior"
    MODEL = "model"
    PRIOR_NO_CHAMPION = "prior_no_champion"
    PRIOR_GROUP_NOT_LEARNT = "prior_group_not_learnt"
    PRIOR_MODEL_REFUSED = "prior_model_refused"


class WithheldReason(StrEnum):
    """Why a decided send was stopped at the last gate."""

    CONSENT_WITHDRAWN = "consent_withdrawn"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    ERASED = "erased"
    PRODUCT_RETURNED = "product_returned"
    CANCELLED_BY_EVENT = "cancelled_by_event"
    NO_ADDRESS = "no_address"
    EXPIRED = "expired"
    ON_HOLD = "on_hold"
    ON_SUPPRESSION_LIST = "on_suppression_list"
    ADDRESS_REFUSED = "address_refused"
    SAME_ADDRESS = "same_address"
    MERGED = "merged"
    QUIET_HOURS = "quiet_hours"
    CAMPAIGN_STOPPED = "campaign_stopped"
    PAUSED = "paused"
    DURATION_LOCK = "duration_lock"
    SHADOW = "shadow_mode"


class RefusalKind(StrEnum):
    """What a row of contact_refusals is: a no of a person, a mailbox that does not take mail, or what takes a no back.

    Only noes to topics are taken back by a row there; the gate knows the yes that a message rests on.
    """

    NO = "no"
    TAKEN_BACK = "taken_back"
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"


class OperatorAction(StrEnum):
    """What a person can do to a brand at work, by command."""

    PAUSE = "pause"
    RESUME = "resume"
    RESOLVE_HOLD = "resolve_hold"
    REVOKE = "revoke"
    ERASE = "erase"


class RevokedReason(StrEnum):
    """Why a queued send was called back."""

    CALLED_BACK = "called_back"
    ERASED = "erased"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    ADDRESS_REFUSED = "address_refused"


EVERY = "*"
"""In a statement on consent: every purpose, or every channel, those to come included."""

GRANTED, WITHDRAWN = "granted", "withdrawn"
"""What a customer said on consent. Of two statements at one instant the larger text counts: a withdrawal must win."""

ADDRESS_PRESENT = "set"
"""What an address is outside the vault: that there is one."""


CONSENT, CONSENT_AT, REFUSAL = "consent/", "consent_at/", "refusal/"
"""How a profile names what was said on consent: by purpose and channel, since when, and on a topic or campaign."""

REFUSED_TOPICS = REFUSAL + EVERY
"""The entry of a profile that tells all topics and campaigns that the customer refuses, a line each."""


def consent_entry(purpose: str, channel: str) -> str:
    """The entry of a customer's profile that holds a consent."""
    return f"{CONSENT}{purpose}/{channel}"


def consent_instant_entry(purpose: str, channel: str) -> str:
    """The entry of a customer's profile that tells since when that consent stands, in microseconds UTC."""
    return f"{CONSENT_AT}{purpose}/{channel}"


TIME_ZONE = "time_zone"
"""The attribute, and entry of a profile, that holds the customer's own time zone."""

DERIVED_ZONE = TIME_ZONE + "/"
"""How a profile names the time zone that another attribute tells."""


def derived_zone_entry(source: str) -> str:
    """The entry of a customer's profile that holds the time zone which an attribute tells."""
    return DERIVED_ZONE + source


class ZoneRepair(StrEnum):
    """Among the repairs of a row: what became of a time zone that was not written as its IANA name."""

    READ = "time_zone_read"
    UNKNOWN = "time_zone_unknown"


WINDOW_LANE = "window"
"""The lane of the ledger in which marketing competes for a customer's one message; everybody has it in each window."""


def transactional_lane(campaign_id: str) -> str:
    """The lane in which a transactional campaign is settled by itself, for each customer whom it wants."""
    return f"{MessageClass.TRANSACTIONAL}/{campaign_id}"


class AddressFault(StrEnum):
    """Why a text is no address."""

    BLANK = "blank"
    PLACEHOLDER = "placeholder"
    MALFORMED = "malformed"
