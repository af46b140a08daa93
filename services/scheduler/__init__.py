"""Scheduler: which mailing is due, and when.

Owns:       schedules, runs
Answers:    GET /v1/schedules[/{mailing_id}], GET /v1/runs[/{run_id}]
Tells:      MailingScheduled, RunMissed                                    on `scheduler.runs`
Listens to: MailingCreated, MailingChanged, MailingRunRequested,
            MailingStopped, MailingDeleted, RunBegun, RunDeclined          on `catalog.mailings`
"""
