"""Broken and hostile files: a `ValueError`, soon, in little memory; whatever else happens is a failure."""

import json
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from audiozoo.weights.formats import BROKEN, READERS
from tests.weights import forge
from tests.weights.test_formats import ARRAYS, WRITERS

SEEDS = {name: (format, write(ARRAYS)) for name, (format, write) in WRITERS.items() if format != "ctranslate2"}
SMALL = {"a/weight": np.ones((3, 2), np.int8), "a/weight_scale": np.ones(3, np.float32), "b": np.ones(2, np.float16)}
SEEDS["ctranslate2"] = ("ctranslate2", forge.ctranslate2(SMALL, {"c": "b"}))
HUGE = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


@st.composite
def broken(draw):
    """A valid file with up to four faults: cut, bits flipped, numbers made extreme, pieces moved or repeated."""
    name = draw(st.sampled_from(sorted(SEEDS)))
    format, seed = SEEDS[name]
    content = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at, size = draw(st.integers(0, max(len(content) - 1, 0))), draw(st.integers(1, 32))
        match draw(st.sampled_from(["cut", "flip", "extreme", "move", "repeat", "random"])):
            case "cut":
                del content[at:]
            case "flip":
                content[at : at + 1] = bytes([(content[at] if content else 0) ^ 1 << draw(st.integers(0, 7))])
            case "extreme":
                width = draw(st.sampled_from([1, 2, 4, 8]))
                content[at : at + width] = draw(st.sampled_from(HUGE)).to_bytes(8, "little")[:width]
            case "move":
                source = draw(st.integers(0, max(len(content) - 1, 0)))
                content[at : at + size] = content[source : source + size]
            case "repeat":
                content[at:at] = content[at : at + size] * draw(st.integers(1, 50))
            case "random":
                content[at : at + size] = draw(st.binary(min_size=size, max_size=size))
    return format, bytes(content)


@given(broken())
@settings(max_examples=1500)
def test_a_broken_file_is_read_or_refused(case):
    format, content = case
    started = time.monotonic()
    try:
        arrays = READERS[format](content)
    except (ValueError, *BROKEN):  # what `read` turns into a ValueError
        arrays = {}
    assert time.monotonic() - started < 2
    assert sum(array.nbytes for array in arrays.values()) <= 2**28  # an expanded tensor may be larger than its file


def hostile_pickle(*opcodes):
    return forge.archive({"data.pkl": b"\x80\x02" + b"".join(opcodes) + b"."})


def safetensors(raw, content=b""):
    return struct.pack("<Q", len(raw)) + raw + content


def laughs(levels, brackets=b"()"):
    """Nested tuples, each of which holds the one before it twice: 2**levels paths in a few bytes."""
    return b")q\0" + b"h\0h\0\x86q\0" * levels


def shared_lists(levels):
    """The same with lists in a dictionary, so that all of it would be visited."""
    chunks = [forge.opcodes([forge.tensor(np.ones(1, np.float32), "0")]) + b"q\0"]
    chunks += [b"](h\0h\0eq\0"] * levels
    return b"".join(chunks)


COLLIDING = b"".join(b"\x8a\x0c" + (i * (2**61 - 1)).to_bytes(12, "little") + b"N" for i in range(100_000))
GIANT = struct.pack("<Q", 2**62)
ONES = np.ones(4, np.float32)


def tensor_over(shape, strides, offset=0):
    call = forge.call("torch._utils._rebuild_tensor_v2", forge.storage("FloatStorage", "0", 4), offset, shape, strides)
    return forge.archive({"data.pkl": forge.pickle({"a": call}), "data/0": ONES.tobytes()})


def onnx_dims(*dims, content=b""):
    return forge.onnx([b"".join(forge.field(1, n) for n in dims) + forge.field(2, 1) + forge.field(9, content)])


def nested_graph(levels):
    graph = b""
    for _ in range(levels):
        graph = forge.field(1, forge.field(5, forge.field(6, graph)))
    return forge.field(7, graph)


