"""The page of metrics is what the declarations say."""

from deploy import metrics_docs


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert metrics_docs.PATH.read_text() == metrics_docs.text()
