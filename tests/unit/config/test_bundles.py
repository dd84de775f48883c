from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.addresses import AddressRules
from ceasefire.config.bundle import Bundle, customer_key, parse_bundle, read_bundle, read_products
from ceasefire.errors import ConfigurationError, UsageError
from unit.config.brand_texts import FILES, brand_of, with_change, write

WITH_LIST = with_change("campaigns.yaml", "{any: [buyers]}", "{list: audiences/club.csv}")
WITH_SECRET = with_change("brand.yaml", "public:corner-shop-key", "env:CORNER_KEY")


def pseudonym(natural_id: str, key: bytes = b"corner-shop-key") -> str:
    return hmac.new(key, b"customer|" + natural_id.encode(), hashlib.sha256).hexdigest()[:32]


def read(folder: Path, environment: dict[str, str] | None = None) -> tuple[Bundle, list[str]]:
    bundle, problems = read_bundle(folder, environment or {})
    return bundle, [str(problem) for problem in problems]


def test_a_folder_becomes_its_texts(tmp_path: Path) -> None:
    bundle, problems = read(write(tmp_path))

    assert (dict(bundle.texts), dict(bundle.lists), problems) == (FILES, {}, [])


def test_the_demo_brand_is_fine() -> None:
    bundle, problems = read(Path(__file__).parents[3] / "conf" / "brands" / "completejourney")

    assert problems == []
    assert parse_bundle(bundle)[1] == []


def test_a_list_stands_in_the_bundle_as_pseudonyms_sorted_and_each_once(tmp_path: Path) -> None:
    folder = write(tmp_path, WITH_LIST | {"audiences/club.csv": "customer_id\nanna\nbert\nanna\n"})

    bundle, problems = read(folder)

    assert problems == []
    assert bundle.lists == {"audiences/club.csv": tuple(sorted([pseudonym("anna"), pseudonym("bert")]))}
    assert "anna" not in bundle.text
    assert brand_of(bundle.texts, bundle.lists).campaigns[0].audience.list == "audiences/club.csv"


def test_a_list_of_whom_to_leave_out_is_read_as_any_other(tmp_path: Path) -> None:
    left_out = with_change("campaigns.yaml", "{any: [buyers]}", "{any: [buyers], not_list: audiences/staff.csv}")
    folder = write(tmp_path, left_out | {"audiences/staff.csv": "customer_id\nanna\n"})

    bundle, problems = read(folder)

    assert problems == []
    assert bundle.lists == {"audiences/staff.csv": (pseudonym("anna"),)}
    assert brand_of(bundle.texts, bundle.lists).campaigns[0].audience.not_list == "audiences/staff.csv"


def test_a_list_that_a_spreadsheet_wrote_is_read_like_any_other(tmp_path: Path) -> None:
    folder = write(tmp_path, WITH_LIST)
    (folder / "audiences").mkdir()
    (folder / "audiences" / "club.csv").write_bytes(b'\xef\xbb\xbfcustomer_id\r\nanna\r\n"bert, jr"\r\n')

    bundle, problems = read(folder)

    assert problems == []
    assert set(bundle.lists["audiences/club.csv"]) == {pseudonym("anna"), pseudonym("bert, jr")}


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u202f", "\u3000"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_blanks_around_the_ids_of_a_list_do_not_count(tmp_path: Path, blank: str, line_end: str, mark: str) -> None:
    folder = write(tmp_path, WITH_LIST | {"audiences/club.csv": ""})
    lines = [f"customer_id{blank}", f"{blank}anna", f'"{blank}bert, jr"', f"carl{blank}"]
    (folder / "audiences" / "club.csv").write_bytes((mark + line_end.join([*lines, ""])).encode())

    bundle, problems = read(folder)

    assert problems == []
    assert set(bundle.lists["audiences/club.csv"]) == {pseudonym("anna"), pseudonym("bert, jr"), pseudonym("carl")}


