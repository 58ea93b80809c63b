"""From tables to verdicts: whether the claims of a study hold, and how surely."""
