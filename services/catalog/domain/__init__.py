"""The rules of the catalog: clients and mailings.

Pure: no I/O, no clock, no random identifiers. Time and identifiers arrive in the command.
"""