def test_a_quotation_mark_that_is_not_closed_is_refused_with_its_line_and_hides_no_other(tmp_path: Path) -> None:
    folder = write(tmp_path, WITH_LIST | {"audiences/club.csv": 'customer_id\nanna\n"bert\ncarl\n"dora\n'})

    _, problems = read(folder)

    assert problems == [
        f"audiences/club.csv:{line}: a quotation mark is not closed, got '\"{name}', allowed: one id a line"
        for line, name in ((3, "bert"), (5, "dora"))
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "audiences/club.csv:1: wrong header, got 'an empty file', allowed: one column, customer_id"),
        (b"anna\nbert\n", "audiences/club.csv:1: wrong header, got 'anna'"),
        (b"customer_id,name\nanna,Anna\n", "audiences/club.csv:1: wrong header, got 'customer_id,name'"),
        (b"customer_id\nanna\n\nbert\n", "audiences/club.csv:3: not one customer id"),
        (b"customer_id\nanna\n  \n", "audiences/club.csv:3: not one customer id"),
        (b"customer_id\nanna,bert\n", "audiences/club.csv:2: not one customer id, got 'anna,bert'"),
        (b"customer_id\n\xff\xfe\n", "audiences/club.csv: cannot be read as UTF-8 text"),
        (b"customer_id\n" + b"x" * 200_000 + b"\n", "audiences/club.csv: cannot be read as CSV"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    folder = write(tmp_path, WITH_LIST)
    (folder / "audiences").mkdir()
    (folder / "audiences" / "club.csv").write_bytes(content)

    _, problems = read(folder)

    assert any(problem.startswith(said) for problem in problems), problems


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    folder = write(tmp_path)
    (folder / missing).unlink()

    _, problems = read(folder)

    assert [problem.split(",")[0] for problem in problems] == [f"{missing}: missing file"]


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "segments.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "features.yaml").unlink()
    (folder / "features.yaml").mkdir()

    _, problems = read(folder)

    assert [problem.split(", got")[0] for problem in problems] == [
        "features.yaml: cannot be read as UTF-8 text",
        "segments.yaml: cannot be read as UTF-8 text",
    ]


def test_without_a_folder_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no brand folder at .*nowhere"):
        read_bundle(tmp_path / "nowhere", {})


def test_a_secret_key_comes_from_the_environment(tmp_path: Path) -> None:
    texts = WITH_SECRET | {"audiences/club.csv": "customer_id\nanna\n"}
    environment = {"CORNER_KEY": "s3cret of the corner shop"}

    bundle, problems = read(write(tmp_path, texts), environment)

    assert problems == []
    assert bundle.lists["audiences/club.csv"] == (pseudonym("anna", b"s3cret of the corner shop"),)
    assert customer_key(brand_of(WITH_SECRET).settings, environment) == b"s3cret of the corner shop"
    assert "s3cret" not in bundle.text


@pytest.mark.parametrize("environment", [{}, {"CORNER_KEY": ""}])
def test_a_secret_key_that_is_not_there_is_asked_for_by_name(tmp_path: Path, environment: dict[str, str]) -> None:
    _, problems = read(write(tmp_path, WITH_SECRET), environment)

    said = "brand.yaml: customer_key: the environment variable is not set, got CORNER_KEY, allowed: export CORNER_KEY=…"
    assert problems == [said]
    with pytest.raises(ConfigurationError, match="CORNER_KEY"):
        customer_key(brand_of(WITH_SECRET).settings, environment)


def test_addresses_are_read_as_brand_yaml_says_and_without_a_country_by_default() -> None:
    declared = with_change("brand.yaml", "", "addresses: {region: DE, fold_local_part: false}")

    assert brand_of().settings.address_rules == AddressRules(region=None, fold_local_part=True)
    assert brand_of(declared).settings.address_rules == AddressRules(region="DE", fold_local_part=False)


def test_the_name_of_a_bundle_is_the_hash_of_what_it_says_whatever_the_order() -> None:
    bundle = Bundle(FILES, {"b": ("1",), "a": ()})
    shuffled = Bundle(dict(reversed(FILES.items())), {"a": (), "b": ("1",)})

    assert bundle.hash == shuffled.hash == hashlib.sha256(bundle.text.encode()).hexdigest()
    assert bundle.hash != Bundle(FILES, {"b": ("2",), "a": ()}).hash
    assert bundle.hash != Bundle(FILES | {"brand.yaml": FILES["brand.yaml"] + "\n"}, bundle.lists).hash


def test_the_name_of_a_bundle_stays_the_same_for_ever() -> None:
    bundle = Bundle({"brand.yaml": "brand: ü\n"}, {"audiences/a.csv": ("00ff",)})

    assert json.loads(bundle.text) == {"lists": {"audiences/a.csv": ["00ff"]}, "texts": {"brand.yaml": "brand: ü\n"}}
    assert bundle.hash == "c761e832d160b8129a167c5f6071ed9bd853311500b1655f8756f4301805b9c9"


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
    st.dictionaries(st.text(max_size=8), st.lists(st.text("0123456789abcdef", max_size=4)).map(tuple), max_size=3),
)
@settings(max_examples=50)
def test_a_bundle_is_read_back_from_its_text_as_it_was(
    texts: dict[str, str], lists: dict[str, tuple[str, ...]]
) -> None:
    bundle = Bundle(texts, lists)

    again = Bundle.from_text(bundle.text)

    assert again == bundle
    assert again.hash == bundle.hash


def test_a_pinned_bundle_declares_the_same_after_its_files_are_gone() -> None:
    brand = brand_of()

    pinned = Bundle.from_text(brand.bundle.text)

    assert brand_of(pinned.texts, pinned.lists) == brand


def test_a_rule_is_placed_where_its_text_stands() -> None:
    places = brand_of().places

    assert places["segments", "buyers"] == "segments.yaml:3"
    assert places["campaigns", "thanks"] == "campaigns.yaml:2"
    assert places["features", "orders"] == "features.yaml:2"


def test_a_list_of_products_counts_by_its_content_and_is_read_where_it_lies(tmp_path: Path) -> None:
    # given a brand folder whose campaign looks for products of a list
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("event: order", "event: order_line, products: products/coats.csv"))
    (tmp_path / "products").mkdir()
    coats = tmp_path / "products" / "coats.csv"
    coats.write_text("product_id\n17\n4\n")

    bundle, problems = read_bundle(tmp_path, {})

    assert problems == []
    assert Bundle.from_text(bundle.text) == bundle
    assert read_products(tmp_path, bundle, "products/coats.csv") == ("17", "4")
    # and when it changes
    coats.write_text("product_id\n17\n5\n")
    assert read_bundle(tmp_path, {})[0].hash != bundle.hash
    with pytest.raises(UsageError, match="changed since it was read"):
        read_products(tmp_path, bundle, "products/coats.csv")


def test_a_missing_list_of_products_and_an_undeclared_model_are_reported() -> None:
    campaigns = FILES["campaigns.yaml"].replace("outcome: {event: order", "outcome: {event: order, products: p.csv")
    campaigns += "    uplift: {model: coupons, group: wide}\n"

    _, problems = parse_bundle(Bundle(FILES | {"campaigns.yaml": campaigns}, {}))

    said = "\n".join(str(one) for one in problems)
    assert "thanks: outcome names a missing list of products, got 'p.csv', allowed: none is declared" in said
    assert "thanks: uplift names a model that brand.yaml does not declare, got 'coupons'" in said
