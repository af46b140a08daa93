"""The APIs of mailings: a class for each service, a method for each operation.

`catalog`, `scheduler`, `dispatcher` and `stats` are made out of the services' OpenAPI documents.
"""

from mailings_client.calling import etag
from mailings_client.catalog import AsyncCatalog, Catalog
from mailings_client.dispatcher import AsyncDispatcher, Dispatcher
from mailings_client.paging import paged, paged_async
from mailings_client.problems import (
    Conflict,
    FieldProblem,
    Gone,
    Invalid,
    NamedMailing,
    NotFound,
    ProblemError,
    StaleVersion,
    Unavailable,
)
from mailings_client.scheduler import AsyncScheduler, Scheduler
from mailings_client.stats import AsyncStats, Stats

__all__ = [
    "AsyncCatalog",
    "AsyncDispatcher",
    "AsyncScheduler",
    "AsyncStats",
    "Catalog",
    "Conflict",
    "Dispatcher",
    "FieldProblem",
    "Gone",
    "Invalid",
    "NamedMailing",
    "NotFound",
    "ProblemError",
    "Scheduler",
    "StaleVersion",
    "Stats",
    "Unavailable",
    "etag",
    "paged",
    "paged_async",
]
