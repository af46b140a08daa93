"""The gateways that mailings may name, over HTTP. The dispatcher is where they are described."""

from services.catalog.queries import gateways as queries
from services.catalog.queries.gateways import GatewayView
from shared.http import Database, Page, strict_router

router = strict_router("/v1/gateways", "gateways")


@router.get("", operation_id="list_gateways")
async def gateways(db: Database) -> Page[GatewayView]:
    """Show the gateways that mailings may name."""
    return Page(items=await queries.gateways(db), next_cursor=None)
