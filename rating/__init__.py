"""Rating: tables in, tables out. No files, no clock, no network, no randomness.

`pipeline.rate_period` is the whole of it, on one screen; every other module carries the rules its name says.
"""
