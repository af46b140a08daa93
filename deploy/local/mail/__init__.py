"""The sandbox mail server: takes mails over SMTP, keeps its own ledger, misbehaves as told.

Its HTTP port shows the ledger and the last mails: `/ledger/summary`, `/ledger`, `/mails`, and
takes `PATCH /faults`.
"""
