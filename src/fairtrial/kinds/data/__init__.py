"""Data sets, and the maps of their rows to features."""
