"""Says in words what an error of a Redis client means and what to do about it.

redis-py has the code of an error reply (`NOPERM …`) in the type and `status_code` of the exception; the code
of an error inside a script is somewhere in the text (`ERR Error running script …: -OOM command not allowed`).
"""

import re
from dataclasses import replace

import redis

from hybrid_recs.errors import HybridRecsError
from hybrid_recs.health import Problem, State

_URL = "HYBRID_RECS_REDIS_URL"
_CLUSTER = f"this Redis is a cluster, which is not supported: set {_URL} to a single server"
_PASSWORD = f"Redis refuses the user or the password: correct them in {_URL}"
_REPLIES = {
    "WRONGPASS": Problem(_PASSWORD, State.DOWN, passes=True),
    "NOAUTH": Problem(
        f"Redis requires a password: set {_URL} to redis://user:password@host:6379/0", State.DOWN, passes=True
    ),
    "NOPERM": Problem("the user of Redis lacks a permission: grant it with ACL SETUSER"),
    "OOM": Problem("Redis is full and refuses writes: raise its maxmemory"),
    "READONLY": Problem(f"this Redis is a replica and refuses writes: set {_URL} to its primary"),
    "MISCONF": Problem("Redis refuses writes because it cannot save its data: see its log and its disk"),
    "LOADING": Problem("Redis is loading its data and will answer soon", State.DOWN, passes=True),
    "MASTERDOWN": Problem("this replica of Redis has lost its primary: start the primary", State.DOWN, True),
    "NOREPLICAS": Problem("Redis refuses writes because too few of its replicas are connected: start them"),
    "BUSY": Problem("Redis is busy with a long script of another program: wait, or end it with SCRIPT KILL"),
    "WRONGTYPE": Problem(
        "a key of Redis holds another type of value: another program writes keys with the same prefix "
        "(HYBRID_RECS_KEY_PREFIX)"
    ),
    **dict.fromkeys(("MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN"), Problem(_CLUSTER, State.DOWN)),
}
_TYPES: dict[type[redis.RedisError], str] = {
    redis.exceptions.NoPermissionError: "NOPERM",
    redis.OutOfMemoryError: "OOM",
    redis.ReadOnlyError: "READONLY",
    redis.BusyLoadingError: "LOADING",
    redis.exceptions.AskError: "MOVED",
    redis.exceptions.ClusterError: "CLUSTERDOWN",
}
"""The code of an error without `status_code`."""
# Of replies without a code, and of the asyncio client, which forgets code and type when it logs in.
_PHRASES = {
    "Authentication required": _REPLIES["NOAUTH"],
    "client already authenticated": _REPLIES["NOAUTH"],
    "invalid username-password pair": _REPLIES["WRONGPASS"],
    "max number of clients": Problem("Redis takes no more clients: raise its maxclients", State.DOWN, True),
    "invalid password": _REPLIES["WRONGPASS"],
    "without any password configured": Problem(
        f"this Redis has no password, but one is given: remove it from {_URL}", State.DOWN, passes=True
    ),
    "unknown command": Problem("this Redis lacks a command that is needed: use version 6.2 or newer"),
}
_CODE = re.compile(rf"(?:^|[-\s:])({'|'.join(_REPLIES)})\b")

# redis-py names the command of a pipeline that failed, with its key.
_PIPELINE = re.compile(r"^Command # \d+ .* of pipeline caused error: ", re.DOTALL)
_COMMAND = re.compile(r"the '([^']+)' command")
# Refused, closed, reset, no such socket: texts that differ by client and say no more than "unreachable".
_IS_PLAIN = re.compile(r"(?i)Err(no|or) (2|32|104|111)\b|closed|reset|lost|refused")


def describe(error: BaseException) -> Problem:
    """What `error` means, in a sentence with the remedy; `error` is what UNREACHABLE names, or any other."""
    text = _PIPELINE.sub("", str(error))
    if isinstance(error, redis.RedisError) and error.status_code in _REPLIES:
        return _with_detail(_REPLIES[error.status_code], text)
    if isinstance(error, redis.RedisError):
        for phrase, problem in _PHRASES.items():
            if phrase in text:
                return problem
        if code := _CODE.search(text):
            return _with_detail(_REPLIES[code[1]], text)
        if code_of_type := next((code for type_, code in _TYPES.items() if isinstance(error, type_)), None):
            return _with_detail(_REPLIES[code_of_type], text)
    if isinstance(error, TimeoutError | redis.TimeoutError):
        return Problem("Redis does not answer in time: it is overloaded, stopped or far away", passes=True)
    if isinstance(error, redis.InvalidResponse):
        return Problem(f"what answers is not Redis ({text}): correct {_URL}", State.DOWN, passes=True)
    if isinstance(error, OSError | redis.ConnectionError):
        reason = "" if _IS_PLAIN.search(text) else f" ({text})"
        return Problem(f"Redis is unreachable{reason}: start it, or correct {_URL}", State.DOWN, passes=True)
    if isinstance(error, redis.RedisError):
        return Problem(f"Redis refuses a command ({text})")
    return Problem(f"Redis could not be used ({type(error).__name__}: {text})")


def in_words(error: BaseException) -> str:
    """Of an error of ours its text, else that of `describe`."""
    return str(error) if isinstance(error, HybridRecsError) else describe(error).text


def describe_probe(error: BaseException) -> Problem:
    """As `describe`, of an error of PING: a server that does not even answer that is down."""
    problem = describe(error)
    is_refusal = isinstance(error, redis.RedisError) and error.status_code == "NOPERM"
    return problem if is_refusal else replace(problem, state=State.DOWN)


def _with_detail(problem: Problem, text: str) -> Problem:
    """A missing permission with the command that Redis names; other problems as they are."""
    if problem is not _REPLIES["NOPERM"]:
        return problem
    command = _COMMAND.search(text)
    lacking = f"run {command[1].upper()}" if command else "use the keys or channels of HYBRID_RECS_KEY_PREFIX"
    return replace(problem, text=f"the user of Redis may not {lacking}: grant it with ACL SETUSER")
