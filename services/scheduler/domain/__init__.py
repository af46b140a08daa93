"""The rules of the scheduler: when occurrences are due, and what becomes of each.

Pure: no I/O, no clock, no random identifiers. Time and identifiers arrive in the command.
"""
