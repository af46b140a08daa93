#!/usr/bin/env bash
# The databases, once, when the server's folder is made: one for each service, with an account that owns it and enters no other.
set -euo pipefail
for name in catalog scheduler dispatcher stats; do
  psql --quiet --username postgres --set ON_ERROR_STOP=1 --set name="$name" --set password="$(<"/run/secrets/$name")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
