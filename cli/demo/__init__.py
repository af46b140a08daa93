"""The demo: the whole platform at work, from nothing, against a gateway that misbehaves."""

from cli.demo.command import app

__all__ = ["app"]
