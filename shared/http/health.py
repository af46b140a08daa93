"""The health of a process: whether it turns, whether it is ready, its metrics."""

from fastapi import APIRouter, Response, status

from shared import telemetry
from shared.database import ping
from shared.http.dependencies import DatabasePool

PROBES = ("/livez", "/readyz", "/metrics")

router = APIRouter(tags=["health"], default_response_class=Response)


@router.get("/livez", status_code=status.HTTP_204_NO_CONTENT)
async def livez() -> None:
    """Say that the process turns; it depends on nothing else."""


@router.get("/readyz", status_code=status.HTTP_204_NO_CONTENT)
async def readyz(pool: DatabasePool) -> None:
    """Say that requests can be served: the database answers. Kafka is not needed for that."""
    await ping(pool)


@router.get("/metrics")
async def metrics() -> Response:
    """Show the metrics of this process, as Prometheus reads them."""
    return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4")
