"""The health of a process: whether it runs, whether it is ready, its metrics."""

from fastapi import APIRouter, Request, Response, status

from shared import liveness, stops, telemetry
from shared.database import ping
from shared.errors import FieldError, Unavailable
from shared.http.dependencies import DatabasePool
from shared.http.openapi import answers


class PartStopped(Unavailable):
    """A part of this process has stopped, and goes on when somebody has decided."""


class LoopHung(Unavailable):
    """A loop of this process hangs; it must be started anew."""


router = APIRouter(tags=["health"], default_response_class=Response)


@router.get(
    "/livez",
    operation_id="get_liveness",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(LoopHung),
)
async def livez() -> None:
    """Answer 204 while all loops of the process turn; this depends on nothing else.

    A loop that waits for a database or a broker that is away turns as well.
    """
    if hung := liveness.hung():
        raise LoopHung(
            *(
                FieldError("", "hung", f"{name}: it stands still for {each.still_s:.0f} s")
                for name, each in sorted(hung.items())
            )
        )


@router.get(
    "/readyz",
    operation_id="get_readiness",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(PartStopped, Unavailable),
)
async def readyz(request: Request, pool: DatabasePool) -> None:
    """Answer 204 while the database answers and no part has stopped; Kafka may be away."""
    async with request.app.state.probes:
        await ping(pool)
    if reasons := stops.reasons():
        raise PartStopped(
            *(FieldError("", "stopped", f"{part}: {why}") for part, why in reasons.items())
        )


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics() -> Response:
    """Show the metrics of this process, as Prometheus reads them."""
    return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4")
