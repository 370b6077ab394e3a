"""The zoo's doors: what is in it, finding it, creating, saving and loading it."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import audiozoo
from audiozoo import weights, zoo
from audiozoo.weights import store
from audiozoo.weights.published import JoinedFile, LocalFile, PackageFile, Published
from tests.conformance.subject import perturb

SMALL = {"channels": (16, 8, 8, 16)}


@pytest.fixture
def variables():
    return perturb(zoo.create("silero_vad_v6", **SMALL).init(jax.random.key(0), jnp.zeros((1, 512))), seed=0)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache that is empty, and no network."""
    monkeypatch.setenv("AUDIOZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUDIOZOO_OFFLINE", "1")
    return tmp_path / "home"


@pytest.fixture
def published(tmp_path, variables, monkeypatch):
    """Puts a model in the zoo whose weights are published as files of this machine."""
    file = tmp_path / "weights.safetensors"
    weights.save(file, variables, {})
    base = zoo.PRESETS["silero_vad_v6"].with_changes(**SMALL)

    def publish(*paths):
        table = weights.layout.RenameTable(scopes=())
        card = dataclasses.replace(
            base,
            published=tuple(Published("safetensors", {"weights": LocalFile(str(p))}, table, "MIT") for p in paths),
        )
        monkeypatch.setitem(zoo.PRESETS, "toy", card)
        return file

    monkeypatch.setattr(zoo.weights, "to_variables", lambda arrays, shapes, table: store.unflatten(arrays))
    return publish


def test_list_by_pattern_task_and_weights():
    assert zoo.list_models() == sorted(zoo.PRESETS)
    assert set(zoo.list_models("whisper_tiny*")) == {"whisper_tiny", "whisper_tiny_en"}
    assert all(zoo.PRESETS[name].task == "pitch" for name in zoo.list_models(task="pitch"))
    assert {*zoo.list_models(pretrained=True), *zoo.list_models(pretrained=False)} == set(zoo.PRESETS)
    assert "crepe_tiny" in zoo.list_models(pretrained=True)
    assert zoo.list_models("nothing*") == []


@pytest.mark.parametrize(
    "wrong, near", [("whisper_tinny", "whisper_tiny"), ("Whisper-Tiny.en", "whisper_tiny_en"), ("crepe", "crepe_tiny")]
)
@pytest.mark.parametrize("door", [zoo.preset, zoo.info, zoo.create, zoo.load, zoo.files])
def test_a_wrong_name_suggests_the_near_ones(door, wrong, near):
    with pytest.raises(zoo.UnknownModel, match=near) as caught:
        door(wrong)
    assert not str(caught.value).startswith("'"), "KeyError's own repr is not for people"


def test_a_name_like_no_other_points_to_the_list():
    with pytest.raises(zoo.UnknownModel, match="list_models"):
        zoo.preset("qqq")


def test_create_takes_changes_of_config_and_dtype():
    model = zoo.create("crepe_tiny", width=1, dtype=jnp.bfloat16)
    assert model.config.width == 1
    assert model.dtype == jnp.bfloat16
    assert zoo.create("crepe_tiny") == zoo.PRESETS["crepe_tiny"].model


def test_an_unknown_change_lists_the_settings():
    with pytest.raises(TypeError, match="did you mean 'width'") as caught:
        zoo.create("crepe_tiny", widht=2)
    for setting in ("hop_length", "dropout", "dtype"):
        assert setting in str(caught.value)


@pytest.mark.parametrize("name", zoo.PRESETS)
def test_every_card_can_be_read(name, home):
    card = zoo.info(name)
    assert card.name == name
    assert card.parameters == zoo.PRESETS[name].parameters
    assert not card.cached
    text = str(card)
    assert f"{card.parameters:,}" in text and card.paper in text
    assert len(card.sources) == len(zoo.PRESETS[name].published)
    assert ("none published" in text) == (not card.sources)
    assert max(map(len, text.splitlines())) < 200


def test_a_download_counts_each_archive_once():
    archive = PackageFile("a", "1", "weights", "ab" * 32, 100)
    other = dataclasses.replace(archive, path="part", sha256="cd" * 32, size=10)
    files = {
        "weights": JoinedFile((archive, other)),
        "tokenizer": dataclasses.replace(archive, path="tokenizer.json"),
    }
    published = Published("torch", files, weights.layout.RenameTable(scopes=()), "MIT")
    assert sum(source.size for source in zoo._sources(published)) == 110


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("dtype", [None, jnp.float32, jnp.bfloat16], ids=["as saved", "float32", "bfloat16"])
def test_save_and_load(tmp_path, variables, folder, dtype):
    path = tmp_path if folder else tmp_path / "mine.safetensors"
    written = audiozoo.zoo.save(path, "silero_vad_v6", variables, **SMALL)
    assert written.parent == tmp_path
    model, loaded = zoo.load(path, dtype=dtype)
    assert model == zoo.create("silero_vad_v6", **SMALL, dtype=dtype or jnp.float32)
    assert jax.tree.structure(loaded) == jax.tree.structure(variables)
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded["params"])} == {jnp.dtype(dtype or jnp.float32)}
    for ours, theirs in zip(jax.tree.leaves(loaded), jax.tree.leaves(variables), strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(ours.dtype))
    model.apply(loaded, jnp.zeros((1, 600)))


def test_save_keeps_the_dtype_of_the_model(tmp_path, variables):
    zoo.save(tmp_path, "silero_vad_v6", variables, **SMALL, dtype=jnp.bfloat16)
    assert zoo.load(str(tmp_path))[0].dtype == jnp.bfloat16


