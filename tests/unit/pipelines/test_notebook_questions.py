"""Where a notebook's questions are answered."""

from __future__ import annotations

import pytest

from ceasefire.pipelines.notebooks import ask


class Widgets:
    """What Databricks puts into a notebook: boxes that people fill in."""

    def __init__(self, filled_in: dict[str, str]) -> None:
        self.widgets = self
        self.labels: dict[str, str] = {}
        self._filled_in = filled_in
        self._defaults: dict[str, str] = {}

    def text(self, name: str, default: str, label: str) -> None:
        self._defaults[name], self.labels[name] = default, label

    def get(self, name: str) -> str:
        return self._filled_in.get(name, self._defaults[name])


def test_on_databricks_a_widget_answers_and_shows_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEASEFIRE_ROOT", "not this one")
    scope = {"dbutils": Widgets({"root": "/Volumes/prod/lake"})}

    assert ask(scope, "root", "ceasefire-demo", "Folder of the tables") == "/Volumes/prod/lake"
    assert ask(scope, "conf", "ceasefire-demo/conf", "Brand folder") == "ceasefire-demo/conf"
    assert scope["dbutils"].labels == {"root": "Folder of the tables", "conf": "Brand folder"}


def test_elsewhere_the_environment_answers_or_the_default_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEASEFIRE_ROOT", "/data/lake")
    monkeypatch.delenv("CEASEFIRE_CONF", raising=False)

    assert ask({}, "root", "ceasefire-demo", "Folder of the tables") == "/data/lake"
    assert ask({}, "conf", "ceasefire-demo/conf", "Brand folder") == "ceasefire-demo/conf"
