"""Values that may name a person, as they are shown: enough to find them, not enough to read them."""


def masked(value: str) -> str:
    """`a…m, 17 characters`."""
    if not value:
        return value
    ends = f"{value[0]}…{value[-1]}" if len(value) > 2 else "…"
    return f"{ends}, {len(value)} character{'s' if len(value) != 1 else ''}"
