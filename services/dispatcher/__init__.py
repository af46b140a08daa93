"""Dispatcher: every message of a run reaches its gateway, and every attempt is on record.

Owns:          gateways, runs, chunks, messages, attempts; copies of clients, suppressions and
               mailings' controls
API:           GET /v1/runs[/{run_id}[/export|/reasons|/why]], GET /v1/messages[/{message_id}],
               POST /v1/runs/{run_id}/pause|resume|stop|resend,
               POST /v1/messages/{message_id}/resolve, GET /v1/retention,
               POST /v1/audience-previews,
               POST /v1/test-sends, GET /v1/test-sends/{run_id}[/contact],
               GET /v1/gateways, GET|PUT|DELETE /v1/gateways/{name}[/pause|/resume|/test]
Publishes:     MessagesPlanned, RunExpanded, RunFinished, RunCorrected,
               RunArchived, RunPaused, RunResumed, RunStopped, RunResent     on `dispatcher.runs`
               MessageAttempted, MessageDelivered, MessageFailed, MessageExpired,
               MessageCancelled, MessageSuppressed, MessageUndetermined,
               MessageResolved, MessagesDelivered                        on `dispatcher.messages`
               GatewayDescribed, GatewayPaused, GatewayResumed,
               GatewayRemoved, GatewayBreakerOpened, GatewayBreakerClosed on `dispatcher.gateways`
               ContactBounced                                            on `dispatcher.contacts`
Subscribes to: ClientRegistered, ClientChanged, ClientRemoved                 on `catalog.clients`
               SuppressionChanged, SuppressionLifted                      on `catalog.suppressions`
               MailingCreated, MailingChanged, MailingPaused, MailingResumed,
               MailingStopped, MailingDeleted, RunBegun                       on `catalog.mailings`
               MailingScheduled                                               on `scheduler.runs`
"""
