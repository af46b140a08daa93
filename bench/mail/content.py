"""What mails under measurement hold: five kilobytes of text, and a name in it."""

SIZE = 5_000  # bytes, in UTF-8 and without the name
SUBJECT = "{{ full_name }}, there is news"
_PARAGRAPH = (
    "Мы рады сообщить, что ваш заказ готов и ждёт вас.\n"
    "It can be fetched from nine to six, on any day but Sunday; bring your number along.\n"
    "\n"
)


def _body() -> str:
    start = "Good day, {{ full_name }}!\n\n"
    text = start + _PARAGRAPH * (SIZE // len(_PARAGRAPH.encode()))
    return text + "." * (SIZE - len(text.encode())) + "\n"


BODY = _body()
