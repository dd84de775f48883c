"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Conf = Annotated[Path, typer.Option("--conf", help="Brand folder: brand.yaml, features.yaml, …", show_default=False)]
Root = Annotated[str, typer.Option("--root", help="Folder that holds the tables of all brands.", show_default=False)]
Events = Annotated[str, typer.Option("--events", help="Folder of JSON-lines files, or one file.", show_default=False)]
Customer = Annotated[str, typer.Option("--customer", help="The id that the events carry.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", help="Why, for those who look later; no personal data.")]
NewEpoch = Annotated[
    bool, typer.Option("--new-epoch", help="Start over where a checkpoint is gone or broken; doubles nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
AcceptGap = Annotated[
    bool,
    typer.Option("--accept-gap", help="Close what is due now, although more time has passed than max_gap allows."),
]
