"""torchaudio's Python without its compiled extension, which on the package index is built for CUDA only.

`from tests.signal.torchaudio_oracle import torchaudio` in a test against it; what is compiled there (forced alignment,
some loops, for which it has Python twins) is neither needed nor missed.
"""

import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


def _load() -> Any:
    spec = find_spec("torchaudio")
    if spec is None or spec.origin is None:
        pytest.skip("torchaudio is not installed", allow_module_level=True)
    if "torchaudio" not in sys.modules and list((Path(spec.origin).parent / "lib").glob("*.so")):
        extension = types.ModuleType("torchaudio._extension")
        vars(extension).update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=lambda function: function
        )
        sys.modules["torchaudio._extension"] = extension
    import torchaudio
    import torchaudio.compliance.kaldi
    import torchaudio.functional
    import torchaudio.transforms

    return torchaudio


torchaudio = _load()
