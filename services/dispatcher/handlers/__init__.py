"""What the dispatcher does: the only place where rules meet I/O."""
