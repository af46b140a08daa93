"""Projections: rows that are made of events alone."""
