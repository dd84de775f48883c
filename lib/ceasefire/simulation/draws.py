"""Chance without state: each draw is a hash of the seed, what it is for, and whom and when it is about.

So all policies live in the same world: what happens to a customer on a day is drawn alike whatever was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ceasefire.arrow import FloatArray, IntArray
from ceasefire.ids import hash64

_Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


def mixed(words: _Words) -> _Words:
    """The output of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators)."""
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


@dataclass(frozen=True)
class Draws:
    """All the chance of one world."""

    seed: int

    def uniform(self, purpose: str, *keys: IntArray | int) -> FloatArray:
        """Numbers inside (0, 1), one for each combination of keys; keys are broadcast against each other."""
        words = np.array([np.uint64((hash64(purpose) ^ self.seed) & ((1 << 64) - 1))], np.uint64)
        with np.errstate(over="ignore"):
            for key in keys:
                # Two rounds: neighbouring days of neighbouring customers must not meet.
                words = mixed(mixed(words + _GOLDEN) + np.asarray(key).astype(np.uint64) * _GOLDEN)
            words = mixed(words + _GOLDEN)
        numbers: FloatArray = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * _UNIT
        return numbers

    def normal(self, purpose: str, *keys: IntArray | int) -> FloatArray:
        """Standard normal numbers, by Box and Muller (1958, A note on the generation of random normal deviates)."""
        radius = np.sqrt(-2.0 * np.log(self.uniform(f"{purpose}/radius", *keys)))
        numbers: FloatArray = radius * np.cos(2.0 * np.pi * self.uniform(f"{purpose}/angle", *keys))
        return numbers

    def choice(self, purpose: str, shares: FloatArray, *keys: IntArray | int) -> IntArray:
        """Indices in shares that need not add up to 1, each as often as its share."""
        bounds = np.cumsum(shares) / np.sum(shares)
        return np.minimum(np.searchsorted(bounds, self.uniform(purpose, *keys)), len(shares) - 1)
