"""Reading and writing a results folder; no trainer is imported here."""
