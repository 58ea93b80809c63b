"""All else equal: which training choice matters, by how much, and why."""

__version__ = "0.1.0"
