"""Coefficients: where the multipliers of a bank come from."""
