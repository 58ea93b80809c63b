"""Starts of the parameters."""
