"""The statistics: what mailings have reached, once as figures or live while they run."""

from cli.statistics.figures import app

__all__ = ["app"]
