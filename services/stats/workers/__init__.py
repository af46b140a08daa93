"""The workers: loops that run by themselves, and the rebuild, which is a command."""
