"""The log: lines of JSON or for people, of our own and of libraries, without personal data."""

import io
import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO, TypeAlias

import structlog

from shared.masking import mask_stacks, masked, masked_traceback
from shared.telemetry.traces import trace_id

# Libraries that would show keys, values or whole requests at lower levels.
QUIET = ("asyncio", "sqlalchemy", "httpx", "httpcore", "uvicorn.access")
# Those that log each try of what we repeat, or give up, and log ourselves.
SILENT = ("aiokafka", "opentelemetry.exporter", "urllib3")

# Local variables hold phones and names: an error is described by lines of code and its own text.
WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
JSON = structlog.processors.JSONRenderer()

LogFormat: TypeAlias = Literal["auto", "json", "console"]


def configure_logs(log_format: LogFormat) -> None:
    """Set up the log of this process, on its standard error."""
    on_terminal = sys.stderr.isatty() if log_format == "auto" else log_format == "console"
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    rendered: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=_print_traceback)]
        if on_terminal
        else [structlog.processors.ExceptionRenderer(_describe), JSON]
    )
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    foreign = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _mask_event],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *rendered,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(foreign)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    _log_crashes()


def _log_crashes() -> None:
    """Log what would otherwise be printed, line by line, between the log's lines."""
    crash = structlog.get_logger()

    def log_crash(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            crash.critical("process.crashed", exc_info=(kind, error, traceback))

    def log_in_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None:
            log_crash(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook = log_crash
    threading.excepthook = log_in_thread
    sys.unraisablehook = lambda each: crash.error(
        "process.error_ignored",
        exc_info=(each.exc_type, each.exc_value, each.exc_traceback),
    )
    logging.captureWarnings(capture=True)


def _describe(exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
    return mask_stacks(WITHOUT_LOCALS(exc_info))


def _print_traceback(output: TextIO, error: structlog.typing.ExcInfo) -> None:
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, error)
    output.write(masked_traceback(plain.getvalue()))


def _mask_event(_: object, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Mask the log lines of libraries: asyncio, for one, repeats the text of errors."""
    line["event"] = masked(str(line["event"]))
    return line


def _add_trace(_: object, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    if trace := trace_id():
        line["trace_id"] = trace
    return line
