"""Happenings: what goes on while a process dies at a crash point."""

from shared.testing import eventually
from tests.chaos.afterwards import archive, erase, resend, resolve
from tests.chaos.crash_points import Case, During
from tests.chaos.disturbing import disturb, postpone
from tests.chaos.mailings import FEW, MORE, Mailings
from tests.chaos.people import (
    bounce,
    change_audience,
    import_and_send,
    reach_the_cap,
    send_test,
    suppress_and_lift,
)

DIES_WITHIN_S = 60.0
SHORT_S = 2.5  # a window that is over before all is sent


async def happen(mailings: Mailings, case: Case) -> None:
    """Let that happen during which a process is to die."""
    match case.during:
        case During.EXPIRY:
            await mailings.create(case, MORE, for_s=SHORT_S)
        case During.POSTPONING:
            await postpone(mailings, case)
        case During.PAUSE | During.CHANGE | During.OUTAGE | During.LIMIT:
            [mailing_id] = await mailings.create(case, MORE)
            await eventually(mailings.is_sending, within=DIES_WITHIN_S)
            await disturb(mailings, case, mailing_id)
        case During.MAILING | During.START | During.DEATH:
            await mailings.create(case, FEW)
        case _:
            await _happen_afterwards(mailings, case)


async def _happen_afterwards(mailings: Mailings, case: Case) -> None:
    match case.during:
        case During.ERASURE:
            await mailings.run_until_end(case, FEW)
            await erase(mailings)
        case During.RESEND:
            await resend(mailings, await mailings.run_until_end(case, MORE, for_s=SHORT_S))
        case During.RESOLVING:
            await resolve(mailings, case)
        case During.ARCHIVING:
            await mailings.run_until_end(case, FEW)
            await archive(mailings)
        case During.TEST_SEND:
            await mailings.run_until_end(case, FEW)
            await send_test(mailings, case)
        case _:
            await _happen_to_people(mailings, case)


async def _happen_to_people(mailings: Mailings, case: Case) -> None:
    match case.during:
        case During.IMPORT:
            await import_and_send(mailings, case)
        case During.AUDIENCE:
            await change_audience(mailings, case)
        case During.SUPPRESSION:
            await suppress_and_lift(mailings, case)
        case During.CAP:
            await reach_the_cap(mailings, case)
        case _:
            await bounce(mailings, case)
