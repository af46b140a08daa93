"""What a profiled service finds first on its path: see `sitecustomize`."""
