"""What each answer of a mail server means for the message: the whole table."""

import pytest

from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.gateways.smtp.answer import (
    MAIL_TOO_LARGE,
    NEEDS_SMTPUTF8,
    Answer,
    Stage,
)
from services.dispatcher.gateways.smtp.contract import judge, speaks_of_policy
from services.dispatcher.gateways.smtp.refusals import TABLE, Policy, row_of
from services.dispatcher.gateways.smtp.reply import Reply

ACCEPTED, REFUSED, NOT_PROCESSED, UNKNOWN = (
    Outcome.ACCEPTED,
    Outcome.REFUSED,
    Outcome.NOT_PROCESSED,
    Outcome.UNKNOWN,
)
BEFORE = [each for each in Stage if each is not Stage.CONTENT]


def replied(stage: Stage, code: int, text: bytes = b"") -> Verdict:
    return judge(Answer(stage, Reply(code, tuple(text.split(b"\n")))))


@pytest.mark.parametrize("failure", ["closed", "reset", "timeout", "malformed", "cut_off"])
def test_without_a_reply_a_mail_is_unknown_after_the_final_dot_and_not_processed_before_it(
    failure: str,
) -> None:
    for stage in BEFORE:
        assert judge(Answer(stage, None, failure)) == Verdict(NOT_PROCESSED, failure)
    assert judge(Answer(Stage.CONTENT, None, failure)) == Verdict(UNKNOWN, failure)


@pytest.mark.parametrize("code", [200, 250, 251, 252, 299])
def test_a_success_means_accepted_after_the_content_only(code: int) -> None:
    assert replied(Stage.CONTENT, code).outcome is ACCEPTED
    assert replied(Stage.DATA, code).outcome is NOT_PROCESSED


@pytest.mark.parametrize("code", [300, 334, 354])
def test_what_answers_another_question_tells_nothing(code: int) -> None:
    found = replied(Stage.CONTENT, code)
    assert (found.outcome, found.reason) == (UNKNOWN, "contract_violation")
    for stage in BEFORE:
        assert replied(stage, code).outcome is NOT_PROCESSED


@pytest.mark.parametrize("code", [421, 450, 451, 452, 454, 455])
def test_a_failure_for_now_is_tried_again(code: int) -> None:
    for stage in BEFORE:
        found = replied(stage, code, b"4.7.1 Greylisted")
        assert (found.outcome, found.reason) == (NOT_PROCESSED, f"status_{code}")
    assert replied(Stage.CONTENT, code).outcome is (UNKNOWN if code == 421 else NOT_PROCESSED)


OF_POLICY = [
    (550, b"5.7.1 Message rejected"),
    (554, b"5.7.1 Blocked by the policy of this domain"),
    (550, b"5.7.26 Unauthenticated mail is refused"),
    (550, b"5.7.606 Access denied, banned sending address"),
]
OF_THE_RECIPIENT = [
    (552, b"5.2.2 Daily quota of this mailbox is reached: daily limit"),
    (550, b"5.2.121 Too many messages for this recipient"),
    (550, b"5.1.1 No such user"),
    (550, b"No such user here"),
    (551, b"User not local"),
    (552, b"5.2.2 Mailbox full"),
    (553, b"5.1.3 Bad address"),
    (501, b"5.1.3 Bad recipient address syntax"),
    (556, b"5.1.10 Domain takes no mail"),
    (554, b"Transaction failed"),
    (554, b"5.6.0 Content not supported"),
    (552, b"5.3.4 Too big"),
    (550, b"5.1.18 Not one of ours"),
]
OF_US = [
    (530, b"5.7.0 Authentication required"),
    (530, b"Must issue a STARTTLS command first"),
    (534, b"5.7.9 Mechanism too weak"),
    (535, b"5.7.8 Bad credentials"),
    (538, b"5.7.11 Encryption required"),
    (550, b"5.7.1 Relaying denied"),
    (554, b"5.7.1 <x@y.example>: Relay access denied"),
    (550, b"relay not permitted"),
    (550, b"we do not RELAY"),
    (553, b"5.1.8 Sender's domain not found"),
    (553, b"5.1.7 Bad sender"),
    (554, b"5.3.2 The system takes no mail now"),
    (550, b"5.5.1 Wrong sequence"),
    (500, b"What?"),
    (502, b"Not implemented"),
    (503, b"Bad sequence"),
    (504, b"Not implemented"),
]


