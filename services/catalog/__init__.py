"""Catalog: whom we can address, and which mailings exist and may run.

Owns:          clients, suppressions, mailings, audiences, imports; a copy of which gateways
               there are
API:           /v1/clients, /v1/mailings, /v1/mailings/{id}/start|pause|resume|stop|preview,
               POST /v1/mailings/{id}/runs, /v1/audiences, /v1/imports, GET /v1/gateways,
               /v1/suppressions[/import]
Publishes:     ClientRegistered, ClientChanged, ClientRemoved                  on `catalog.clients`
               SuppressionChanged, SuppressionLifted                      on `catalog.suppressions`
               MailingCreated, MailingChanged, MailingRunRequested, MailingPaused,
               MailingResumed, MailingStopped, MailingDeleted,
               RunBegun, RunDeclined                                          on `catalog.mailings`
Subscribes to: MailingScheduled, RunMissed                                    on `scheduler.runs`
               RunFinished, RunPaused, RunResumed, RunStopped                 on `dispatcher.runs`
               GatewayDescribed, GatewayPaused, GatewayResumed,
               GatewayRemoved                                             on `dispatcher.gateways`
               ContactBounced                                             on `dispatcher.contacts`
"""
