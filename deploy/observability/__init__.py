"""What watches the platform: rules of alerts and dashboards, made of code and committed."""
