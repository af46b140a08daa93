"""Dispatcher: every message of a run reaches its gateway, and every attempt is on record.

Owns:          runs, chunks, messages, attempts; its own copy of clients and of mailings' controls
API:           GET /v1/runs[/{run_id}[/export|/reasons|/why]], GET /v1/messages[/{message_id}],
               POST /v1/runs/{run_id}/pause|resume|stop, POST /v1/messages/{message_id}/resolve,
               GET /v1/gateways, /v1/retention
Publishes:     MessagesPlanned, RunExpanded, RunFinished, RunCorrected,
               RunArchived, RunPaused, RunResumed, RunStopped                on `dispatcher.runs`
               MessageAttempted, MessageDelivered, MessageFailed, MessageExpired,
               MessageCancelled, MessageUndetermined, MessageResolved,
               MessagesDelivered                                         on `dispatcher.messages`
Subscribes to: ClientRegistered, ClientChanged, ClientRemoved                 on `catalog.clients`
               MailingCreated, MailingChanged, MailingPaused, MailingResumed,
               MailingStopped, MailingDeleted, RunBegun                       on `catalog.mailings`
               MailingScheduled                                               on `scheduler.runs`
"""
