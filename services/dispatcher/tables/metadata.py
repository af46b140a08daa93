"""The tables of this service, as they are together."""

from sqlalchemy import MetaData

metadata = MetaData()
