"""The sandbox gateway: takes messages over HTTP, keeps its own ledger, misbehaves as told."""
