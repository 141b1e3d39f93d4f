"""Logs of the connector: every record says whose job it is about, as fields that a log store can search."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

TEXT = "text"
JSON = "json"
FIELDS = ("job", "execution", "kind", "operation")

_logger = logging.getLogger("flytekit_sagemaker")
_handler: logging.Handler | None = None


def of(
    *, job: str = "", execution: str = "", kind: str = "", operation: str = ""
) -> logging.LoggerAdapter[logging.Logger]:
    """The package's logger, whose records carry the fields given; there is room for these only, so for no secret.

    ``logs.of(job=meta.name, execution=..., kind="training", operation="create").warning("...")``

    Args:
        job: name of the SageMaker job.
        execution: ``project/domain/execution/node/attempt``.
        kind: ``training`` or ``tuning``.
        operation: what the connector is doing: ``create``, ``get``, ``delete``, or an operation of AWS.
    """
    fields = dict(zip(FIELDS, (job, execution, kind, operation), strict=True))
    return logging.LoggerAdapter(_logger, {name: value for name, value in fields.items() if value})


def configure(log_format: str) -> None:
    """Write the package's records to standard error, from INFO on; a repeated call replaces the format.

    Args:
        log_format: ``text`` (one line per record, its fields at the end), ``json`` (one object per line), or empty:
            logging stays as the application has set it up. Anything else is taken as ``text``, with a warning.
    """
    global _handler
    if _handler is not None:
        _logger.removeHandler(_handler)
        _logger.propagate, _handler = True, None
    if not log_format:
        return
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(_JsonFormatter() if log_format == JSON else _TextFormatter())
    _logger.addHandler(_handler)
    _logger.propagate = False
    _logger.setLevel(logging.INFO)
    if log_format not in (TEXT, JSON):
        _logger.warning("log_format = %r is neither %r nor %r; the logs are text", log_format, TEXT, JSON)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: str(getattr(record, name)) for name in FIELDS if hasattr(record, name)}


class _TextFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        return f"{_time(record)} {record.levelname} {record.message}{fields}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {"time": _time(record), "level": record.levelname, "message": record.getMessage(), **_fields(record)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
