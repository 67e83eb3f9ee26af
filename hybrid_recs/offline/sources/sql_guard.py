"""Refuses SQL that reads files: the functions of Polars SQL that stand for a table open any path.

What another reader of SQL could part into words in another way is refused as well, so that nothing hides in
a text or a comment.
"""

import re
from itertools import pairwise

from hybrid_recs.errors import DatasetError

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*"|`[^`]*`)"""
    r"""|(?P<unclear>\w+&?['"]|[^\s\w()\[\].,;:*/+\-%=<>!|&^~])|(?P<word>[^\W\d]\w*)|(?P<mark>[^\s\w])"""
    r"""|(?P<other>\w+)""",
    re.DOTALL,
)
_ENDS_FROM = frozenset(
    ("where", "group", "having", "order", "limit", "offset", "union", "intersect", "except", "qualify")
)
_READS_FILES = re.compile(r"(read|scan)_\w+", re.IGNORECASE)
_KEYWORDS_BEFORE_BRACKETS = frozenset(("unnest", "lateral"))
_WITH_A_FROM_OF_THEIR_OWN = frozenset(("extract", "trim", "substring", "overlay"))

Token = tuple[str, str]
"""Kind and text; words and quoted names in lower case, without quotes."""


def require_select(query: str) -> None:
    """Raise DatasetError unless this is a SELECT that reads the tables it is given and no files."""
    tokens = _tokens("query", query)
    if not tokens or tokens[0] not in (("word", "select"), ("word", "with")):
        raise DatasetError("query: only one SELECT is run, which may start with WITH")
    for name in _functions_as_tables(tokens) | _functions_that_read(tokens):
        raise DatasetError(
            f"query: {name}(…) is refused: a query reads the tables of the dataset.toml only; describe the "
            "file as [tables.NAME]"
        )


def require_condition(where: str) -> None:
    """Raise DatasetError for a condition with a SELECT in it, or one that reads files."""
    tokens = _tokens("where", where)
    if ("word", "select") in tokens or _functions_that_read(tokens):
        raise DatasetError("where: a condition reads the columns of its own row only; use query for more")


def _tokens(key: str, sql: str) -> list[Token]:
    tokens = []
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match.group()
        if kind == "unclear" or (kind == "comment" and ("/*" in text[2:] or text.startswith("/*!"))):
            raise DatasetError(
                f"{key}: {text[:20]!r} is refused: write texts as '…' with a blank in front, names that "
                'are no words as "…", and comments without others in them'
            )
        if kind != "comment":
            tokens.append((kind, text.strip('"`').lower() if kind in ("quoted", "word") else text))
    return tokens


def _functions_that_read(tokens: list[Token]) -> set[str]:
    return {
        name
        for (kind, name), (_, following) in pairwise(tokens)
        if kind in ("word", "quoted") and following == "(" and _READS_FILES.fullmatch(name)
    }


def _functions_as_tables(tokens: list[Token]) -> set[str]:
    """Functions where a table stands: behind FROM and JOIN, and behind a comma between those tables."""
    found, openers, lists, expected = set(), [""], set[int](), False
    for place, (kind, name) in enumerate(tokens):
        if kind == "word" and (name == "join" or (name == "from" and _is_of_tables(tokens, place, openers))):
            lists.add(len(openers))
            expected = True
            continue
        if kind == "word" and name in _ENDS_FROM:
            lists.discard(len(openers))
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        is_function = kind in ("word", "quoted") and following == "("
        if expected and is_function and name not in _KEYWORDS_BEFORE_BRACKETS:
            found.add(name)
        expected = name == "," and len(openers) in lists
        if name == "(":
            openers.append(tokens[place - 1][1])
        elif name == ")":
            lists.discard(len(openers))
            openers = openers[:-1] or [""]
    return found


def _is_of_tables(tokens: list[Token], place: int, openers: list[str]) -> bool:
    """Whether this FROM names tables: that of EXTRACT(year FROM x) and of IS DISTINCT FROM does not."""
    is_comparison = tokens[place - 1] == ("word", "distinct") and tokens[place - 2][1] in ("is", "not")
    return not is_comparison and openers[-1] not in _WITH_A_FROM_OF_THEIR_OWN
