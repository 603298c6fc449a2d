"""Starts: trained modules into generators, and the order of their channels."""
