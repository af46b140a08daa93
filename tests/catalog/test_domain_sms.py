"""How many segments an SMS takes."""

import pytest

from services.catalog.domain.sms import BASIC, EXTENSION, Alphabet, Sms, sms_of

GSM, UCS = Alphabet.GSM_7, Alphabet.UCS_2


@pytest.mark.parametrize(
    ("text", "sms"),
    [
        ("", Sms(0, GSM, 1)),
        ("a" * 160, Sms(160, GSM, 1)),
        ("a" * 161, Sms(161, GSM, 2)),
        ("a" * 306, Sms(306, GSM, 2)),
        ("a" * 307, Sms(307, GSM, 3)),
        ("€" * 80, Sms(80, GSM, 1)),
        ("€" * 81, Sms(81, GSM, 2)),
        ("€" * 152, Sms(152, GSM, 2)),  # 76 in a segment, with a septet to spare
        ("€" * 153, Sms(153, GSM, 3)),
        ("a" + "€" * 152, Sms(153, GSM, 2)),  # 153 + 152 septets
        ("é\n\r@Ø" * 32, Sms(160, GSM, 1)),
        ("ж" * 70, Sms(70, UCS, 1)),
        ("ж" * 71, Sms(71, UCS, 2)),
        ("ж" * 134, Sms(134, UCS, 2)),
        ("ж" * 135, Sms(135, UCS, 3)),
        ("a" * 69 + "ж", Sms(70, UCS, 1)),
        ("😀" * 35, Sms(35, UCS, 1)),
        ("😀" * 36, Sms(36, UCS, 2)),
        ("😀" * 66, Sms(66, UCS, 2)),  # 33 in a segment: none is cut in two
        ("😀" * 67, Sms(67, UCS, 3)),
        ("`", Sms(1, UCS, 1)),
        ("ç", Sms(1, UCS, 1)),
    ],
)
def test_a_text_takes_the_segments_that_it_is_charged_for(text: str, sms: Sms) -> None:
    assert sms_of(text) == sms


def test_the_alphabet_has_all_its_characters() -> None:
    assert (len(BASIC), len(EXTENSION)) == (127, 10)  # one of 128 is the escape
    assert not BASIC & EXTENSION
