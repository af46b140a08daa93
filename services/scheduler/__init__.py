"""Scheduler: which mailing is due, and when.

Owns:          schedules, runs
API:           GET /v1/schedules[/{mailing_id}], POST /v1/schedule-previews,
               GET /v1/runs[/{run_id}]
Publishes:     MailingScheduled, RunMissed                                    on `scheduler.runs`
Subscribes to: MailingCreated, MailingChanged, MailingRunRequested,
               MailingStopped, MailingDeleted, RunBegun, RunDeclined          on `catalog.mailings`
"""