@pytest.mark.parametrize("stage", [Stage.RECIPIENT, Stage.CONTENT])
@pytest.mark.parametrize(("code", "text"), OF_THE_RECIPIENT)
def test_a_refusal_that_speaks_of_the_recipient_is_for_good(
    stage: Stage, code: int, text: bytes
) -> None:
    found = replied(stage, code, text)

    assert (found.outcome, found.status_code) == (REFUSED, code)
    is_of_address = found.bounced == "email"
    assert found.reason == f"{'recipient' if is_of_address else 'status'}_{code}"


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize(("code", "text"), OF_US)
def test_a_refusal_that_speaks_of_us_burns_no_message(
    stage: Stage, code: int, text: bytes
) -> None:
    assert replied(stage, code, text).outcome is NOT_PROCESSED


FAULTS = [
    *((code, text) for code, text in OF_US if code in {530, 534, 535, 538}),
    (550, b"5.7.1 Relaying denied"),
    (550, b"relay not permitted"),
    (553, b"5.1.8 Sender's domain not found"),
    (553, b"5.1.7 Bad sender"),
    (550, b"5.4.5 Daily user sending quota exceeded"),
    (550, b"Too many messages in this session"),
    (554, b"Rate limit reached"),
    (554, b"5.3.0 Throttled"),
]


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize(("code", "text"), FAULTS)
def test_what_speaks_of_us_alone_is_the_gateways_fault(
    stage: Stage, code: int, text: bytes
) -> None:
    found = replied(stage, code, text)

    assert (found.outcome, found.fault, found.is_counted) == (NOT_PROCESSED, True, False)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_server_that_does_not_understand_is_no_fault_of_ours(code: int) -> None:
    found = replied(Stage.RECIPIENT, code, b"What?")

    assert (found.outcome, found.fault) == (NOT_PROCESSED, False)


@pytest.mark.parametrize(("code", "text"), OF_POLICY)
def test_a_policy_is_the_recipients_own_unless_it_is_known_to_be_against_us(
    code: int, text: bytes
) -> None:
    for stage in (Stage.RECIPIENT, Stage.CONTENT):
        answer = Answer(stage, Reply(code, (text,)))
        own, against_us = judge(answer), judge(answer, is_policy_against_us=True)
        assert speaks_of_policy(answer)
        assert (own.outcome, own.fault) == (REFUSED, False)
        assert (against_us.outcome, against_us.fault) == (NOT_PROCESSED, True)
        assert own.reason == against_us.reason == f"status_{code}"


@pytest.mark.parametrize("stage", [Stage.SESSION, Stage.SENDER, Stage.DATA])
def test_a_policy_before_any_recipient_was_named_is_against_us(stage: Stage) -> None:
    for code, text in OF_POLICY:
        assert not speaks_of_policy(Answer(stage, Reply(code, (text,))))
        assert replied(stage, code, text).fault


def test_a_policy_known_to_be_against_us_changes_no_other_answer() -> None:
    for code, text in [*OF_THE_RECIPIENT, *OF_US, (250, b"Ok"), (450, b"5.7.1 x"), (354, b"x")]:
        answer = Answer(Stage.CONTENT, Reply(code, (text,)))
        assert judge(answer, is_policy_against_us=True) == judge(answer)


def test_each_row_of_the_table_has_an_example() -> None:
    examples = [*OF_THE_RECIPIENT, *OF_US, *FAULTS, *OF_POLICY, (554, b"No"), (552, b"5.3.4 Big")]

    found = {row_of(stage, Reply(code, (text,))).of for stage in Stage for code, text in examples}

    assert found == {row.of for row in TABLE}


def test_several_domains_in_a_row_mean_us_and_one_however_often_does_not() -> None:
    policy = Policy()

    one = [policy.is_against_us(b"a.example") for _ in range(10)]
    several = [policy.is_against_us(name) for name in (b"b.example", b"c.example", b"a.example")]
    policy.end()
    after = [policy.is_against_us(name) for name in (b"b.example", b"c.example")]

    assert one == [False] * 10
    assert several == [False, True, True]
    assert after == [False, False]


@pytest.mark.parametrize("stage", [Stage.SESSION, Stage.SENDER, Stage.DATA])
def test_a_refusal_before_any_recipient_was_named_burns_no_message(stage: Stage) -> None:
    for code, text in [(554, b"No service"), (550, b"5.1.1 No such user"), (521, b"No mail here")]:
        assert replied(stage, code, text).outcome is NOT_PROCESSED


