"""Queries: rows of the dispatcher in, views out. Nothing is changed here."""
