"""What every notebook needs: questions at its top, a brand on its tables, and a way to show things.

The same notebook runs on Databricks (widgets, a session that is running), in Jupyter, and as a plain script.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ceasefire.errors import CeasefireError
from ceasefire.pipelines.pins import require_same_key
from ceasefire.pipelines.views import newest_window
from ceasefire.pipelines.workspace import Workspace, load_brand, require_tables
from ceasefire.runtime.clock import WallClock
from ceasefire.runtime.session import lasting_session
from ceasefire.storage.lake import Lake

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENVIRONMENT_PREFIX = "CEASEFIRE_"
PLOT_FOLDER = "CEASEFIRE_PLOTS"


def ask(scope: Mapping[str, Any], name: str, default: str, label: str) -> str:
    """The answer to a question of a notebook: of a widget on Databricks, elsewhere of CEASEFIRE_NAME, or the default.

    Args:
        scope: the notebook's `globals()`, in which Databricks puts its tools.
        name: of the widget.
        default: what stands where nobody says otherwise.
        label: what people read beside it.
    """
    tools = scope.get("dbutils")
    if tools is not None:
        tools.widgets.text(name, default, label)
        return str(tools.widgets.get(name))
    return os.environ.get(ENVIRONMENT_PREFIX + name.upper(), default)


def notebook_workspace(conf: str, root: str) -> Workspace:
    """The brand of a folder on tables that a run left under a root.

    Raises:
        CeasefireError: there is no such brand or nothing decided there. A script ends with the sentence and its exit
            code instead: there nobody reads a stack trace.
    """
    try:
        at_work = load_brand(Path(conf), os.environ)
        require_tables(root, at_work.brand.settings.brand)
        spark = lasting_session("notebook", {})
        workspace = Workspace(Lake(spark, root, at_work.brand.settings.brand), at_work, WallClock())
        require_same_key(workspace)
        newest_window(workspace.lake)
        return workspace
    except CeasefireError as error:
        if _shell() is not None or hasattr(sys, "ps1"):
            raise
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def show(what: pd.DataFrame | Figure | str) -> None:
    """Show a frame, a plot or a text where people look: in the notebook; as a script, frames and texts on stdout.

    A script keeps plots in the folder that CEASEFIRE_PLOTS names, numbered in their order, if it names one.
    """
    shell = _shell()
    if isinstance(what, str):
        print(what)  # noqa: T201 - of a notebook, stdout is the page
    elif isinstance(what, pd.DataFrame):
        if shell is not None:
            _page().display(what)
        else:
            print(what.to_string(index=what.index.name is not None))  # noqa: T201 - as above
    else:
        picture = _png(what)
        if shell is not None:
            _page().display(_page().Image(data=picture))
        elif PLOT_FOLDER in os.environ:
            folder = Path(os.environ[PLOT_FOLDER])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"plot-{len(list(folder.glob('plot-*.png'))) + 1:02d}.png").write_bytes(picture)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _page() -> Any:
    """IPython's way to show things; IPython is there whenever this is called, and no dependency of ours."""
    return importlib.import_module("IPython.display")


def _shell() -> Any:
    """The IPython that runs this, if one does; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
