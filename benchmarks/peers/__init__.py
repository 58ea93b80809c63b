"""Benchmarks of fairtrial and of other systems that train the same models."""
