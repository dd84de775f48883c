"""The world itself: day by day, what customers do by themselves and what messages make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ceasefire.arrow import BoolArray, FloatArray, IntArray
from ceasefire.config.simulation import Simulation
from ceasefire.simulation.draws import Draws
from ceasefire.simulation.journal import (
    CENTS,
    DAYS_AN_ORDER_CODE,
    Journal,
    events,
    joined,
    order_hashes,
)
from ceasefire.simulation.population import (
    CATEGORIES,
    DEPARTMENTS,
    POKER,
    PRODUCTS_A_DEPARTMENT,
    Population,
    directions,
)
from ceasefire.simulation.response import added_probability, added_together, decayed, leaving_hazard
from ceasefire.vocabulary import EventType

MICROS_PER_SECOND = 1_000_000
MICROS_PER_HOUR = 3600 * MICROS_PER_SECOND
MICROS_PER_DAY = 24 * MICROS_PER_HOUR
LONGEST_ARRIVAL = 60.0
"""Seconds that an event is under way, if it is not late."""
MOST_PAGES = 20
PLAYING = 0.3
"""Share of days on which a player plays."""
CLICKS = 0.04
"""Share of messages that a customer of middling taste clicks in; the rest goes by taste as interest does."""
MOST_PAST_ORDERS = 40
POKER_LOSS, POKER_SPREAD = 200.0, 3000.0
"""What a session of poker costs on average, and its deviation, minor units."""
EXPECTED_DECIMALS = 6
NEVER = -(1 << 62)


@dataclass(frozen=True)
class Sends:
    """Messages that reach customers on one day, m of them.

    Shapes, each (m,):
        customer       index
        campaign       index in the brand's campaigns
        channel        index in the brand's channels
        slot_at        microseconds UTC
        about_product  hash64 of what it is about, 0 for nothing
        about_order    hash64, 0 for none
    """

    customer: IntArray
    campaign: IntArray
    channel: IntArray
    slot_at: IntArray
    about_product: IntArray
    about_order: IntArray

    def __len__(self) -> int:
        return len(self.customer)


def no_sends() -> Sends:
    """A day of silence."""
    nothing = np.empty(0, np.int64)
    return Sends(nothing, nothing, nothing, nothing, nothing, nothing)


@dataclass(frozen=True)
class Truth:
    """What a day's messages did, m of them; and who bought for how much.

    Shapes:
        effect        (m,) what each adds on its own to the probability of a purchase
        broken        (m,) whether what it says had become wrong when it arrived
        broken_known  (m,) whether that could be known
        left          number of customers who unsubscribed
        bought        (n,) bool
        kept          (n,) minor units of what was bought and does not go back
        expected      minor units of margin that all messages together add, the mean over all that chance could do
    """

    effect: FloatArray
    broken: BoolArray
    broken_known: BoolArray
    left: int
    bought: BoolArray
    kept: IntArray
    expected: float


@dataclass
class State:
    """What one policy has made of the world so far; n customers, p days for which a message lasts.

    Attributes:
        exposure: (n,) messages, decaying.
        added: (p, n) what earlier messages add to the probability of a purchase today, tomorrow, and so on.
        last_order_at: (n,) microseconds UTC.
        last_order_arrived: (n,) when that was known.
        returns: every return that is going to happen, sorted by nothing.
    """

    exposure: FloatArray
    added: FloatArray
    last_order_at: IntArray
    last_order_arrived: IntArray
    returns: Journal
    return_hashes: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def forget_returns(self, before: int) -> None:
        """Drop returns that happened before an instant; of a world without messages nobody asks for them."""
        coming = self.returns.at >= before
        self.returns, self.return_hashes = self.returns.take(coming), self.return_hashes[coming]

    def first(self, count: int) -> State:
        """The state of the first so many customers, a copy."""
        mine = self.returns.customer < count
        return State(
            self.exposure[:count].copy(),
            self.added[:, :count].copy(),
            self.last_order_at[:count].copy(),
            self.last_order_arrived[:count].copy(),
            self.returns.take(mine),
            self.return_hashes[mine],
        )


@dataclass(frozen=True)
class World:
    """The law of one world. Nothing in it changes; what changes is a `State`.

    Attributes:
        parameters: of the world.
        draws: its chance.
        people: who lives in it.
        starts: (days + 1,) microseconds UTC at which days begin, which is when windows close.
        message_tastes: (campaigns, t) direction of the tastes that each campaign speaks to.
        fresh_campaigns: (campaigns,) those that are broken when they reach somebody who has just bought.
    """

    parameters: Simulation
    draws: Draws
    people: Population
    starts: IntArray
    message_tastes: FloatArray
    fresh_campaigns: BoolArray

    def first(self, count: int) -> World:
        """The same world with its first so many customers alone."""
        return replace(self, people=self.people.first(count))

    def beginning(self) -> tuple[State, Journal]:
        """The state before the first day, and what had happened by then."""
        people, count = self.people, len(self.people)
        state = State(
            exposure=np.zeros(count),
            added=np.zeros((self.parameters.response.lasting_days, count)),
            last_order_at=np.full(count, NEVER),
            last_order_arrived=np.full(count, NEVER),
            returns=events(np.empty(0, np.int64), np.empty(0, np.int64), EventType.RETURN),
        )
        old = np.flatnonzero(people.registered < 0)
        past = [self._registrations(old), self._past_orders(old, state)]
        return state, self._delivered(joined(past))

    def day(self, state: State, number: int, sends: Sends) -> tuple[Journal, Truth]:
        """One day, from one close to the next; changes the state.

        Args:
            state: of the day before.
            number: of the day.
            sends: what arrives on it.

        Returns:
            What happens, in no order; some of it arrives later. The truth that nobody is told.
        """
        begin, end = int(self.starts[number]), int(self.starts[number + 1])
        people, count = self.people, len(self.people)
        here = np.flatnonzero(people.registered < number + 1)
        arrived_today = here[people.registered[here] >= number]
        parts = [self._registrations(arrived_today), self._birthdays(here, number, begin)]
        parts += [self._visits(here, number, begin, end), self._games(here, number, begin, end)]

        # Who buys without today's messages, and when: a message can be wrong because of it.
        chance = self.draws.uniform("purchase", np.arange(count), number)
        moment = begin + (self.draws.uniform("moment of purchase", np.arange(count), number) * (end - begin)).astype(
            np.int64
        )
        anyway_probability = np.where(people.registered < number, people.buying + state.added[0], 0.0)
        anyway = chance < anyway_probability
        effect, broken, known = self._effects(state, sends, np.where(anyway, moment, NEVER))
        together = added_together(self.parameters.response, effect, sends.customer, count)
        lasting = self.parameters.response.lasting_days
        state.added += together / lasting
        slot = np.full(count, NEVER)
        slot[sends.customer] = sends.slot_at
        # What was bought before the message came cannot be undone by it; what it brings about comes after it.
        bought = np.where(anyway & (moment <= slot), True, chance < anyway_probability + together / lasting)
        after = slot + (self.draws.uniform("moment after", np.arange(count), number) * (end - slot)).astype(np.int64)
        bought_at = np.where(anyway, moment, np.where(slot > NEVER, after, moment))
        buyers = np.flatnonzero(bought)
        orders, kept = self._orders(state, buyers, number, bought_at[buyers])
        parts.append(orders)
        parts.append(state.returns.take((state.returns.at >= begin) & (state.returns.at < end)))
        said, left = self._heard(state, sends, effect, number)
        parts.append(said)

        state.exposure = decayed(self.parameters.response, state.exposure)
        state.added = np.concatenate([state.added[1:], np.zeros((1, count))])
        amounts = np.zeros(count, np.int64)
        amounts[buyers] = kept
        # Another processor has other last bits; the figures are the same everywhere.
        expected = round(float((together * self.order_worth(np.arange(count))).sum()), EXPECTED_DECIMALS)
        truth = Truth(effect, broken, known, left, bought, amounts, expected)
        return self._delivered(joined(parts)), truth

    def tastes(self, customer: IntArray, campaign: IntArray) -> FloatArray:
        """(m,) taste of each customer for each campaign's message: standard normal over customers."""
        found: FloatArray = np.einsum("ij,ij->i", self.people.latent[customer], self.message_tastes[campaign])
        return found

    def order_worth(self, customer: IntArray) -> FloatArray:
        """(m,) margin of an order of each customer, the mean over what it could come to, less returns; minor units."""
        sigma = self._order_sigma
        mean = np.exp(self.people.order_log[customer] + sigma**2 / 2) * CENTS
        worth: FloatArray = self.parameters.margin * (1.0 - self.parameters.returns.share) * mean
        return worth

    @property
    def _order_sigma(self) -> float:
        # Half as much from order to order as from customer to customer.
        return self.parameters.customers.order_value.sigma / 2

    def expected(self, state: State, sends: Sends) -> FloatArray:
        """(m,) what each message would add if it were the only one today: what an oracle knows of the future."""
        broken, _ = self._is_broken(state, sends, np.full(len(self.people), NEVER))
        return self._added(sends, state.exposure + 1.0, broken)

    def _effects(self, state: State, sends: Sends, bought_at: IntArray) -> tuple[FloatArray, BoolArray, BoolArray]:
        broken, known = self._is_broken(state, sends, bought_at)
        state.exposure = state.exposure + np.bincount(sends.customer, minlength=len(self.people))
        return self._added(sends, state.exposure, broken), broken, known

    def _added(self, sends: Sends, exposure: FloatArray, broken: BoolArray) -> FloatArray:
        """(m,) what each message adds on its own, given the exposure of each of the n customers."""
        taste, sensitivity = self.tastes(sends.customer, sends.campaign), self.people.sensitivity[sends.customer]
        return added_probability(self.parameters.response, taste, exposure[sends.customer], sensitivity, broken)

    def _is_broken(self, state: State, sends: Sends, bought_at: IntArray) -> tuple[BoolArray, BoolArray]:
        """Whether each message is about what went back or meets a fresh buyer; and whether that had arrived."""
        broken, known = np.zeros(len(sends), np.bool_), np.zeros(len(sends), np.bool_)
        about = np.flatnonzero(sends.about_order != 0)
        if len(about) and len(state.returns):
            by_hash = np.argsort(state.return_hashes)
            hashes = state.return_hashes[by_hash]
            place = np.minimum(np.searchsorted(hashes, sends.about_order[about]), len(hashes) - 1)
            found = by_hash[place]
            same = hashes[place] == sends.about_order[about]
            broken[about] = same & (state.returns.at[found] <= sends.slot_at[about])
            known[about] = same & (state.returns.arrived[found] <= sends.slot_at[about])
        wooing = self.fresh_campaigns[sends.campaign]
        within = int(self.parameters.journeys.fresh_buyer.days * MICROS_PER_DAY)
        customer, slot = sends.customer, sends.slot_at
        for at, arrived in (
            (state.last_order_at[customer], state.last_order_arrived[customer]),
            (bought_at[customer], self._delivered(events(customer, bought_at[customer], EventType.ORDER)).arrived),
        ):
            fresh = wooing & (at <= slot) & (at > slot - within)
            broken |= fresh
            known |= fresh & (arrived <= slot)
        return broken, known

    def _registrations(self, who: IntArray) -> Journal:
        # Days of the world are as long as the brand's clock makes them; those before it, 24 hours.
        moment = self.people.registered[who]
        day = np.maximum(np.floor(moment), 0).astype(np.int64)
        length = np.where(moment < 0, MICROS_PER_DAY, self.starts[day + 1] - self.starts[day])
        at = self.starts[day] + ((moment - day) * length).astype(np.int64)
        parts = [events(who, at, EventType.REGISTERED)]
        for channel in range(self.people.consents.shape[1]):
            said = self.people.consents[who, channel].astype(np.int64)
            parts.append(events(who, at, EventType.CONSENT_CHANGED, channel=channel, flag=said))
        return joined(parts)

    def _birthdays(self, here: IntArray, number: int, begin: int) -> Journal:
        # Told by the shop's own records at the first second of the day.
        day = np.mod(number - self.people.birthday[here], 365)
        beginning, over = here[day == 0], here[day == 7]
        at = begin + MICROS_PER_SECOND
        return joined(
            [
                events(one, np.full(len(one), at), EventType.PROFILE_CHANGED, flag=flag)
                for one, flag in ((beginning, 1), (over, 0))
            ]
        )

    def _visits(self, here: IntArray, number: int, begin: int, end: int) -> Journal:
        """Sessions: pages one after the other within minutes, not each on its own."""
        comes = here[self.draws.uniform("visit", here, number) < self.people.sessions[here]]
        mean = self.parameters.customers.pages_a_session
        stop = np.log(self.draws.uniform("pages", comes, number)) / np.log1p(-1.0 / max(mean, 1.0 + 1e-9))
        pages = np.clip(stop.astype(np.int64) + 1, 1, MOST_PAGES)
        who = np.repeat(comes, pages)
        page = np.arange(len(who)) - np.repeat(np.cumsum(pages) - pages, pages)
        start = begin + self.draws.uniform("visit at", comes, number) * (end - begin - MICROS_PER_HOUR)
        at = np.repeat(start, pages).astype(np.int64) + page * 90 * MICROS_PER_SECOND
        drawn = self.draws.uniform("page", who, number, page)
        category = (self.people.browsing[who] < drawn[:, None]).sum(axis=1)
        return events(who, at, EventType.BROWSE, category=np.minimum(category, len(DEPARTMENTS) - 1))

    def _games(self, here: IntArray, number: int, begin: int, end: int) -> Journal:
        players = here[self.people.plays[here]]
        plays = players[self.draws.uniform("game", players, number) < PLAYING]
        at = begin + (self.draws.uniform("game at", plays, number) * (end - begin)).astype(np.int64)
        result = np.rint(self.draws.normal("game result", plays, number) * POKER_SPREAD - POKER_LOSS).astype(np.int64)
        return events(plays, at, EventType.SESSION_ENDED, category=CATEGORIES.index(POKER), amount=result)

    def _past_orders(self, old: IntArray, state: State) -> Journal:
        """Orders of the time before the world began: a Poisson number of them by the length of a customer's past."""
        tenure = -self.people.registered[old] - 1.0
        # By inversion: the n-th order happens if a sum of n exponential waits lies within the past.
        waits = -np.log(self.draws.uniform("past", old[:, None], np.arange(MOST_PAST_ORDERS)[None, :]))
        days_ago = np.cumsum(waits / self.people.buying[old][:, None], axis=1)
        row, nth = np.nonzero(days_ago < tenure[:, None])
        ago = days_ago[row, nth]
        who, at = old[row], int(self.starts[0]) - (ago * MICROS_PER_DAY).astype(np.int64) - 1
        # One order a day, as later: of two of one day the later stays.
        day = -1 - ago.astype(np.int64)
        _, first = np.unique(np.stack([who, day]), axis=1, return_index=True)
        orders, _ = self._orders(state, who[first], day[first], at[first])
        begun = orders.take(orders.kind != EventType.RETURN.code)
        gone_back = state.returns.take(state.returns.at < int(self.starts[0]))
        return joined([begun, gone_back])

    def _orders(self, state: State, buyers: IntArray, day: IntArray | int, at: IntArray) -> tuple[Journal, IntArray]:
        """Orders with their one line each, and what is kept of each; whether and when it goes back is settled here."""
        draws, returns = self.draws, self.parameters.returns
        day = np.broadcast_to(np.asarray(day, np.int64), len(buyers))
        logs = self.people.order_log[buyers] + self._order_sigma * draws.normal("amount", buyers, day)
        amount = np.maximum(np.rint(np.exp(logs) * CENTS), 1).astype(np.int64)
        drawn = draws.uniform("department", buyers, day)
        category = np.minimum((self.people.browsing[buyers] < drawn[:, None]).sum(axis=1), len(DEPARTMENTS) - 1)
        number = (draws.uniform("product", buyers, day) * PRODUCTS_A_DEPARTMENT).astype(np.int64)
        product = category * PRODUCTS_A_DEPARTMENT + number
        order = buyers * DAYS_AN_ORDER_CODE + day + DAYS_AN_ORDER_CODE // 2
        parts = [
            events(buyers, at, EventType.ORDER, order=order, amount=amount),
            events(buyers, at, EventType.ORDER_LINE, order=order, amount=amount, category=category, product=product),
        ]
        goes_back = draws.uniform("return", buyers, day) < returns.share
        later = returns.first_day + draws.uniform("return at", buyers, day) * (returns.last_day - returns.first_day)
        back_at = at + (later * MICROS_PER_DAY).astype(np.int64)
        back = self._delivered(
            events(
                buyers[goes_back],
                back_at[goes_back],
                EventType.RETURN,
                order=order[goes_back],
                product=product[goes_back],
                category=category[goes_back],
                amount=amount[goes_back],
            )
        )
        state.returns = joined([state.returns, back])
        state.return_hashes = np.concatenate([state.return_hashes, order_hashes(back.order)])
        newest = np.lexsort((at, buyers))
        state.last_order_at[buyers[newest]] = at[newest]
        state.last_order_arrived[buyers[newest]] = self._delivered(parts[0]).arrived[newest]
        return joined(parts), np.where(goes_back, 0, amount)

    def _heard(self, state: State, sends: Sends, effect: FloatArray, number: int) -> tuple[Journal, int]:
        """Deliveries, clicks, and who has had enough."""
        who, where = sends.customer, sends.channel
        minutes = 60 * MICROS_PER_SECOND
        taste = self.tastes(who, sends.campaign)
        clicks = CLICKS * np.exp(self.parameters.response.taste_slope * taste)
        clicked = self.draws.uniform("click", who, number, sends.campaign) < clicks
        parts = [
            events(who, sends.slot_at + minutes, EventType.SEND_DELIVERED, campaign=sends.campaign, channel=where),
            events(
                who[clicked],
                sends.slot_at[clicked] + 20 * minutes,
                EventType.SEND_CLICKED,
                campaign=sends.campaign[clicked],
                channel=where[clicked],
            ),
        ]
        reached, last = np.unique(who[::-1], return_index=True)
        last = len(who) - 1 - last
        hazard = leaving_hazard(self.parameters.response, state.exposure[reached], self.people.sensitivity[reached])
        leaves = self.draws.uniform("leaves", reached, number) < hazard
        leavers, message = reached[leaves], last[leaves]
        parts.append(
            events(leavers, sends.slot_at[message] + 30 * minutes, EventType.UNSUBSCRIBED, channel=where[message])
        )
        return joined(parts), len(leavers)

    def _delivered(self, journal: Journal) -> Journal:
        """The same events, each with the instant at which it is known: some are late, and so out of order."""
        late = self.parameters.delivery
        chance = self.draws.uniform("late", journal.customer, journal.at, journal.kind)
        seconds = self.draws.uniform("under way", journal.customer, journal.at, journal.kind) * LONGEST_ARRIVAL
        seconds = np.where(chance < late.late, chance / max(late.late, 1e-12) * late.late_hours * 3600.0, seconds)
        return replace(journal, arrived=journal.at + (seconds * MICROS_PER_SECOND).astype(np.int64))


def world_of(
    parameters: Simulation,
    people: Population,
    draws: Draws,
    starts: IntArray,
    campaigns: Sequence[str],
) -> World:
    """The world of some people in which these campaigns' messages are played."""
    tastes = directions(len(campaigns), parameters.customers.tastes, "message", draws)
    fresh = np.array([one in parameters.journeys.fresh_buyer.campaigns for one in campaigns], np.bool_)
    return World(parameters, draws, people, starts, tastes, fresh)