def test_variables_of_another_model_are_refused_by_name(tmp_path, variables):
    with pytest.raises(ValueError, match=r"encoder/conv_\d/kernel: \(3, 129, 16\), not \(3, 129, 128\)"):
        zoo.save(tmp_path, "silero_vad_v6", variables)
    assert not list(tmp_path.iterdir())
    del variables["params"]["lstm"]
    with pytest.raises(ValueError, match="params/lstm/input/bias: missing"):
        zoo.save(tmp_path, "silero_vad_v6", variables, **SMALL)


def test_files_that_are_no_models(tmp_path, variables):
    with pytest.raises(FileNotFoundError, match=r"no model at .*nowhere"):
        zoo.load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        zoo.load(tmp_path)
    weights.save(tmp_path / "anonymous.safetensors", variables, {})
    with pytest.raises(ValueError, match=r"audiozoo\.save"):
        zoo.load(str(tmp_path / "anonymous.safetensors"))
    weights.save(tmp_path / "odd.safetensors", variables, {"model": "silero_vad_v6", "settings": "[1"})
    with pytest.raises(ValueError, match="settings"):
        zoo.load(tmp_path / "odd.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.safetensors"):
        zoo.load(tmp_path / "text.safetensors")


def test_a_later_version_may_rename_a_setting_and_says_so(tmp_path, variables):
    settings = {**SMALL, "n_fft": 256, "forgotten": 1, "dtype": "float32"}
    weights.save(tmp_path / "old.safetensors", variables, {"model": "silero_vad_v6", "settings": json.dumps(settings)})
    with pytest.raises((TypeError, ValueError), match="forgotten"):
        zoo.load(tmp_path / "old.safetensors")


@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_load_by_name(home, published, variables, dtype):
    published(published())
    model, loaded = zoo.load("toy", dtype=dtype)
    wanted = jnp.dtype(dtype or jnp.float32)
    assert model.dtype == wanted
    assert all(isinstance(leaf, jax.Array) and leaf.dtype == wanted for leaf in jax.tree.leaves(loaded))
    for ours, theirs in zip(jax.tree.leaves(loaded), jax.tree.leaves(variables), strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(wanted))
    assert zoo.info("toy").cached


def test_the_second_load_converts_nothing(home, published, monkeypatch):
    published(published())
    zoo.load("toy")
    monkeypatch.setattr(zoo.weights, "read", None)
    monkeypatch.setattr(zoo.weights, "fetch", None)
    monkeypatch.setattr(jax, "eval_shape", None)
    zoo.load("toy")


def test_a_changed_file_is_converted_anew(home, published, variables):
    file = published()
    published(file)
    zoo.load("toy")
    weights.save(file, jax.tree.map(lambda x: x + 1, variables), {})
    (first, *_), (theirs, *_) = jax.tree.leaves(zoo.load("toy")[1]), jax.tree.leaves(variables)
    np.testing.assert_array_equal(first, theirs + 1)


def test_the_next_publication_is_taken_where_one_is_missing(home, published, tmp_path):
    published(tmp_path / "gone.safetensors", published())
    assert zoo.load("toy")[0].config.channels == SMALL["channels"]
    assert zoo.files("toy")["weights"] == published()


def test_nothing_to_be_had_says_why_one_by_one(home, published, tmp_path):
    published(tmp_path / "gone_1", tmp_path / "gone_2")
    for door in (zoo.load, zoo.files):
        with pytest.raises(zoo.WeightsUnavailable) as caught:
            door("toy")
        assert "gone_1" in str(caught.value) and "gone_2" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 3


def test_no_weights_published_says_what_can_be_done(published):
    published()
    with pytest.raises(zoo.WeightsUnavailable, match="create"):
        zoo.load("toy")


def test_offline_without_the_weights_is_one_clear_error(home):
    with pytest.raises(zoo.WeightsUnavailable, match="crepe_tiny could not be had"):
        zoo.load("crepe_tiny", offline=True)


def test_a_preset_is_a_value_with_changes():
    card = zoo.PRESETS["crepe_tiny"]
    changed = card.with_changes(width=2)
    assert changed.model.config.width == 2
    assert card.model.config.width == 4
    assert dataclasses.replace(changed, model=card.model) == card
    with pytest.raises(TypeError):
        card.with_changes(nonsense=1)


@pytest.mark.weights
def test_the_second_load_reads_one_file_and_no_foreign_one():
    zoo.load("whisper_tiny_en")
    opened: list[Path] = []
    watching = True

    def watch(event, details):
        if watching and event == "open" and isinstance(details[0], str | bytes | os.PathLike):
            opened.append(Path(os.fsdecode(details[0])))

    sys.addaudithook(watch)  # for ever, hence the switch
    try:
        zoo.load("whisper_tiny_en")
    finally:
        watching = False
    inside = [path.relative_to(weights.home()) for path in opened if path.is_relative_to(weights.home())]
    assert len(inside) == 1 and inside[0].parts[0] == "converted", inside
    assert not [path for path in opened if path.suffix in (".pt", ".bin", ".onnx", ".whl", ".gz", ".safetensors")][1:]


@pytest.mark.weights
@pytest.mark.parametrize("name", ["crepe_tiny", "silero_vad_v6", "whisper_tiny_en"])
def test_published_weights_load(name, monkeypatch):
    model, loaded = zoo.load(name)
    assert model == zoo.create(name)
    assert sum(leaf.size for leaf in jax.tree.leaves(loaded["params"])) == zoo.PRESETS[name].parameters
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded)} == {jnp.dtype(jnp.float32)}
    assert zoo.info(name).cached
    monkeypatch.setattr(zoo.weights, "read", None)  # from here on nothing foreign is read
    half, stored = zoo.load(name, dtype=jnp.bfloat16, offline=True)
    assert half.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(stored["params"])} == {jnp.dtype(jnp.bfloat16)}
