"""What a message says to one client."""

from dataclasses import replace

import pytest

from services.catalog.domain.preview import MessageNotRendered, texts_of
from services.catalog.domain.profile import Profile
from services.catalog.domain.sms import Alphabet, Sms
from tests.catalog.test_domain_plan import PLAN

ANNA = Profile(full_name="Anna & Co", comment="a\nb", tags=("vip",))


def test_a_message_has_its_texts_and_what_it_is_as_an_sms() -> None:
    plan = replace(PLAN, body="{{ full_name }} {{ tags | first }} {{ email }}")

    message = texts_of(plan, "phone").message(ANNA)

    assert (message.text, message.subject, message.html) == ("Anna & Co vip ", None, None)
    assert (message.sms, message.missing) == (Sms(14, Alphabet.GSM_7, 1), ("email",))


def test_a_mail_has_a_subject_of_one_line_and_html_that_is_escaped() -> None:
    plan = replace(PLAN, subject="{{ comment }}", html="<b>{{ full_name }}</b>")

    texts = texts_of(plan, "email")
    message = texts.message(ANNA)

    assert (message.subject, message.html) == ("a b", "<b>Anna &amp; Co</b>")
    assert (message.sms, message.missing) == (None, ())
    assert texts.variables == ("comment", "full_name")


def test_a_message_that_would_fail_is_refused_with_its_place() -> None:
    plan = replace(PLAN, subject="{{ comment }}" * 99)

    with pytest.raises(MessageNotRendered) as refusal:
        texts_of(plan, "phone").message(Profile(comment="x" * 2_100))

    [place] = refusal.value.field_errors
    assert (place.pointer, place.code) == ("/subject", "template_failed")
