"""Queries: rows of the current generation in, views out. Nothing is changed here."""
