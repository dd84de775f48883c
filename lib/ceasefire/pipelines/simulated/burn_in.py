"""Messages by lot, before policies are compared: the log of these days is all that an engine may learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.config.units import instant_of
from ceasefire.errors import CheckFailedError
from ceasefire.ids import content_hash, hash64
from ceasefire.learning.uplift import TrainingRows, fit_uplift
from ceasefire.pipelines.models import NO_CHAMPION, feature_definitions
from ceasefire.pipelines.settlement import Window
from ceasefire.pipelines.simulated.decisions import Desk, Ledger, sends_of, without_models
from ceasefire.pipelines.simulated.history import Knowledge
from ceasefire.pipelines.simulated.policies import locking, open_to_journeys
from ceasefire.pipelines.training import uplift_model
from ceasefire.pipelines.workspace import BrandAtWork
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.simulation.journal import natural_id
from ceasefire.simulation.world import State, World
from ceasefire.vocabulary import EventType

CONTROLS = 3
"""Rows of customers left alone that a model learns from, for each row of one who got the message."""


@dataclass(frozen=True)
class _Lot:
    """One day's rows: customers and campaigns that were open to them, and whether the lot fell on them.

    Shapes: inputs (k, m); treated, campaign, customer (m,).
    """

    inputs: FloatArray
    treated: BoolArray
    campaign: IntArray
    customer: IntArray


@dataclass
class BurnIn:
    """Messages by lot among those that are open to a customer; what each day's lot was is what there is to learn."""

    world: World
    state: State
    known: Knowledge
    ledger: Ledger
    at_work: BrandAtWork

    def __post_init__(self) -> None:
        self._lots: list[_Lot] = []
        self._ordered: list[BoolArray] = []
        self._inputs = feature_definitions(self.at_work.brand)

    def play(self, first: int, days: int) -> None:
        """So many days from the first on."""
        brand = replace(self.at_work.brand, settings=locking(self.at_work.brand, "none"))
        desk = Desk(brand, self.at_work.programs, without_models(brand))
        for day in range(first, first + days):
            close = instant_of(int(self.world.starts[day]))
            self.known.arrive(desk.ready_at(close))
            features = desk.features(close, self.known)
            window, customers = desk.window(close, features, self.ledger)
            competing = open_to_journeys(window)
            chosen = self._drawn(window, competing, customers, day)
            sends = sends_of(window, chosen, customers)
            self._lots.append(self._lot(window, competing, customers, chosen, features, day))
            self.ledger.add(sends)
            journal, _ = self.world.day(self.state, day, sends)
            # As the log has it: the truth is told to nobody who learns.
            ordered = np.zeros(len(self.world.people), np.bool_)
            ordered[journal.customer[journal.kind == EventType.ORDER.code]] = True
            self._ordered.append(ordered)
            self.known.happened(journal)

    def learnt(self) -> tuple[ModelInUse, ...]:
        """A model for each campaign that the burn-in tells something of."""
        hashes = np.array([hash64(natural_id(one)) for one in range(len(self.known.customer_ids))], np.int64)
        found = []
        for number, campaign in enumerate(self.at_work.brand.campaigns):
            if campaign.uplift is not None:
                found.append(self._model(number, campaign.uplift.model, campaign.uplift.group, hashes))
        return tuple(found)

    def _drawn(self, window: Window, competing: IntArray, customers: IntArray, day: int) -> IntArray:
        """(s,) candidates that are sent: one by lot for every so-many-th customer who has any."""
        owner = window.owner[competing]
        who = customers[owner]
        draws = self.world.draws
        lot = draws.uniform("lot", who, day, competing - window.starts[owner])
        order = np.lexsort((lot, owner))
        first = np.ones(len(order), np.bool_)
        first[1:] = np.diff(owner[order]) != 0
        picked = competing[order[first]]
        heard = draws.uniform("heard", customers[window.owner[picked]], day)
        return picked[heard < self.world.parameters.burn_in.messages_a_day]

    def _lot(
        self,
        window: Window,
        competing: IntArray,
        customers: IntArray,
        chosen: IntArray,
        features: pa.RecordBatch,
        day: int,
    ) -> _Lot:
        campaign = window.numbers("campaign")
        owners = window.owner
        sent = np.full(len(window.customer_ids), -1, np.int64)
        sent[owners[chosen]] = campaign[chosen]
        pair = np.unique(owners[competing] * len(self.at_work.brand.campaigns) + campaign[competing])
        owner, which = np.divmod(pair, len(self.at_work.brand.campaigns))
        kept = (sent[owner] == which) | (sent[owner] < 0)
        owner, which = owner[kept], which[kept]
        treated = sent[owner] == which
        who = customers[owner]
        # As many who were left alone as a model can use, by lot.
        share = CONTROLS * treated.mean() if len(treated) else 0.0
        keep = treated | (self.world.draws.uniform("control", who, day, which) < share)
        row_of_customer = np.full(len(self.known.customer_ids), -1, np.int64)
        rows = pc.index_in(features.column("customer_id"), value_set=self.known.customer_ids).to_numpy()
        row_of_customer[rows] = np.arange(len(rows))
        at = row_of_customer[who[keep]]
        inputs = np.stack(
            [
                features.column(name).cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)[at]
                for name in self._inputs
            ]
        )
        return _Lot(inputs, treated[keep], which[keep], who[keep])

    def _model(self, campaign: int, model: str, group: str, hashes: IntArray) -> ModelInUse:
        lasting = self.world.parameters.response.lasting_days
        # Of the last days nobody knows yet what came of them.
        known_days = range(max(0, len(self._lots) - lasting + 1))
        parts = []
        for day in known_days:
            lot = self._lots[day]
            mine = lot.campaign == campaign
            bought = np.logical_or.reduce(self._ordered[day : day + lasting])
            customer = lot.customer[mine]
            parts.append((lot.inputs[:, mine], lot.treated[mine], customer, bought[customer]))
        inputs, treated, customers, outcome = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
        rows = TrainingRows(
            inputs=inputs,
            treated=treated,
            outcome=outcome,
            campaign=np.zeros(len(customers), np.int64),
            group=np.zeros(len(customers), np.int64),
            customer=hashes[customers],
        )
        try:
            fitted = fit_uplift(rows, [group], self.at_work.brand.settings.models[model].min_outcomes)
        except CheckFailedError as error:
            return ModelInUse(model, refusal=NO_CHAMPION, detail=str(error))
        parameters = uplift_model(fitted, self._inputs).to_bytes()
        return ModelInUse(model, 1, content_hash(parameters.hex()), parameters)
