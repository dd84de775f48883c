"""How MLflow loads an uplift model for people who look at it there; decisions read its parameters themselves."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ceasefire.arrow import FloatArray
from ceasefire.scoring.uplift_model import UpliftModel


class PyfuncModel:
    """An uplift model as MLflow's python_function flavour wants it."""

    def __init__(self, model: UpliftModel) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame, params: object = None) -> FloatArray:
        """(n,) uplifts in probability points of rows with the inputs as columns and a text column `group`."""
        return self._model.uplifts_of_frame(model_input)


def _load_pyfunc(data_path: str) -> PyfuncModel:
    return PyfuncModel(UpliftModel.from_bytes(Path(data_path).read_bytes()))
