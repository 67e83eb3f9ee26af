"""How the ids of users and items are spelt in a generation."""

import re
from dataclasses import dataclass
from typing import Literal

_WHOLE = re.compile(r"-?\d+\.0")


@dataclass(frozen=True, slots=True)
class IdRules:
    """Without rules an id is what the files hold.

    case: all ids are in this one. strip: without surrounding blanks. whole_numbers: 1000.0 is 1000.
    """

    case: Literal["lower", "upper"] | None = None
    strip: bool = False
    whole_numbers: bool = False

    def spell(self, text: str) -> str:
        """The one spelling of an id under which the generation knows it."""
        if self.strip:
            text = text.strip()
        if self.whole_numbers and _WHOLE.fullmatch(text):
            text = text[:-2]
        if self.case is not None:
            text = text.lower() if self.case == "lower" else text.upper()
        return text


AS_WRITTEN = IdRules()
