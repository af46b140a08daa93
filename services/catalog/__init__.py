"""Catalog: whom we can address, and which mailings exist and may run.

Owns:       clients, mailings, imports
Answers:    /v1/clients, /v1/mailings, /v1/mailings/{id}/start|pause|resume|stop, /v1/imports
Tells:      ClientRegistered, ClientChanged, ClientRemoved                  on `catalog.clients`
            MailingCreated, MailingChanged, MailingRunRequested, MailingPaused,
            MailingResumed, MailingStopped, MailingDeleted,
            RunBegun, RunDeclined                                          on `catalog.mailings`
Listens to: MailingScheduled, RunMissed                                    on `scheduler.runs`
            RunFinished                                                    on `dispatcher.runs`
"""
