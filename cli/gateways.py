"""The commands about gateways: what they are, and whether they work."""

import asyncio
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.phones import EXAMPLES, read_phone
from cli.render import Format, Json, Listing, Quiet, facts, grid, instant, note, show

app = typer.Typer(help="Gateways: what hands messages over.", no_args_is_help=True)

PATH = "/v1/gateways"
KNOWN_WITHIN_S = 30.0  # by the catalog, of a gateway that is described
PAUSE_S = 0.2

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `list` shows it.")]


@app.command("list")
def list_gateways(*, quiet: Quiet = False, output: Format = Output.TABLE) -> None:
    """List all gateways, as a dispatcher uses them."""
    found = run(lambda api: api.get("dispatcher", PATH))
    listing = Listing("name", "gateways", (found["items"], False))
    columns = ("name", "kind", "needs", "state", "in flight", "free", "rate/s")
    rows = (
        [
            each["name"],
            each["kind"],
            each["contact"],
            _state(each),
            each["in_flight"],
            each["free"],
            each["description"].get("rate"),
        ]
        for each in listing.items
    )
    listing.show(output, lambda: grid(columns, rows), quiet=quiet)


@app.command("show")
def show_gateway(name: Name, output: Format = Output.TABLE) -> None:
    """Show one gateway: its description, and how it is used."""
    found = run(lambda api: api.get("dispatcher", f"{PATH}/{name}"))
    show(output, found, lambda: facts(_facts(found)))


def _state(gateway: Json) -> str:
    if gateway["problem"]:
        return "misconfigured"
    if gateway["is_paused"]:
        return "paused"
    if gateway.get("breaker", "closed") != "closed":
        return f"fails: {gateway['breaker_reason']}"
    return "asked to wait" if gateway.get("waits_until") else "ready"


def _facts(found: Json) -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        match name:
            case "created_at" | "changed_at":
                yield name.removesuffix("_at"), instant(value)
            case "next_probe_at" | "waits_until":
                yield name.removesuffix("_at").replace("_", " "), value and instant(value)
            case "together":
                yield from _usage(value)
            case "replicas":
                yield from (("replica", _replica(each)) for each in value)
            case "description":
                text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=90)
                yield name, text.rstrip()
            case _:
                yield name, value


def _usage(together: Json) -> Iterator[tuple[str, object]]:
    """Yield how all replicas use a gateway; dispatchers of older releases say nothing."""
    yield "in flight, of all", together["in_flight"]
    yield "free, of all", together["free"]
    answers = (
        f"{count:,} {name.replace('_', ' ')}" for name, count in together["answers"].items()
    )
    yield "in 5 min", ", ".join(answers)
    yield "half, 95 of 100", _took(together)
    if failure := together["last_failure"]:
        code = f" ({failure['status_code']})" if failure["status_code"] else ""
        yield "failed last", f"{instant(failure['at'])}: {failure['reason']}{code}"


def _replica(each: Json) -> str:
    """Return what one process sees of a gateway."""
    if each["is_stale"]:
        return f"{each['replica']}: reports nothing since {instant(each['reported_at'])}"
    answered = sum(each["answers"].values())
    return (
        f"{each['replica']}: {each['in_flight']:,} in flight, {each['free']:,} free, "
        f"{answered:,} answers in 5 min, {_took(each)}"
    )


def _took(usage: Json) -> str:
    half, most = usage["p50_s"], usage["p95_s"]
    return "nothing was answered" if half is None else f"within {half:.3g} s, {most:.3g} s"


@dataclass(frozen=True)
class Change:
    """What becomes of a gateway."""

    name: str
    what: str  # new, changed or same
    fields: tuple[str, ...] = ()  # that change


@app.command("apply")
def apply_gateways(
    files: Annotated[
        list[Path],
        typer.Option("--file", "-f", exists=True, dir_okay=False, help="TOML or YAML."),
    ],
    *,
    dry_run: Annotated[bool, typer.Option(help="Only show what would change.")] = False,
    output: Format = Output.TABLE,
) -> None:
    """Make gateways as files describe them; what is so already stays, others are not touched.

    Ends when the catalog knows them: from then on mailings may name them.
    """
    wanted: dict[str, Json] = {}
    for file in files:
        for name, description in read_gateways(file).items():
            if name in wanted:
                raise Failure(f"{file}: the gateway {name} is described twice.", Exit.USAGE)
            wanted[name] = description
    changes = run(lambda api: _apply(api, wanted, is_dry=dry_run))
    listed = [{"name": each.name, "change": each.what, "fields": each.fields} for each in changes]
    listing = Listing("name", "gateways", (listed, False))
    rows = ([each.name, each.what, ", ".join(each.fields)] for each in changes)
    listing.show(output, lambda: grid(("name", "change", "fields"), rows), quiet=False)


