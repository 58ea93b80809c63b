"""The tasks as arrays: synthetic lines, images, tables."""
