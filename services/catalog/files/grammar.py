"""The grammar of CSV (RFC 4180), for each of the characters that may separate cells."""

import csv
import re
from collections.abc import Sequence

from services.catalog.files.columns import armed

DELIMITERS = (",", ";", "\t", "|")
SEPARATOR = re.compile(
    rb"sep=([,;\t|])\s*"
)  # Source: what Excel writes before a header, and reads


class Grammar:
    """A line's cells, as the csv module reads them. Possessive, so that each is linear."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        comma = re.escape(delimiter.encode())
        inside = rb'[^"]*+(?:""[^"]*+)*+'  # of a quoted cell
        cell = (
            rb'(?:"'
            + inside
            + rb'"|[^"'
            + comma
            + rb"][^"
            + comma
            + rb"]*+|(?="
            + comma
            + rb"|\Z))"
        )
        more = rb"(?:" + cell + comma + rb")*+"
        self.opens = re.compile(more + rb'"' + inside)
        self.stays_open = re.compile(inside + rb'(?:"' + comma + more + rb'"' + inside + rb")?+")
        self.closes = re.compile(inside + rb'"(?:' + comma + cell + rb")*+")
        self.blank = re.compile(rb"[\s" + comma + rb"]+")

    def cells(self, lines: Sequence[bytes]) -> list[str]:
        """Return the cells of one row.

        Raises:
            ValueError: It is no CSV; `UnicodeDecodeError`: no UTF-8.
        """
        texts = [line.decode() for line in lines]
        try:
            [cells] = csv.reader(texts, strict=True, delimiter=self.delimiter)
        except csv.Error as error:
            raise ValueError from error
        return armed(cells) if any("'" in text for text in texts) else cells


GRAMMARS = {each: Grammar(each) for each in DELIMITERS}
