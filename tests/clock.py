"""Time that a test sets."""


class Clock:
    """Called for the seconds, which stand still until the test changes `now`."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now
