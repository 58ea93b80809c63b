"""The mechanism of kinds: from a function to its settings, its family, a user's file."""
