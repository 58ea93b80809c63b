"""Everything that times something or simulates for long; not part of the installed package."""