def read_gateways(file: Path) -> dict[str, Json]:
    """Return the descriptions of a file by name: `[gateways.NAME]` in TOML, the same in YAML.

    Raises:
        Failure: It cannot be read, or there is something else in it.
    """
    try:
        text = file.read_text(encoding="utf-8")
        read = tomllib.loads(text) if file.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: it cannot be read as UTF-8 text: {error}", Exit.USAGE) from None
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        kind = "TOML" if file.suffix == ".toml" else "YAML"
        raise Failure(f"{file}: it is not valid {kind}: {error}", Exit.USAGE) from None
    described = read.get("gateways") if isinstance(read, dict) and len(read) == 1 else None
    if not isinstance(described, dict) or not all(
        isinstance(each, dict) for each in described.values()
    ):
        raise Failure(
            f"{file}: it must have `gateways` and nothing else, a description for each name.\n"
            "  What to do: see the examples in deploy/gateways, and docs/gateways.md.",
            Exit.USAGE,
        )
    return {str(name): each for name, each in described.items()}


async def _apply(api: Api, wanted: Mapping[str, Json], *, is_dry: bool) -> list[Change]:
    items = (await api.get("dispatcher", PATH))["items"]
    before = {each["name"]: each for each in items}
    changes, versions = [], {}
    for name, description in wanted.items():
        known = before.get(name)
        if is_dry:
            changes.append(_change(name, known, description))
            continue
        after = await api.put("dispatcher", f"{PATH}/{name}", description)
        changes.append(_change(name, known, after["description"]))
        versions[name] = after["version"]
    if versions:
        await _wait_until_known(api, versions)
    return changes


def _change(name: str, before: Json | None, description: Json) -> Change:
    if before is None:
        return Change(name, "new")
    old: dict[str, Any] = before["description"]
    fields = sorted(
        key for key in old.keys() | description.keys() if old.get(key) != description.get(key)
    )
    return Change(name, "changed" if fields else "same", tuple(fields))


async def _wait_until_known(api: Api, versions: Mapping[str, int]) -> None:
    """Wait until the catalog knows gateways at these versions.

    Raises:
        Failure: It does not within some time; they are described all the same.
    """
    end = time.monotonic() + KNOWN_WITHIN_S
    missing = sorted(versions)
    while missing:
        items = (await api.get("catalog", PATH))["items"]
        known = {each["name"]: each["version"] for each in items}
        missing = sorted(
            name for name, version in versions.items() if known.get(name, 0) < version
        )
        if missing and time.monotonic() > end:
            raise Failure(
                f"The catalog does not know {', '.join(missing)} yet: what the dispatcher "
                "publishes has not come there.\n  What to do: `./mailings doctor` shows what is "
                "behind. The gateways are described; nothing has to be repeated.",
                Exit.UNAVAILABLE,
            )
        if missing:
            await asyncio.sleep(PAUSE_S)


@app.command("pause")
def pause_gateway(name: Name, output: Format = Output.TABLE) -> None:
    """Send nothing through a gateway until it is resumed."""
    _do(name, "pause", output)


@app.command("resume")
def resume_gateway(name: Name, output: Format = Output.TABLE) -> None:
    """Send through a gateway again."""
    _do(name, "resume", output)


def _do(name: str, what: str, output: Output) -> None:
    found = run(lambda api: api.post("dispatcher", f"{PATH}/{name}/{what}"))
    show(output, found, lambda: facts(_facts(found)))


@app.command("test")
def try_gateway(
    name: Name,
    *,
    phone: Annotated[
        str | None, typer.Option(parser=read_phone, metavar="PHONE", help=f"Written {EXAMPLES}.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="For gateways that send mails.")] = None,
    subject: Annotated[str | None, typer.Option(help="The same.")] = None,
    text: Annotated[str, typer.Option(help="What it says.")] = "Test",
    output: Format = Output.TABLE,
) -> None:
    """Send one message through a gateway now, and show what it answered."""
    body = {"phone": phone, "email": email, "subject": subject, "text": text}
    found = run(lambda api: api.post("dispatcher", f"{PATH}/{name}/test", body))
    show(output, found, lambda: facts(found.items()))
    if found["outcome"] != "accepted":
        raise typer.Exit(Exit.ERROR)


@app.command("delete")
def delete_gateway(name: Name) -> None:
    """Delete a gateway that no unfinished run uses."""
    run(lambda api: api.delete("dispatcher", f"{PATH}/{name}"))
    note(f"There is no gateway {name} any more.")
