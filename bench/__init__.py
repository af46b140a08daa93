"""The measurements: the real stack on this machine's cores, each figure beside its ceiling."""
