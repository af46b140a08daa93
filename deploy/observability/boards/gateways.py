"""The dashboard of gateways."""

from deploy.observability.boards.sending import ATTEMPTS, DUE, DUE_AGE, HANDOVER
from deploy.observability.panels import Dashboard, Panel
from deploy.observability.queries import happened, quantile, rate, share

NOT_ACCEPTED = rate("dispatcher_attempts_total", "gateway", '{outcome!="accepted"}')
LEGENDS = (
    ("0.5", "{{gateway}} median"),
    ("0.95", "{{gateway}} 95 %"),
    ("0.99", "{{gateway}} 99 %"),
)

GATEWAYS = Dashboard(
    "gateways",
    "Gateways",
    "What gateways take, how long they need, and how much of what is allowed is under way.",
    (
        ATTEMPTS,
        Panel(
            "Share of attempts that is not accepted",
            "percentunit",
            ((share(NOT_ACCEPTED, rate("dispatcher_attempts_total", "gateway")), "{{gateway}}"),),
            "Alert: GatewayFailing.",
        ),
        Panel(
            "Time until the gateway answers",
            "s",
            tuple(
                (quantile(part, "dispatcher_attempt_duration_seconds", "gateway"), legend)
                for part, legend in LEGENDS
            ),
            "Or until the attempt's deadline.",
        ),
        Panel(
            "Share of attempts whose contact is refused for good",
            "percentunit",
            (
                (
                    share(
                        rate("dispatcher_contacts_bounced_total", "gateway"),
                        rate("dispatcher_attempts_total", "gateway"),
                    ),
                    "{{gateway}}",
                ),
            ),
            "Alert: BouncesRising. Contacts that bounce again and again are suppressed.",
        ),
        Panel(
            "Requests under way",
            "short",
            (("sum by (gateway) (dispatcher_requests_active)", "{{gateway}}"),),
        ),
        Panel(
            "Share of the requests that may be under way",
            "percentunit",
            (
                (
                    share(
                        "sum by (gateway) (dispatcher_requests_active)",
                        "sum by (gateway) (dispatcher_requests_limit)",
                    ),
                    "{{gateway}}",
                ),
            ),
            "At 100 % the gateway is the limit: rate = connections / time until it answers.",
            top=1,
        ),
        Panel(
            "Share of the rate that is allowed",
            "percentunit",
            (
                (
                    share(
                        rate("dispatcher_attempts_total", "gateway"),
                        "max by (gateway) (dispatcher_gateway_rate > 0)",
                    ),
                    "{{gateway}}",
                ),
            ),
            "Of gateways with a rate: at 100 % that is the limit.",
            top=1,
        ),
        Panel(
            "Breakers that are not closed",
            "short",
            (
                ("max by (gateway) (dispatcher_breaker_open)", "{{gateway}}"),
                (
                    happened("dispatcher_breaker_openings_total", "gateway, reason"),
                    "opened: {{gateway}} {{reason}}",
                ),
            ),
            "Alert: BreakerOpen. Nothing goes there but probes.",
        ),
        Panel(
            "How long gateways have asked us to wait",
            "s",
            (("max by (gateway) (dispatcher_gateway_pause_seconds)", "{{gateway}}"),),
        ),
        DUE,
        DUE_AGE,
        HANDOVER,
        Panel(
            "Leases reaped, and results dropped",
            "short",
            (
                (happened("leases_reaped_total", "kind"), "reaped: {{kind}}"),
                (happened("dispatcher_results_dropped_total"), "results dropped"),
            ),
            "Leases of processes that had died; results that came after their run was archived.",
        ),
    ),
)
