"""The page in a real browser: how soon it is there, and what it costs whoever looks at it."""
