# ruff: noqa: RUF001 - letters of Russian
"""Mailings by words of their names, and the newest ones of a gateway, found by indexes."""

from alembic import op

revision = "0020"
down_revision = "0019"

# Names and what is typed are split alike. Collations are named: letters are the same ones
# whatever the database's locale is.
WORDS = r"""
    array_remove(regexp_split_to_array(
        replace(lower(text COLLATE pg_c_utf8), 'ё', 'е') COLLATE pg_c_utf8, '\W+'
    ), '')
"""


def upgrade() -> None:
    op.execute(f"""
        CREATE FUNCTION mailing_words(text text) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$ SELECT array_to_tsvector({WORDS}) $$
    """)
    op.execute(f"""
        CREATE FUNCTION mailing_query(text text) RETURNS tsquery
        LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
            SELECT CAST(string_agg('''' || word || ''':*', ' & ') AS tsquery)
            FROM unnest({WORDS}) AS word
        $$
    """)  # noqa: S608 - pieces of ours
    op.execute("CREATE INDEX mailings_words ON mailings USING gin (mailing_words(name))")
    op.execute("""
        CREATE INDEX mailings_by_gateway ON mailings (gateway, created_at, mailing_id)
    """)
