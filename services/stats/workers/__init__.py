"""The workers: what happens without anybody asking, and the rebuild, which is a command."""
