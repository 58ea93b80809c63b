"""The course lab: its studies, the numbers that the lab report printed, and its page."""
