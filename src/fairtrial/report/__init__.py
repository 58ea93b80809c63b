"""From tables to charts to one page."""
