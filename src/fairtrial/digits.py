"""Numbers as people read them."""

import math

MOST = 1e9  # From here on, numbers have an exponent.


def show_number(value: float, digits: int = 4) -> str:
    """Show a number to some significant digits, large ones in full with commas.

    Examples
    --------
    >>> [show_number(value) for value in (-0.0, 0.0123456, 2.5, 131864.7, -5.1e12)]
    ['0', '0.01235', '2.5', '131,900', '-5.1e+12']
    >>> show_number(99999.0), show_number(999999999.0)
    ('100,000', '1e+09')
    """
    size = abs(value)
    if not 10.0**digits <= size < math.inf:
        return f"{value + 0.0:.{digits}g}"  # The sum is no negative zero.
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if abs(rounded) < MOST else f"{value:.{digits}g}"
