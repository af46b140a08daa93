"""The rules of the dispatcher: a message on its way, and what its sender may do.

Pure: no I/O, no clock, no random numbers. Time and chance arrive as arguments.
"""
