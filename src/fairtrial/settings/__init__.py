"""What all settings share: their rules, their names, and the sentences about what is wrong."""
