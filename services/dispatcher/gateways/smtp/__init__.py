"""The SMTP gateway: one mail per message and recipient over our own client."""
