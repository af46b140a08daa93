"""The HTTP gateway: one POST per message over our own client."""