HOSTILE = {
    "safetensors: header of 2^62 bytes": ("safetensors", GIANT + b"{}"),
    "safetensors: deep header": ("safetensors", safetensors(b'{"a":' * 100_000)),
    "safetensors: long integer": ("safetensors", safetensors(b'{"a":' + b"9" * 10_000_000 + b"}")),
    "safetensors: huge shape": (
        "safetensors",
        safetensors(json.dumps({"a": {"dtype": "F32", "shape": [2**61] * 60, "data_offsets": [0, 0]}}).encode()),
    ),
    "safetensors: no shape but many axes": (
        "safetensors",
        safetensors(json.dumps({"a": {"dtype": "F32", "shape": [2**61] * 500_000, "data_offsets": [0, 0]}}).encode()),
    ),
    "safetensors: one name twice": (
        "safetensors",
        safetensors(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    ),
    "safetensors: many lists": ("safetensors", safetensors(b'{"a":[' + b"[]," * 3_000_000 + b"[]]}")),
    "torch: string of 2^62 bytes": ("torch", hostile_pickle(b"\x8d" + GIANT)),
    "torch: bytes of 2^62 bytes": ("torch", hostile_pickle(b"\x8e" + GIANT)),
    "torch: frame of 2^62 bytes": ("torch", hostile_pickle(b"\x95" + GIANT)),
    "torch: integer of 2^31 bytes": ("torch", hostile_pickle(b"\x8b" + struct.pack("<i", 2**31 - 1))),
    "torch: integer of a million digits": ("torch", hostile_pickle(b"I" + b"9" * 10**6 + b"\n")),
    "torch: escape that warns": ("torch", hostile_pickle(b"ca\\S\nb\n")),
    "torch: octal escape that warns": ("torch", hostile_pickle(b"S'\\777'\n")),
    "torch: memory of 2^32 places": ("torch", hostile_pickle(b"Nr\xff\xff\xff\xff")),
    "torch: negative memory": ("torch", hostile_pickle(b"Np-5\n")),
    "torch: many lists": ("torch", hostile_pickle(b"]" * 10_000_000)),
    "torch: billion laughs as a key": ("torch", hostile_pickle(b"}", laughs(100), b"Ns")),
    "torch: billion laughs": ("torch", hostile_pickle(shared_lists(100))),
    "torch: contains itself": ("torch", hostile_pickle(b"]q\0h\0a")),
    "torch: deep": ("torch", hostile_pickle(b"]" * 100_000 + b"a" * 99_999)),
    "torch: shared long list": ("torch", hostile_pickle(b"](" + b"N" * 300_000 + b"eq\0](" + b"h\0" * 300_000 + b"e")),
    "torch: shared pairs": (
        "torch",
        hostile_pickle(
            b"](" + b"NN\x86" * 100_000 + b"eq\0](",
            (forge.global_("collections.OrderedDict") + b"h\0\x85R") * 9_000 + b"e",
        ),
    ),
    "torch: colliding keys": ("torch", hostile_pickle(b"}(" + COLLIDING + b"uq\0", b"h\0h\0\x86", b"0\x8a\x01\x01Q")),
    "torch: long names": (
        "torch",
        hostile_pickle(b"}" + forge.opcodes("x" * 1_000_000) + forge.tensor(ONES, "0") + b"s"),
    ),
    "torch: names that grow": (
        "torch",
        hostile_pickle((b"}" + forge.opcodes("x" * 1000)) * 40 + forge.tensor(ONES, "0") + b"s" * 40),
    ),
    "torch: expanded to 2^60 numbers": ("torch", tensor_over((2**30, 2**30), (0, 0))),
    "torch: beyond its storage": ("torch", tensor_over((2, 2), (2, 2))),
    "torch: offset beyond its storage": ("torch", tensor_over((1,), (1,), 4)),
    "torch: negative stride": ("torch", tensor_over((2,), (-1,), 1)),
    "torch: negative shape": ("torch", tensor_over((-2,), (1,))),
    "torch: fractional shape": ("torch", tensor_over((forge.Raw(b"G" + struct.pack(">d", 2.0)),), (1,))),
    "torch: 200 axes": ("torch", tensor_over((1,) * 200, (1,) * 200)),
    "torch: sizes that overflow": ("torch", tensor_over((2**61, 2**61, 0), (1, 1, 1))),
    "torch: storage is missing": ("torch", forge.archive({"data.pkl": forge.pickle({"a": forge.tensor(ONES, "0")})})),
    "torch: storage outside": ("torch", hostile_pickle(forge.opcodes({"a": forge.tensor(ONES, "../version")}))),
    "torch: storage made by a call": ("torch", hostile_pickle(forge.call("torch.FloatStorage", 2**40))),
    "torch: two pickles": ("torch", hostile_pickle().replace(b"archive/", b"other_1/") + hostile_pickle()),
    "torch: zip bomb": (
        "torch",
        forge.archive({"data.pkl": forge.pickle({}), "data/0": bytes(2 * 10**8)}, zipfile.ZIP_DEFLATED),
    ),
    "torch: not a pickle": ("torch", b"hello"),
    "torch: empty": ("torch", b""),
    "torch legacy: storage of 2^62 numbers": (
        "torch",
        forge.torch_legacy({"a": ONES})[: -ONES.nbytes - 8] + struct.pack("<q", 2**62),
    ),
    "torch legacy: storage of -1 numbers": ("torch", forge.torch_legacy({"a": ONES})[: -ONES.nbytes - 8] + b"\xff" * 8),
    "torch legacy: no storage": ("torch", forge.torch_legacy({"a": ONES})[: -ONES.nbytes - 8]),
    "ctranslate2: 2^32 variables": (
        "ctranslate2",
        struct.pack("<I", 6) + forge.text("x") + struct.pack("<II", 3, 2**32 - 1),
    ),
    "ctranslate2: huge shape": (
        "ctranslate2",
        struct.pack("<I", 6) + forge.text("x") + struct.pack("<II", 3, 1) + forge.text("a")
        + struct.pack("<B255IBI", 255, *[2**32 - 1] * 255, 0, 0),
    ),
    "ctranslate2: alias of nothing": ("ctranslate2", forge.ctranslate2({}, {"a": "b"})),
    "ctranslate2: alias of itself": ("ctranslate2", forge.ctranslate2({}, {"a": "a"})),
    "ctranslate2: trailing bytes": ("ctranslate2", forge.ctranslate2({}) + b"\0"),
    "onnx: shape of 2^60": ("onnx", onnx_dims(2**30, 2**30)),
    "onnx: negative shape": ("onnx", onnx_dims(-1)),
    "onnx: many axes": ("onnx", onnx_dims(*[2**62] * 100_000)),
    "onnx: field of 2^62 bytes": ("onnx", b"\x3a" + forge.varint(2**62)),
    "onnx: endless number": ("onnx", b"\x3a" + b"\xff" * 1000),
    "onnx: deep": ("onnx", nested_graph(2000)),
    "onnx: many fields": ("onnx", forge.field(7, b"\x08\x01" * 3_000_000)),
    "onnx: groups": ("onnx", b"\x3b\x3c"),
    "onnx: no graph": ("onnx", b"\x08\x08"),
}  # fmt: skip


LIMITED = """
import json, resource, sys, time, warnings
from audiozoo.weights import read
import audiozoo.weights.formats
warnings.simplefilter("error")
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 600_000_000,) * 2)
for path in sys.argv[1:]:
    started = time.process_time()
    try:
        read(path, path.rsplit(".", 1)[1])
        outcome = "read"
    except Exception as error:
        outcome = type(error).__name__
    print(json.dumps([path, outcome, time.process_time() - started]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of each hostile file in a process that may take 600 MB: (exception, seconds)."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = {}
    for index, (name, (format, content)) in enumerate(HOSTILE.items()):
        path = folder / f"{index}.{format}"
        path.write_bytes(content)
        paths[str(path)] = name
    command = [sys.executable, "-c", LIMITED, *paths]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {paths[path]: (outcome, seconds) for path, outcome, seconds in lines}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the kernel's view of this process's memory")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_little_time_and_memory(outcomes, name):
    outcome, seconds = outcomes[name]  # absent: the process died at this file or before
    assert outcome == "ValueError"
    assert seconds < 10
