"""Losses on numbers and on classes."""
