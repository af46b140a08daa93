"""The sandbox mail server: takes mails over SMTP, keeps its own ledger, misbehaves as told.

Its HTTP port shows the ledger and the last mails: `/ledger/summary`, `/ledger`, `/mails`, and
takes `PATCH /faults`. TLS is offered with a certificate of its own authority, which is made at the
first start: clients are to trust `ca.pem` in the folder beside the ledger.
"""
