"""Metrics of predictions and of runs."""
