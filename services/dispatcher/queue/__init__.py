"""Rows that replicas take turns at: the only SQL with locks."""
