"""The queue: statements that replicas and commands take turns at."""
