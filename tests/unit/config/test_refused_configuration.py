from __future__ import annotations

import pytest

from unit.config.brand_texts import FILES, problems, with_change

BRAND, FEATURES, SEGMENTS, CAMPAIGNS = FILES

REFUSALS: list[tuple[str, str, str, str]] = [
    # file, text, put in its place (or added, where there is no text), what is said
    (BRAND, "", "colour: red", "brand.yaml:9: colour: unknown key"),
    (BRAND, "locale: en\n", "", "brand.yaml:1: locale: missing"),
    (BRAND, "locale: en", "locale: English", "brand.yaml:4: locale: not allowed here, got 'English'"),
    (BRAND, "brand: corner", "brand: Corner Shop", "brand.yaml:1: brand: not allowed here, got 'Corner Shop'"),
    (BRAND, "EUR", "euro", "brand.yaml:2: currency: not allowed here, got 'euro'"),
    (BRAND, "", 'rates: {USD: "0"}', "brand.yaml:9: rates.USD: not a rate, got '0', allowed: a decimal text above 0"),
    (BRAND, "", "rates: {USD: 1.08}", "brand.yaml:9: rates.USD: not a rate, got 1.08, allowed: a decimal text above 0"),
    (BRAND, "", 'rates: {USD: "1.0000000001"}', "brand.yaml:9: rates.USD: not a rate, got '1.0000000001'"),
    (BRAND, "", 'rates: {usd: "1.08"}', "brand.yaml:9: rates.usd"),
    (BRAND, "", 'rates: {EUR: "1"}', "brand.yaml:9: rates: EUR is the brand's own currency"),
    (BRAND, "Europe/Berlin", "Mars/Olympus", "brand.yaml:3: time_zone: unknown time zone, got 'Mars/Olympus'"),
    (BRAND, "Europe/Berlin", "../passwd", "brand.yaml:3: time_zone: unknown time zone, got '../passwd'"),
    (BRAND, "Europe/Berlin", "[UTC]", "brand.yaml:3: time_zone: unknown time zone, allowed: an IANA"),
    (BRAND, "public:corner-shop-key", "hunter2", "brand.yaml:5: customer_key: not allowed here, got 'hunter2'"),
    (BRAND, "public:corner-shop-key", "public:short", "brand.yaml:5: customer_key: not allowed here"),
    (BRAND, "every: 1d", "every: 6h", "brand.yaml:6: decision_window.every: not supported yet, got '6h', allowed: 1d"),
    (BRAND, '"06:00"', "6", "brand.yaml:6: decision_window.at: not a clock time, got 6"),
    (BRAND, '"06:00"', '"06:30"', "brand.yaml:6: decision_window.at: not a whole hour, got '06:30'"),
    (BRAND, '"06:00"', "12:30:00", "brand.yaml:6: decision_window.at: not a whole hour, got '12:30:00'"),
    (BRAND, '"06:00"', '"24:00"', "brand.yaml:6: decision_window.at: not a whole hour, got '24:00'"),
    (BRAND, '"06:00"', '"06:00", max_gap: 36h', "brand.yaml:6: decision_window.max_gap: no gap between daily windows"),
    (BRAND, '"06:00"', '"06:00", max_gap: 72h', "brand.yaml:6: decision_window.max_gap: no gap between daily windows"),
    (BRAND, "email:", "Email:", "brand.yaml:8: channels.Email: not allowed here, got 'Email'"),
    (BRAND, "email:", "fax:", "brand.yaml:7: channels: fax needs `address`"),
    (BRAND, "48h", "48h, aliases: [ALL]", "brand.yaml:7: channels: email.aliases: 'ALL' stands for every channel"),
    (BRAND, "48h", "48h, aliases: ['-']", "brand.yaml:7: channels: email.aliases: '-' stands for every channel"),
    (BRAND, "48h", "48h, aliases: [any]", "brand.yaml:7: channels: email.aliases: 'any' stands for every channel"),
    (BRAND, "{cost", "[cost", "brand.yaml:8: not valid YAML"),
    (BRAND, '"0.002"', '"-1"', "brand.yaml:8: channels.email.cost: money out of range, got '-1'"),
    (BRAND, '"0.002"', '"0.0000001"', "brand.yaml:8: channels.email.cost: money out of range"),
    (BRAND, '"0.002"', ".nan", "brand.yaml:8: channels.email.cost: money out of range, got nan"),
    (BRAND, '"0.002"', '"1e999999999"', "brand.yaml:8: channels.email.cost: money out of range"),
    (BRAND, '"0.002"', '"1e-999999999"', "brand.yaml:8: channels.email.cost: money out of range"),
    (BRAND, '"0.002"', "cheap", "brand.yaml:8: channels.email.cost: not an amount of money, got 'cheap'"),
    (BRAND, '"0.002"', '"1_0"', "brand.yaml:8: channels.email.cost: not an amount of money, got '1_0'"),
    (BRAND, '"0.002"', "true", "brand.yaml:8: channels.email.cost: not an amount of money, got True"),
    (BRAND, '"08:00-21:00"', '"21:00-08:00"', "brand.yaml:8: channels.email.hours: not hours of one day"),
    (BRAND, '"08:00-21:00"', '"08:00-08:00"', "brand.yaml:8: channels.email.hours: not hours of one day"),
    (BRAND, '"08:00-21:00"', '"8-21"', "brand.yaml:8: channels.email.hours: not hours of one day, got '8-21'"),
    (BRAND, '"08:00-21:00"', '"08:30-21:00"', "brand.yaml:8: channels.email.hours: not hours of one day"),
    (BRAND, '"08:00-21:00"', '"08:00-25:00"', "brand.yaml:8: channels.email.hours: not hours of one day"),
    (BRAND, "48h", "48", "brand.yaml:8: channels.email.expires: not a span of time, got 48"),
    (BRAND, "48h", "0h", "brand.yaml:8: channels.email.expires: not a span of time, got '0h'"),
    (BRAND, "48h", "2 days", "brand.yaml:8: channels.email.expires: not a span of time, got '2 days'"),
    (BRAND, "48h", "100000d", "brand.yaml:8: channels.email.expires: not a span of time, got '100000d'"),
    (BRAND, "48h", "48h, capacity: {per_window: -1}", "brand.yaml:8: channels.email.capacity.per_window: not allowed"),
    (BRAND, "48h", "48h, capacity: {per_window: true}",
     "brand.yaml:8: channels.email.capacity.per_window: not allowed"),
    (BRAND, "48h", '48h, capacity: {per_window: "7"}', "brand.yaml:8: channels.email.capacity.per_window: not allowed"),
    (BRAND, "", "consent_default: {marketing: no}",
     "brand.yaml:9: consent_default.marketing: not allowed here, got 'no'"),
    (BRAND, "", "pressure: {lock: some}", "brand.yaml:9: pressure.lock: not allowed here, got 'some'"),
    (BRAND, "", "release: {mode: dark}", "brand.yaml:9: release.mode: not allowed here, got 'dark'"),
    (BRAND, "", "profile: {keep: [size, Email]}", "brand.yaml:9: profile.keep: Email stays in the vault"),
    (BRAND, "", "profile: {keep: size}", "brand.yaml:9: profile.keep: not allowed here"),
    (BRAND, "", 'machine_responses: {agents: [barracuda, ""]}',
     "brand.yaml:9: machine_responses.agents: not allowed here, got '', allowed: text that is not blank"),
    (BRAND, "", 'machine_responses: {agents: ["  "]}',
     "brand.yaml:9: machine_responses.agents: not allowed here, got '  ', allowed: text that is not blank"),
    (BRAND, "", "machine_responses: {agents: barracuda}", "brand.yaml:9: machine_responses.agents: not allowed here"),
    (BRAND, "", "machine_responses: {agents: [7]}",
     "brand.yaml:9: machine_responses.agents: not allowed here, got 7, allowed: text"),
    (BRAND, "", "machine_responses: {within: 0s}",
     "brand.yaml:9: machine_responses.within: not a span of up to an hour, got '0s', allowed: a number and s, m or h, "
     "at most 1h, as in 3s"),
    *((BRAND, "", f"machine_responses: {{within: {span}}}",
       "brand.yaml:9: machine_responses.within: not a span of up to an hour, got")
      for span in ("3601s", "61m", "2h", "1d", "3", "-3s", "1.5s", "3 s", "03s", "soon")),
    (BRAND, "", "machine_responses: {robots: [barracuda]}", "brand.yaml:9: machine_responses.robots: unknown key"),
    (BRAND, "", "policy: {default: random}", "brand.yaml:9: policy.default: not allowed here, got 'random'"),
    (BRAND, "", "1: 2", "brand.yaml:9: this file: not allowed here, got 1"),
    (FEATURES, "features:", "feature:", "features.yaml:1: needs a list under `features:`"),
    (FEATURES, "", "colour: red", "features.yaml:7: colour: unknown key, allowed: features"),
    (FEATURES, "    unit: orders\n", "", "features.yaml:2: orders: unit: missing"),
    (FEATURES, "event: order", "event: ordr", "features.yaml:5: orders: from.event: not allowed here, got 'ordr'"),
    (FEATURES, "event: order", "event: [order, ordr]",
     "features.yaml:5: orders: from.event: not allowed here, got 'ordr'"),
    (FEATURES, "{event: order}", "{}", "features.yaml:5: orders: from: needs either `event` or `profile`"),
    (FEATURES, "event: order", "event: order, category: a/b/c/d", "features.yaml:5: orders: from: category too deep"),
    (FEATURES, "count", "streak", "features.yaml:6: orders: aggregate: aggregate streak is not supported yet"),
    (FEATURES, "count", "tally", "features.yaml:6: orders: aggregate: not allowed here, got 'tally'"),
    (FEATURES, "aggregate: count", "aggregate: sum", "features.yaml:2: orders: `value` goes with sum, mean, min"),
    (FEATURES, "", "    window: 7", "features.yaml:7: orders: window: not a window, got 7"),
    (FEATURES, "", "    window: 0d", "features.yaml:7: orders: window: not a window, got '0d'"),
    (FEATURES, "", "    default: true", "features.yaml:7: orders: default: not a default, got True"),
    (FEATURES, "", "    default: [0]", "features.yaml:7: orders: default: not a default, allowed: a number"),
    (FEATURES, "", "    default: 0.5", "features.yaml:2: orders: default of a whole-number feature must be whole"),
    (FEATURES, "", '    default: "0"', "features.yaml:2: orders: default must be a number"),
    (FEATURES, "", "  - 7", "features.yaml:7: features: not allowed here, got 7, allowed: keys and values"),
    (SEGMENTS, "", "  - {id: buyers, rule: orders > 1}",
     "segments.yaml:4: segments: declared twice, got 'buyers', allowed: once; first at segments.yaml:"),
    (SEGMENTS, "", "  - {id: in_no_other_segment, rule: a > 1}",
     "segments.yaml:4: in_no_other_segment: id: this id is built"),
    (SEGMENTS, "rule: orders > 0", "rule: ''", "segments.yaml:3: buyers: rule: not allowed here, got ''"),
    (CAMPAIGNS, "from: 2026-01-01", "from: 2026-02-30", "campaigns.yaml:3: not valid YAML: day is out of range"),
    (CAMPAIGNS, "from: 2026-01-01", "from: '2026-02-30'",
     "campaigns.yaml:3: thanks: active.from: no day of the calendar"),
    (CAMPAIGNS, "from: 2026-01-01", "from: 0", "campaigns.yaml:3: thanks: active.from: not a date, got 0"),
    (CAMPAIGNS, "from: 2026-01-01", "from: 2026-01-01T00:00:00Z", "campaigns.yaml:3: thanks: active.from: not a date"),
    (CAMPAIGNS, "to: 2026-12-31", "to: 2025-12-31", "campaigns.yaml:3: thanks: active: ends before it starts"),
    (CAMPAIGNS, "{any: [buyers]}", "{}", "campaigns.yaml:4: thanks: audience: empty audience"),
    (CAMPAIGNS, "[buyers]", "[sellers]",
     "campaigns.yaml:2: thanks: audience names an unknown segment, got 'sellers', allowed: buyers, in_no_other"),
    (CAMPAIGNS, "{any: [buyers]}", "{list: audiences/club.csv}",
     "campaigns.yaml:2: thanks: audience names a missing list, got 'audiences/club.csv', allowed: none is declared"),
    (CAMPAIGNS, "channels: [email]", "channels: []", "campaigns.yaml:8: thanks: channels: not allowed here, got []"),
    (CAMPAIGNS, "channels: [email]", "channels: [email, email]", "campaigns.yaml:2: thanks: a channel is named twice"),
    (CAMPAIGNS, "channels: [email]", "channels: [email, sms]", "campaigns.yaml:2: thanks: no variant for channel sms"),
    (CAMPAIGNS, "channel: email", "channel: email, colour: red",
     "campaigns.yaml:9: thanks: variants.colour: unknown key"),
    (CAMPAIGNS, "priority: 20", "priority: true", "campaigns.yaml:5: thanks: priority: not allowed here, got True"),
    (CAMPAIGNS, "priority: 20", "priority: 2.5", "campaigns.yaml:5: thanks: priority: not allowed here, got 2.5"),
    (CAMPAIGNS, "priority: 20", "priority: 0x" + "f" * 5000,
     "campaigns.yaml:5: thanks: priority: not allowed here, got a number"),
    (CAMPAIGNS, "priority: 20", "priority: " + "9" * 5000, "campaigns.yaml:5: not valid YAML"),
    (CAMPAIGNS, "max: 1", "max: 0", "campaigns.yaml:7: thanks: reentry.max: not allowed here, got 0"),
    (CAMPAIGNS, "event: order", "event: bought",
     "campaigns.yaml:10: thanks: outcome.event: not allowed here, got 'bought'"),
    (CAMPAIGNS, "share_of_order: 0.3", "share_of_order: 0.3, fixed: '1'",
     "campaigns.yaml:11: thanks: value: needs one of"),
    (CAMPAIGNS, "share_of_order: 0.3", "share_of_order: .inf",
     "campaigns.yaml:11: thanks: value.share_of_order: not allowed"),
    (CAMPAIGNS, "prior_uplift: 0.02", "prior_uplift: .nan",
     "campaigns.yaml:12: thanks: prior_uplift: not allowed here, got nan"),
    (CAMPAIGNS, "prior_uplift: 0.02", "prior_uplift: true",
     "campaigns.yaml:12: thanks: prior_uplift: not allowed here, got True"),
    (CAMPAIGNS, "", "    class: spam", "campaigns.yaml:13: thanks: class: not allowed here, got 'spam'"),
    (CAMPAIGNS, "", "    cancel_on: [{event: return, same: product}]",
     "campaigns.yaml:2: thanks: cancel_on with `same: product`"),
    (CAMPAIGNS, "", "    about: {profile: city}", "campaigns.yaml:2: thanks: about needs `event`"),
]  # fmt: skip

