"""How much a compiled program does at a time."""

# Steps in one call, at most, so that their number is not part of the program's shape.
CHUNK = 500

# Rows that are evaluated together, so that the logits of all lanes stay in the processor's cache.
BLOCK = 2000

# Bytes of features that a program is given at a time: more than this comes piece by piece.
PIECE = 2**27

# The same of noise that is drawn for every batch: larger arrays are slow to get from the system.
NOISE_PIECE = 2**24
