"""Mails under measurement: their sink, their ceiling, and the SMTP gateway between both."""
