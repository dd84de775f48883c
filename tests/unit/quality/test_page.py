from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from ceasefire.quality.page import quality_page

MONDAY, TUESDAY = datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)


class Words(HTMLParser):
    """What people read, and what the page would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]

    @property
    def text(self) -> str:
        return " ".join(self.words)


def result(close: datetime, unexpected: int, is_critical: bool = True, table: str = "decisions") -> dict[str, Any]:
    return {
        "window_end": close,
        "check_number": 0,
        "table_name": table,
        "expectation": "between value_micros" if is_critical else "between own_mean_order_minor",
        "reason": "nothing goes that is not worth its <cost>",
        "is_critical": is_critical,
        "row_count": 1_650,
        "unexpected_count": unexpected,
    }


def test_the_newest_window_comes_first_and_says_whether_its_release_is_held() -> None:
    page = Words(quality_page("corner", [result(MONDAY, 0), result(TUESDAY, 1_003), result(TUESDAY, 0, False)]))

    held, fine = page.text.index("Release is held: 1 of 2 expectations"), page.text.index("All 1 expectations hold.")
    assert page.text.index("Window of 2026-03-03 06:00 UTC") < held < page.text.index("Window of 2026-03-02") < fine
    assert "decisions: 1,650 rows" in page.text
    assert "1,003 holds release" in page.text


def test_what_is_odd_and_not_critical_holds_nothing() -> None:
    page = Words(quality_page("corner", [result(MONDAY, 7, is_critical=False)]))

    assert "Released, with something odd: 1 of 1 expectations do not hold; none of them is critical." in page.text
    assert "is held" not in page.text


def test_the_page_needs_nothing_else_and_takes_no_text_for_markup() -> None:
    text = quality_page("<script>alert(1)</script>", [result(MONDAY, 0)])

    assert Words(text).loaded == []
    assert "<script" not in text
    assert "its &lt;cost&gt;" in text


def test_without_a_check_there_is_a_page_all_the_same() -> None:
    assert "Data quality of corner" in Words(quality_page("corner", [])).text


def test_the_page_says_how_many_customers_are_on_hold_and_what_lists_them() -> None:
    results = [result(MONDAY, 0)]

    held, one, nobody = (Words(quality_page("corner", results, on_hold)).text for on_hold in (1_203, 1, 0))

    assert "On hold for marketing: 1,203 customers." in held
    assert "ceasefire holds" in held
    assert "On hold for marketing: 1 customer." in one
    assert "On hold" not in nobody
