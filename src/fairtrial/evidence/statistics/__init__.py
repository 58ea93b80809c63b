"""Tests and intervals of paired differences."""
