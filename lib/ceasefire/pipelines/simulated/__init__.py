"""Policies played in a world with known truth, by the kernels alone and through Spark."""
