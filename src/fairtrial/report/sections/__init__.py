"""The sections of a study's page."""
