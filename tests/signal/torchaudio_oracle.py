"""torchaudio for a test against it: `from tests.signal.torchaudio_oracle import torchaudio`."""

from typing import Any

from tests import oracles

torchaudio: Any = oracles.torchaudio()
if torchaudio is None:
    raise ImportError("torchaudio is an oracle, and is not installed: make test sets it up")
