"""Lines of a mail: how they go over the wire, and which can go as they are. Pure."""

_LONGEST_LINE = 998  # bytes without CRLF. Source: RFC 5322 §2.1.1

# The same in all mails: no quoted-printable line has "=_". Source: RFC 2045 §6.7, note.
BOUNDARY = b"=_alternative"
DELIMITER = b"--" + BOUNDARY


def raw_lines(text: str) -> bytes:
    """Return the text's bytes, with LF for every end of a line."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace")


def can_go_as_they_are(raw: bytes) -> bool:
    """Return whether lines need no encoding but one of eight bits."""
    return not (_has_long_line(raw) or b"\0" in raw or DELIMITER in raw)


def dotted(raw: bytes) -> bytes:
    """Return whole lines as they go over the wire: with CRLF, and no dot at a beginning alone."""
    crlf = raw.replace(b"\n", b"\r\n")
    if b"\n." in crlf:
        crlf = crlf.replace(b"\n.", b"\n..")
    return b"." + crlf if crlf.startswith(b".") else crlf


def _has_long_line(raw: bytes) -> bool:
    """Return whether a line is too long to be sent as it is: a dot may be added to it."""
    start, size = 0, len(raw)
    while size - start >= _LONGEST_LINE:
        end = raw.rfind(b"\n", start, start + _LONGEST_LINE)
        if end < 0:
            return True
        start = end + 1
    return False
