"""Latencies of subnets, measured on a device."""