@pytest.mark.parametrize(("code", "text"), [(552, b"Too big"), (550, b"5.3.4 Too big")])
def test_a_mail_that_is_too_large_is_refused_for_good(code: int, text: bytes) -> None:
    assert replied(Stage.SENDER, code, text).outcome is REFUSED
    for failure in (MAIL_TOO_LARGE, NEEDS_SMTPUTF8):
        assert judge(Answer(Stage.SESSION, None, failure)) == Verdict(
            REFUSED, failure, is_of_message=True
        )


@pytest.mark.parametrize(
    ("text", "queue_id"),
    [
        (b"2.0.0 Ok: queued as 4Xb7k2", "4Xb7k2"),
        (b"OK id=1tGk2x-0001Ab-2c", "1tGk2x-0001Ab-2c"),
        (b"2.0.0 4ATBQ1xx012345 Message accepted for delivery", "4ATBQ1xx012345"),
        (b"Ok 0102018c7e3f-5d2a-4c1b", "0102018c7e3f-5d2a-4c1b"),
        (b"2.0.0 OK", None),
        (b"queued as \xff\xff", None),
        (b"2.0.0 Message\naccepted", None),
    ],
)
def test_the_servers_name_for_the_mail_is_read_where_it_stands(
    text: bytes, queue_id: str | None
) -> None:
    assert replied(Stage.CONTENT, 250, text).gateway_message_id == queue_id


def test_an_answer_is_kept_as_one_legible_line_of_bounded_length() -> None:
    text = b"5.1.1 No\x00 \x1b[31msuch\r user\n5.1.1 \xd0\x9d\xd0\xb5\xd1\x82 \xff" + b"x" * 900

    answer = replied(Stage.RECIPIENT, 550, text).answer

    assert answer.startswith("550 5.1.1 No\ufffd \ufffd[31msuch  user 5.1.1 Нет \ufffdx")
    assert len(answer) == 500


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        (b"4.7.0 Too many connections, try again in 300 seconds", 300.0),
        (b"Try again in 5 minutes", 300.0),
        (b"retry after 90s", 90.0),
        (b"Come back in 1 hour", 900.0),
        (b"in 0 sec.", 1.0),
        (b"4.3.2 Try again later", None),
        (b"4.3.2 Error 42 something", None),
        (b"queue 7mx is full", None),
    ],
)
@pytest.mark.parametrize("code", [421, 450, 452])
def test_a_time_in_words_pauses_the_server(code: int, text: bytes, waits: float | None) -> None:
    for stage in BEFORE:
        found = replied(stage, code, text)
        assert (found.outcome, found.retry_after_s) == (NOT_PROCESSED, waits)
        assert found.pauses_gateway_s == (waits or 0.0)


@pytest.mark.parametrize("code", [451, 454, 550])
def test_a_time_in_words_of_other_answers_pauses_nothing(code: int) -> None:
    assert replied(Stage.SENDER, code, b"Try again in 300 seconds").retry_after_s is None


@pytest.mark.parametrize("text", [b"4.2.0 Greylisted for 300 seconds", b"Gray-listing, 5 minutes"])
def test_a_server_that_greylists_lets_only_the_one_mail_wait(text: bytes) -> None:
    for stage in (Stage.RECIPIENT, Stage.DATA, Stage.CONTENT):
        found = replied(stage, 450, text)
        assert (found.is_of_message, found.retry_after_s) == (True, 300.0)
        assert (found.pauses_gateway_s, found.is_counted) == (0.0, True)


def test_a_postponed_recipient_says_nothing_of_the_server() -> None:
    assert replied(Stage.RECIPIENT, 450, b"4.2.1 Mailbox busy").is_of_message
    assert not replied(Stage.SENDER, 451, b"4.3.0 Local error").is_of_message
    assert not replied(Stage.RECIPIENT, 421, b"4.3.2 Closing").is_of_message


@pytest.mark.parametrize("failure", ["tls_failed", "dns_failed", "no_tls", "no_login"])
def test_a_server_that_is_not_the_one_is_at_fault(failure: str) -> None:
    found = judge(Answer(Stage.SESSION, None, failure))

    assert (found.outcome, found.fault, found.is_counted) == (NOT_PROCESSED, True, False)


def test_a_login_that_does_not_pass_is_at_fault() -> None:
    assert replied(Stage.SESSION, 535, b"5.7.8 Bad credentials").fault
    assert not replied(Stage.SESSION, 554, b"No service").fault
