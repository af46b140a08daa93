"""The only SQL with locks: rows that replicas take turns at."""
