"""The local stack: PostgreSQL, Kafka, the services and the sandbox gateway on one machine.

No containers and no root: PostgreSQL and Java come as Python packages, Kafka as jars.
`deploy.local.stack.Stack` is what others use.
"""
