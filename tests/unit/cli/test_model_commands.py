from __future__ import annotations

import json
from pathlib import Path

import pytest

from ceasefire.cli.main import exit_code_of
from ceasefire.storage.registry import register_model, registry_of
from small_model import write_brand_with_model
from unit.scoring.test_uplift_model import MODEL

Said = pytest.CaptureFixture[str]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return write_brand_with_model(tmp_path / "conf")


def model(conf: Path, *words: str) -> int:
    return exit_code_of(["model", *words, "--conf", str(conf), "--root", str(conf.parent / "lake")])


def test_before_anything_is_trained_the_list_says_so_and_leaves_no_trace(conf: Path, capfd: Said) -> None:
    assert model(conf, "list") == 0
    assert capfd.readouterr().out == "No model is registered yet.\n"
    assert not (conf.parent / "lake").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", "summer", "1"], "no model summer in brand.yaml, allowed: winter"),
        (["promote", "summer", "1"], "no model summer in brand.yaml, allowed: winter"),
        (["show", "winter", "1"], "no version 1 of ceasefire_corner_winter, allowed: none is registered"),
        (["promote", "winter", "1"], "no version 1 of ceasefire_corner_winter, allowed: none is registered"),
        (["train", "winter"], "no tables of brand corner in"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_said_with_what_is(words: list[str], says: str, conf: Path, capfd: Said) -> None:
    assert model(conf, *words) == 2
    said = capfd.readouterr()
    assert says in said.err
    assert "Traceback" not in said.err


def test_a_version_is_listed_shown_refused_and_promoted_by_override(conf: Path, capfd: Said) -> None:
    # given a version that may be no better than chance
    tags = {"qini": "0.0010", "qini_low": "-0.0200", "qini_high": "0.0220", "caveat": "not by lot"}
    registry = registry_of(str(conf.parent / "lake"), "")
    number = register_model(registry, "ceasefire_corner_winter", MODEL.to_bytes(), ["orders", "spend", "days"], tags)
    capfd.readouterr()

    # when somebody promotes it
    assert model(conf, "promote", "winter", str(number)) == 1
    assert "the lower bound of its Qini is -0.0200" in capfd.readouterr().err
    assert model(conf, "promote", "winter", str(number), "--override", "a trial in one shop") == 0

    # then it is the champion, and why is recorded
    capfd.readouterr()
    assert model(conf, "list", "--json") == 0
    (listed,) = json.loads(capfd.readouterr().out)
    assert (listed["number"], listed["champion"], listed["interval"]) == (1, True, "-0.0200 to 0.0220")
    assert model(conf, "show", "winter", "1") == 0
    assert "a trial in one shop" in capfd.readouterr().out


def test_a_server_that_is_down_is_named(conf: Path, capfd: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEASEFIRE_TRACKING", "http://127.0.0.1:9")

    assert model(conf, "list") == 3

    said = capfd.readouterr().err
    assert "the model registry at http://127.0.0.1:9 does not answer" in said
    assert "Traceback" not in said
