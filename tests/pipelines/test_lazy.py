import subprocess
import sys

import audiozoo.pipelines


def test_names_stay_what_they_are_after_their_modules_are_loaded():
    """A module of the same name would take the place of the function."""
    for _ in range(2):
        for name in audiozoo.pipelines.__all__:
            assert callable(getattr(audiozoo.pipelines, name)), name
    assert set(dir(audiozoo.pipelines)) >= {"transcribe", "detect_speech", "track_pitch"}


def test_nothing_heavy_is_loaded_before_it_is_used():
    code = "import sys, audiozoo.pipelines; print([m for m in sys.modules if m in ('flax', 'soundfile', 'tokenizers')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
