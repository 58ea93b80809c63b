"""Data that each seed draws."""
