"""The commands: one file for each group of them, the options that they share, and the terminal."""