NOT_SUPPORTED_YET: list[tuple[str, str, str]] = [
    (BRAND, "express_on: [return]", "brand.yaml:9: express_on"),
    (BRAND, "history: {keep: 800d}", "brand.yaml:9: history"),
    (BRAND, "holdout: {universal: 0.02}", "brand.yaml:9: holdout"),
    (BRAND, "policy: {default: dual}", "brand.yaml:9: policy.default"),
    (BRAND, "policy: {arms: {priority: 0.1}}", "brand.yaml:9: policy.arms"),
    (BRAND, "policy: {explore: 0.05}", "brand.yaml:9: policy.explore"),
    (BRAND, "pressure: {caps: []}", "brand.yaml:9: pressure.caps"),
    (CAMPAIGNS, "    stay: {any: [buyers]}", "campaigns.yaml:13: thanks: stay"),
    (CAMPAIGNS, "    holdout: 0.05", "campaigns.yaml:13: thanks: holdout"),
    (CAMPAIGNS, "    caps: [{max: 2, per: 7d}]", "campaigns.yaml:13: thanks: caps"),
    (CAMPAIGNS, "    stay:", "campaigns.yaml:13: thanks: stay"),
]


def test_the_files_that_the_refusals_start_from_are_fine() -> None:
    assert problems() == []


