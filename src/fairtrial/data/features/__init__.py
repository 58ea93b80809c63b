"""Feature maps: fitted on training rows without labels, and applied to all rows."""
