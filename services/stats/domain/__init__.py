"""The rules of figures: what differs from the ledger, what counts by client, how fast it goes."""
