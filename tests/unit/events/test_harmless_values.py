from __future__ import annotations

from ceasefire.config.bundle import Brand, Bundle, parse_bundle
from ceasefire.config.shipped import shipped_conf
from ceasefire.events.harmless import harmless_in
from ceasefire.events.personal_values import BUILT_IN_KEYS
from ceasefire.pipelines.workspace import load_brand
from unit.config.brand_texts import FILES

FEATURE = """\
  - {name: %s, unit: text, description: What is said., from: {profile: %s}}
"""


def brand(**more: str) -> Brand:
    """The small brand with further lines in its files."""
    texts = FILES | {f"{name}.yaml": FILES[f"{name}.yaml"] + text for name, text in more.items()}
    read, problems = parse_bundle(Bundle(texts, {}))
    assert read is not None, problems
    return read


def test_what_a_feature_reads_of_the_profile_stays_and_nothing_else_is_added() -> None:
    harmless = harmless_in(brand(features=FEATURE % ("born", "birth_date")))

    assert harmless.keys == BUILT_IN_KEYS | {"birth_date"}


def test_what_the_brand_keeps_stays() -> None:
    assert harmless_in(brand(brand="profile: {keep: [shoe_size]}\n")).keys == BUILT_IN_KEYS | {"shoe_size"}


def test_a_feature_that_names_an_address_does_not_take_it_out_of_the_vault() -> None:
    assert harmless_in(brand(features=FEATURE % ("mail", "E-Mail") + FEATURE % ("at", "Email"))).keys == (
        BUILT_IN_KEYS | {"E-Mail"}
    )


def test_sources_and_campaigns_that_features_and_campaigns_name_stay() -> None:
    feature = (
        "  - {name: walked_in, unit: visits, description: Visits., aggregate: count,\n"
        "     from: {event: browse, source: Corner Shop, campaign: Spring Sale}}\n"
    )

    assert harmless_in(brand(features=feature)).words == {"Corner Shop", "Spring Sale"}


def test_all_that_the_features_of_the_shipped_brands_read_stays_in_the_clear() -> None:
    for folder in (shipped_conf() / "brands").iterdir():
        at_work = load_brand(folder, {})
        read = {feature.from_.profile for feature in at_work.brand.features if feature.from_ is not None}
        assert read - {None} <= at_work.contract.harmless.keys
