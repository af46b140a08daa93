"""The dashboards, one a module; panels that several of them have are in `sending`."""
