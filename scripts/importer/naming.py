"""Makes names of classes from names of other things."""

import re


def pascal(name: str) -> str:
    """Return a name as a class is called.

    >>> pascal("seat_number"), pascal("X-Seat-Number"), pascal("seatNumber")
    ('SeatNumber', 'XSeatNumber', 'SeatNumber')
    """
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def singular(name: str) -> str:
    """Return what one item of a list of that name is called.

    >>> singular("products"), singular("categories"), singular("address")
    ('product', 'category', 'address')
    """
    if name.endswith("ies") and len(name) > len("ties"):
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name
