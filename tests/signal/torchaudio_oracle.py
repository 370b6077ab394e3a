"""torchaudio for a test against it: `from tests.signal.torchaudio_oracle import torchaudio`."""

from typing import Any

import pytest

from tests import oracles

torchaudio: Any = oracles.torchaudio()
if torchaudio is None:
    pytest.skip("torchaudio is not installed", allow_module_level=True)
