"""Subnets: modules without weights, where they sit in the largest shapes, and how they are run."""
