"""Files of clients as people have them: each of the corpus leads to what it must."""

import pytest

from tests.proof.files import UglyFile, corpus
from tests.proof.imports import differences

FILES = corpus()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_of_a_file_as_people_have_it_comes_what_must(file: UglyFile) -> None:
    assert await differences(file, sizes=(7, 1 << 20)) == []


def test_the_corpus_has_a_hundred_different_files() -> None:
    assert len({file.name for file in FILES}) == len(FILES) >= 100