@pytest.mark.parametrize(("file", "old", "new", "said"), REFUSALS)
def test_what_is_wrong_is_said_with_its_file_and_line(file: str, old: str, new: str, said: str) -> None:
    found = problems(with_change(file, old, new))

    assert any(problem.startswith(said) for problem in found), found


@pytest.mark.parametrize(("file", "line", "place"), NOT_SUPPORTED_YET)
def test_a_key_of_the_language_that_nothing_acts_on_is_refused_and_never_ignored(
    file: str, line: str, place: str
) -> None:
    (problem,) = problems(with_change(file, "", line))

    assert problem.startswith(f"{place}: not supported yet, got ")
    assert ", allowed: " in problem


def test_the_problems_of_all_files_come_together_and_sorted() -> None:
    spoiled = {
        name: text.replace("locale: en", "locale: English").replace("count", "tally").replace("0.02", "2")
        for name, text in FILES.items()
    }

    found = problems(spoiled | {SEGMENTS: "segments: [{id: buyers}, {id: Sellers, rule: a}]\n"})

    assert [problem.split(": ")[0] for problem in found] == [
        "brand.yaml:4",
        "campaigns.yaml:12",
        "features.yaml:6",
        "segments.yaml:1",
        "segments.yaml:1",
    ]
    assert found == sorted(found)


def test_a_problem_shows_no_more_of_a_value_than_a_line_holds() -> None:
    (problem,) = problems(with_change(BRAND, "locale: en", f"locale: {'x' * 10_000}"))

    assert len(problem) < 200
