"""The data of tasks as arrays: synthetic lines, images, tables."""
