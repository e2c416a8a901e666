"""Each malformed file is refused in its own exact words, and every limit is written."""

import re
from pathlib import Path

import pytest
from reference.malformed_gguf import CASES
from reference.malformed_splits import SPLIT_CASES

from pensieve._native.gguf import LIMITS, GgufFile
from pensieve.errors import ModelError
from pensieve.models.gguf import describe_gguf

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_file_is_refused_with_where_expected_and_got(case, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(case.content)

    with pytest.raises(ValueError, match=r"^\[gguf\] ") as caught:
        GgufFile(path)
    assert str(caught.value) == f"[gguf] {case.error}"
    with pytest.raises(ModelError) as told:
        describe_gguf(path)
    assert str(told.value) == f"{path}: [gguf] {case.error}"


@pytest.mark.parametrize("case", SPLIT_CASES, ids=lambda case: case.name)
def test_parts_that_are_no_model_are_refused_by_the_part_s_name(case, tmp_path):
    for name, content in case.files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ValueError, match=r"^\[gguf\] ") as caught:
        GgufFile(tmp_path / next(iter(case.files)))
    assert str(caught.value) == f"[gguf] {case.error}"


def test_no_two_cases_are_the_same_file():
    assert len({case.content for case in CASES}) == len(CASES)
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_stub_and_the_page_on_models_state_every_limit_as_it_is():
    stub = (ROOT / "pensieve" / "_native" / "gguf.pyi").read_text()
    page = (ROOT / "docs" / "models.md").read_text()

    stated = dict(re.findall(r"^    (\S[^\d\n]*?) +(\d+)(?: .*)?$", stub, re.MULTILINE))
    assert {name: int(number) for name, number in stated.items()} == dict(LIMITS)
    [line] = [line for line in page.splitlines() if "A GGUF file may have" in line]
    told = {number.replace(",", "") for number in re.findall(r"\d[\d,]*", line)}
    assert told == {str(number) for number in LIMITS.values()}
