"""The zoo's doors against what is wrong: altered sources, full disks, odd dtypes, settings nobody can believe."""

import dataclasses
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo import weights, zoo
from audiozoo.models.preset import check_settings
from audiozoo.weights import errors, store
from audiozoo.weights.layout import RenameTable
from audiozoo.weights.published import LocalFile, Published
from tests.conformance.subject import perturb

SMALL = {"channels": (16, 8, 8, 16)}


@pytest.fixture(scope="module")
def variables():
    return perturb(zoo.create("silero_vad_v6", **SMALL).init(jax.random.key(0), jnp.zeros((1, 512))), seed=0)


@pytest.fixture
def toy(tmp_path, variables, monkeypatch):
    """Puts a model in the zoo whose weights are published as the given files of this machine, the last one sound."""
    monkeypatch.setenv("AUDIOZOO_HOME", str(tmp_path / "home"))
    file = tmp_path / "weights.safetensors"
    weights.save(file, variables, {})
    monkeypatch.setattr(zoo.weights, "to_variables", lambda arrays, shapes, table: store.unflatten(arrays))

    def publish(*sources):
        published = tuple(
            Published("safetensors", {"weights": source}, RenameTable(scopes=()), "MIT")
            for source in (*sources, LocalFile(str(file)))
        )
        card = zoo.PRESETS["silero_vad_v6"].with_changes(**SMALL)
        monkeypatch.setitem(zoo.PRESETS, "toy", dataclasses.replace(card, published=published))

    return publish


def test_a_change_of_any_page_that_converts_is_a_change_of_the_key(monkeypatch):
    real, pages = store._source, []
    monkeypatch.setattr(store, "_source", lambda page: pages.append(page) or real(page))
    before = store.converting_code()
    read = {"layout.py", "gates.py", "checkpoint.py", "formats/__init__.py"}
    read |= {
        f"formats/{name}.py" for name in ("ctranslate2", "onnx", "pickles", "protobuf", "safetensors", "torch", "wire")
    }
    assert read <= set(pages)
    for changed in read:
        monkeypatch.setattr(store, "_source", lambda page, c=changed: real(page) + (b"#" if page == c else b""))
        assert store.converting_code() != before, changed
    monkeypatch.setattr(store, "_source", lambda page: None)  # an installation without sources
    assert store.converting_code()


def test_other_code_converts_anew(toy, monkeypatch):
    toy()
    reads = []
    real = weights.read
    monkeypatch.setattr(zoo.weights, "read", lambda *told: reads.append(told) or real(*told))
    zoo.load("toy")
    zoo.load("toy")
    assert len(reads) == 1
    monkeypatch.setattr(store, "converting_code", lambda: "other")
    zoo.load("toy")
    assert len(reads) == 2


def test_an_altered_source_is_passed_over_aloud(toy, tmp_path):
    (tmp_path / "altered").write_bytes(b"x")
    toy(LocalFile(str(tmp_path / "altered"), "ab" * 32))
    with pytest.warns(weights.SkippedSource, match=r"altered.*cannot be trusted.*SHA-256"):
        zoo.load("toy")


def test_a_conversion_that_fails_is_an_error(toy, tmp_path):
    (tmp_path / "broken").write_bytes(b"no safetensors")
    toy(LocalFile(str(tmp_path / "broken")))
    with pytest.raises(ValueError, match="no usable safetensors file"):
        zoo.load("toy")


def test_a_full_disk_is_an_error(toy, monkeypatch):
    toy(LocalFile("other"))

    def fetch(source, offline):
        raise errors.CacheError("the disk is full")

    monkeypatch.setattr(zoo.weights, "fetch", fetch)
    with pytest.raises(errors.CacheError, match="disk is full"):
        zoo.load("toy")


