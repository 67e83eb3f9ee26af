"""Log lines, as text or as JSON, with the ids of the request in which they were written.

The ids of a request are context variables: tasks and threads (`asyncio.to_thread`) that a request starts
inherit them. Configured once by the command, for the server's loggers, and once in every worker.
"""

import json
import logging
import logging.config
import os
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

import orjson

from hybrid_recs.types import Json

LogFormat = Literal["text", "json"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TextLines(logging.Formatter):
    """One line per message: what clients send may not write lines of its own."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  a name of logging
        """The message with its control characters as escapes."""
        record.message = _CONTROL.sub(lambda match: repr(match[0])[1:-1], record.message)
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """One object per line: time (ISO, UTC), level, logger, message, pid, and where present: request_id,
    trace_id, exception, stack, and the fields that the caller passed as `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: Json = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": os.getpid(),
        }
        for name, value in (("request_id", request_id.get()), ("trace_id", trace_id.get())):
            if value is not None:
                line[name] = value
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:  # text that is not Unicode, such as some file names
            return json.dumps(line, default=str)


def log_config(form: LogFormat, level: str) -> Json:
    """For `logging.config.dictConfig` and for uvicorn: everything to standard error in one format.

    uvicorn's loggers have no handlers of their own: their lines propagate to the root logger. Except for its
    access log, which stays silent: writing a line for each request takes as long as answering it.
    """
    formatter: Json = {"()": f"hybrid_recs.logs.{'JsonLines' if form == 'json' else 'TextLines'}"}
    handler = {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}
    servers = {
        name: {"handlers": [], "propagate": name != _ACCESS, "level": level} for name in (*_SERVERS, _ACCESS)
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"lines": handler},
        "root": {"handlers": ["lines"], "level": level},
        "loggers": servers,
    }


_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.asgi")
_ACCESS = "uvicorn.access"


def configure(form: LogFormat, level: str) -> None:
    """Configure the logging of this process."""
    logging.config.dictConfig(log_config(form, level))
