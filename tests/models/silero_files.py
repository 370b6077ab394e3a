"""What else the archive with the published weights of Silero VAD holds: oracles."""

import dataclasses

from audiozoo.models.silero_vad import PRESETS
from audiozoo.weights.published import PackageFile

_WEIGHTS = PRESETS["silero_vad_v6"].published[0].files["weights"]
assert isinstance(_WEIGHTS, PackageFile)

ONNX = dataclasses.replace(_WEIGHTS, path="silero_vad/data/silero_vad.onnx")
TORCHSCRIPT = dataclasses.replace(_WEIGHTS, path="silero_vad/data/silero_vad.jit")
SEGMENTS = dataclasses.replace(_WEIGHTS, path="silero_vad/utils_vad.py")
