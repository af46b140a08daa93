"""The page shows the columns of a file as the catalog will read them."""

import json

from deploy.local.home import PROJECT
from services.catalog.files.words import WORDS


def test_the_page_knows_the_same_words_as_the_catalog() -> None:
    shown = json.loads((PROJECT / "web/src/admin/imports/columns.json").read_bytes())
    assert shown == {field: words.split("|") for field, words in WORDS.items()}
