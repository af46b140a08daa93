"""What dashboards ask Prometheus: the shapes that many panels share."""

R = "$__rate_interval"


def quantile(share: str, metric: str, by: str) -> str:
    """Return below which value a share of a histogram's values is."""
    rate = f"sum by ({by}, le) (rate({metric}_bucket[{R}]))"
    return f"histogram_quantile({share}, {rate})"


def rate(metric: str, by: str, labels: str = "") -> str:
    """Return how much a counter grows a second."""
    return f"sum by ({by}) (rate({metric}{labels}[{R}]))"


def happened(metric: str, by: str = "") -> str:
    """Return by how much a counter of what is rare has grown: whole numbers.

    `increase` extrapolates to the ends of its range: of one event it makes 1.3.
    """
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (clamp_min({metric} - {metric} offset {R}, 0))"


def share(part: str, whole: str) -> str:
    """Return a share."""
    return f"{part} / {whole}"
