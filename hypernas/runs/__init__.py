"""Runs: what settings stand for, the folder of a run, and what each command does with them."""
