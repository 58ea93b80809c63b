"""Tables in files: from text to checked columns."""
