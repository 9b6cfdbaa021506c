"""A sample world: a deterministic, believable month of a cloud provider, to try billfold on and to measure it with."""

from flows.sample.world import SampleWorld, sample

__all__ = ["SampleWorld", "sample"]
