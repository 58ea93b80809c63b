"""Characters that change how the text after them is shown: found, and written as escapes."""

import unicodedata

# Unicode's embeddings, overrides and isolates: text after them can read as something else.
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def find_control(text: str) -> str:
    """Return the first character that would tear tables and terminals apart; else an empty text."""
    return next(
        (
            letter
            for letter in text
            if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in TURNS
        ),
        "",
    )


def find_look(text: str) -> str:
    """Return what of a text can be seen, in one spelling."""
    if text.isascii():
        return " ".join(text.split())
    seen = (letter for letter in text if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFC", "".join(seen)).split())


def show_controls(text: str, keep: str = "") -> str:
    """Write characters that would change how a terminal shows the rest as their escapes."""
    if not find_control(text):
        return text
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter not in keep and find_control(letter)
        else letter
        for letter in text
    )
