"""The writers of openai-whisper, on the same segments."""

import io

import pytest

from audiozoo.pipelines import subtitles
from tests.pipelines.test_subtitles import transcript

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("words", [False, True], ids=["segments", "words"])
@pytest.mark.parametrize("format", subtitles.FORMATS)
def test_files_are_openai_whispers(format, words, tmp_path):
    from whisper.utils import get_writer

    file = io.StringIO()
    ours = transcript(words)
    get_writer(format, str(tmp_path)).write_result(ours.to_dict(), file)  # type: ignore[attr-defined]
    assert subtitles.render(ours, format) == file.getvalue()
