"""From rows to charts: how each kind of chart looks."""
