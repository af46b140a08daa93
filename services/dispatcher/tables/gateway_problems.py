"""What keeps dispatchers from using gateways."""

from sqlalchemy import Column, Table, Text, Uuid

from services.dispatcher.tables.metadata import metadata
from shared.tables import Timestamp

gateway_problems = Table(
    "gateway_problems",
    metadata,
    Column("name", Text, primary_key=True, comment="of the gateway"),
    Column("replica_id", Uuid, primary_key=True, comment="of a process of the dispatcher"),
    Column("problem", Text, nullable=False),
    Column("noted_at", Timestamp, nullable=False, comment="last; long ago: that process is gone"),
    Column("host", Text, comment="of the process; none: it is of an older release"),
    comment="why processes cannot use a gateway as it is described",
)