def test_the_card_is_read_without_a_trace(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOZOO_HOME", str(tmp_path / "home"))
    for name in ("crepe_tiny", "silero_vad_v6", "whisper_tiny_en"):
        assert not zoo.info(name).cached
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("dtype", ["int32", "nonsense", jnp.int8, "float64", "complex64", object()])
def test_only_a_floating_type_computes(toy, tmp_path, variables, dtype):
    toy()
    zoo.save(tmp_path, "silero_vad_v6", variables, **SMALL)
    for door in (zoo.load, zoo.create, lambda _, dtype: zoo.load(tmp_path, dtype=dtype)):
        with pytest.raises(TypeError, match="dtype must be one of float32, bfloat16, float16"):
            door("toy", dtype=dtype)


def test_a_type_by_name_is_the_type():
    named, meant = zoo.create("crepe_tiny", dtype="bfloat16"), zoo.create("crepe_tiny", dtype=jnp.bfloat16)
    assert named == meant and hash(named) == hash(meant)


@pytest.mark.parametrize(
    "change, kind",
    [
        ({"width": 0}, ValueError),
        ({"width": -1}, ValueError),
        ({"hop_length": 2.5}, TypeError),
        ({"hop_length": True}, TypeError),
        ({"dropout": "x"}, TypeError),
        ({"dropout": float("nan")}, ValueError),
    ],
)
def test_settings_have_types_and_sizes(change, kind):
    with pytest.raises(kind, match=f"{next(iter(change))} must be"):
        zoo.create("crepe_tiny", **change)


def test_every_preset_is_within_its_own_bounds():
    for card in zoo.PRESETS.values():
        check_settings(card.model.config, zoo._fields(card.model.config))


HOSTILE = [
    ("whisper_tiny", {"encoder_layers": 300}),
    ("whisper_tiny", {"encoder_layers": 10**6}),
    ("whisper_tiny", {"encoder_layers": 100}),
    ("whisper_tiny", {"audio_positions": 10**12}),
    ("whisper_tiny", {"audio_positions": 10**400}),
    ("whisper_tiny", {"heads": 7}),
    ("whisper_tiny", {"alignment_heads": [[0, 0]] * 5000}),
    ("whisper_tiny", {"alignment_heads": [[0, -1]]}),
    ("silero_vad_v6", {"channels": [1, 2, 3]}),
    ("silero_vad_v6", {"channels": [1, 2, 3, "4"]}),
    ("crepe_tiny", {"width": "x"}),
    ("crepe_tiny", {"width": -1}),
    ("crepe_tiny", {"dropout": 10**400}),
    ("crepe_tiny", {"dtype": "int32"}),
    ("crepe_tiny", {"dtype": ["float32"]}),
    ("nothing", {}),
    ("crepe_tiny", ["list"]),
    ("crepe_tiny", {"x" * 10**5: 1}),
]


@pytest.mark.parametrize("name, settings", HOSTILE, ids=lambda value: str(value)[:40])
def test_hostile_settings_are_one_short_error_at_once(tmp_path, name, settings):
    path = tmp_path / "hostile.safetensors"
    weights.save(path, {"params": {"a": np.zeros(1)}}, {"model": name, "settings": json.dumps(settings)})
    started = time.process_time()
    with pytest.raises(ValueError, match=r"hostile\.safetensors has settings") as caught:
        zoo.load(path)
    assert time.process_time() - started < 5
    assert len(str(caught.value)) < 1000


def test_nested_settings_are_a_value_error(tmp_path):
    path = tmp_path / "deep.safetensors"
    weights.save(path, {"params": {"a": np.zeros(1)}}, {"model": "crepe_tiny", "settings": "[" * 100_000})
    with pytest.raises(ValueError, match="settings"):
        zoo.load(path)


def test_many_differences_are_cut_short(tmp_path):
    with pytest.raises(ValueError, match=r"do not fit(.|\n)*and \d+ more") as caught:
        zoo.save(tmp_path, "whisper_tiny", {"params": {}})
    assert len(str(caught.value).splitlines()) == 22


def zeros_of(model, samples):
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, samples)))
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_saved_model_keeps_settings_that_are_in_no_shape(tmp_path, dtype):
    model = zoo.create("crepe_tiny", width=1, hop_length=80, dropout=0.5, dtype=dtype)
    fresh = zeros_of(model, 1024)
    assert zoo.load(zoo.save(tmp_path, model, fresh))[0] == model


def test_a_saved_whisper_keeps_its_alignment_heads(tmp_path):
    card = zoo.preset("whisper_tiny_en")
    model = zoo.create("whisper_tiny_en", **{**card.small, "alignment_heads": ((0, 1),)})
    fresh = zeros_of(model, card.shortest)
    loaded, _ = zoo.load(zoo.save(tmp_path, model, fresh))
    assert loaded == model


def test_what_is_no_model_of_the_zoo_is_not_saved(tmp_path, variables):
    for model in (None, object(), jnp.zeros):
        with pytest.raises(TypeError, match="no model of the zoo"):
            zoo.save(tmp_path, model, variables)
    with pytest.raises(TypeError, match="a model has its settings"):
        zoo.save(tmp_path, zoo.create("silero_vad_v6", **SMALL), variables, n_fft=256)
    assert not list(tmp_path.iterdir())
