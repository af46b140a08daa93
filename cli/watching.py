"""Watching a mailing: until it is over, or whoever watches goes away."""

from uuid import UUID

from cli import Output
from cli.api import Api, run
from cli.render import note
from cli.statistics.progress import Progress, watch


def watch_until_over(mailing_id: UUID | str, output: Output) -> None:
    """Show live how a mailing goes on."""

    async def work(api: Api) -> Progress:
        return await watch(api, mailing_id, output)

    try:
        run(work)
    except KeyboardInterrupt:
        stop = f"./mailings mailings stop {mailing_id}"
        note(f"That ends the watching, not the mailing: `{stop}` would.", "dim")
        raise
