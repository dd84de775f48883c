"""Profile features: what was last said before as_of, and what stands where nothing was."""

from __future__ import annotations

from ceasefire.features.program import compile_features
from unit.features.catalogues import profile_feature
from unit.features.packed_histories import AS_OF, DAY, Setting, pack


def entries(*settings: Setting, default: str | None = None) -> list[str | None]:
    history = pack(["ada", "bob"], settings=settings)
    program = compile_features([profile_feature("tongue", "locale", default)])
    found: list[str | None] = program.values(history, AS_OF)["tongue"].to_pylist()
    return found


def test_the_latest_setting_counts_whatever_the_order_of_settings() -> None:
    old, new = Setting("ada", "locale", "pt", AS_OF - DAY), Setting("ada", "locale", "de", AS_OF - 1)
    assert entries(old, new) == entries(new, old) == ["de", None]


def test_a_setting_at_as_of_is_not_known_yet() -> None:
    assert entries(Setting("ada", "locale", "de", AS_OF), Setting("bob", "locale", "fr", AS_OF - 1)) == [None, "fr"]


def test_of_two_settings_at_one_instant_the_larger_text_counts_and_a_removal_least() -> None:
    noon = AS_OF - DAY
    settings = (
        Setting("ada", "locale", "fr", noon),
        Setting("ada", "locale", None, noon),
        Setting("ada", "locale", "fr", noon),
        Setting("ada", "locale", "de", noon),
        Setting("bob", "locale", None, noon),
        Setting("bob", "locale", "", noon),
    )
    assert entries(*settings) == entries(*reversed(settings)) == ["fr", ""]


def test_a_withdrawal_wins_over_a_grant_at_the_same_instant() -> None:
    said = [Setting("ada", "consent/marketing/sms", value, AS_OF - 1) for value in ("withdrawn", "granted")]
    consent = compile_features([profile_feature("consent", "consent/marketing/sms")])
    assert consent.values(pack(["ada"], settings=said), AS_OF)["consent"].to_pylist() == ["withdrawn"]


def test_a_removed_entry_is_as_if_never_set_and_takes_the_default() -> None:
    removed = (Setting("ada", "locale", "de", AS_OF - 2), Setting("ada", "locale", None, AS_OF - 1))
    assert entries(*removed) == [None, None]
    assert entries(*removed, default="en") == ["en", "en"]


def test_two_features_of_one_entry_differ_in_their_default_only() -> None:
    program = compile_features([profile_feature("plain", "locale"), profile_feature("filled", "locale", "en")])
    values = program.values(pack(["ada", "bob"], settings=[Setting("ada", "locale", "de", AS_OF - 1)]), AS_OF)
    assert values["plain"].to_pylist() == ["de", None]
    assert values["filled"].to_pylist() == ["de", "en"]
