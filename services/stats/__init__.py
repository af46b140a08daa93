"""Stats: every figure about mailings, runs and messages, and the proof that they add up.

Owns:          nothing but projections: all its rows can be rebuilt from the log
API:           /v1/totals, /v1/mailings, /v1/runs/{id}, /v1/messages, /v1/reconcile,
               /public/v1/mailings, /public/v1/mailings/{id}/series, /public/v1/live
Publishes:     nothing
Subscribes to: MailingCreated, MailingChanged, MailingPaused, MailingResumed, MailingStopped,
               MailingDeleted, RunBegun                                       on `catalog.mailings`
               MailingScheduled, RunMissed                                    on `scheduler.runs`
               MessagesPlanned, RunExpanded, RunFinished, RunCorrected,
               RunArchived, RunResent                                         on `dispatcher.runs`
               MessagesDelivered, MessageAttempted, MessageDelivered, MessageFailed,
               MessageExpired, MessageCancelled, MessageSuppressed, MessageUndetermined
                                                                      on `dispatcher.messages`
               OutboxPublished                                              on `platform.progress`
"""
