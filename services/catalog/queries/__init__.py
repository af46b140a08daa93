"""Queries: rows of the catalog in, views out. Nothing is changed here."""
