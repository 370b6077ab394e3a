"""Our files of variables: whole or not there, checked, and a cache that heals itself."""

import multiprocessing
import os
import stat
import time

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from audiozoo.weights import load, save
from audiozoo.weights.layout import flatten
from audiozoo.weights.store import converted

VARIABLES = {
    "params": {
        "layer": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(3, ml_dtypes.bfloat16)},
        "gain": np.array(2.5),
        "empty": np.zeros((0, 3), np.float16),
        "strided": np.arange(12)[::2].reshape(2, 3).T,
    },
    "batch_stats": {"mean": np.array([True, False])},
}


def assert_same(found, wanted):
    found, wanted = flatten(found), flatten(wanted)
    assert found.keys() == wanted.keys()
    for path, array in wanted.items():
        assert found[path].dtype == array.dtype and found[path].shape == array.shape
        np.testing.assert_array_equal(found[path], array)


def test_variables_and_metadata_come_back(tmp_path):
    save(tmp_path / "a.safetensors", VARIABLES, {"source": "größe"})
    variables, metadata = load(tmp_path / "a.safetensors")
    assert_same(variables, VARIABLES)
    assert metadata == {"source": "größe"}
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) & 0o400


def test_jax_arrays_and_other_readers(tmp_path):
    import jax.numpy as jnp

    save(tmp_path / "a.safetensors", {"params": {"a": jnp.ones((2, 3), jnp.bfloat16)}})
    assert load(tmp_path / "a.safetensors")[0]["params"]["a"].dtype == ml_dtypes.bfloat16
    save(tmp_path / "b.safetensors", {"params": {"a": jnp.arange(3.0)}})
    np.testing.assert_array_equal(safetensors.numpy.load_file(tmp_path / "b.safetensors")["params/a"], [0, 1, 2])


def test_files_of_others_load_unverified(tmp_path):
    safetensors.numpy.save_file({"a/b": np.ones(2)}, tmp_path / "a.safetensors")
    assert_same(load(tmp_path / "a.safetensors")[0], {"a": {"b": np.ones(2)}})


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, VARIABLES, {"key": "value"})
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            variables, metadata = load(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:  # the checksum's own name, or a true that is another number but zero: nothing that is given to anyone
            assert_same(variables, VARIABLES)
            assert {k: v for k, v in metadata.items() if "crc" not in k.lower()}.get("key", "value") == "value"


def test_a_truncated_or_empty_file_is_a_value_error(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, VARIABLES)
    content = path.read_bytes()
    for size in (0, 4, 100, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match="cannot be used"):
            load(path)


def test_without_verification_content_is_not_read(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, {"params": {"a": np.zeros(4)}})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="checksums differ"):
        load(path)
    assert load(path, verify=False)[0]["params"]["a"][-1] != 0


@pytest.mark.parametrize("variables", [{"a/b": np.ones(1)}, {"": np.ones(1)}, {"a": {"": np.ones(1)}}])
def test_names_that_would_not_come_back_are_refused(tmp_path, variables):
    with pytest.raises(ValueError, match="names of variables"):
        save(tmp_path / "a.safetensors", variables)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("metadata", [{"a": 1}, {1: "a"}, {"audiozoo.crc32": "0"}])
def test_metadata_are_texts(tmp_path, metadata):
    with pytest.raises(ValueError, match="metadata"):
        save(tmp_path / "a.safetensors", VARIABLES, metadata)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save(path, VARIABLES)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save(path, {"params": {"a": np.ones(1)}})
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert_same(load(path)[0], VARIABLES)


def test_conversion_happens_once(tmp_path):
    calls = []

    def convert():
        calls.append(1)
        return VARIABLES

    for _ in range(3):
        assert_same(converted("key-1", convert, tmp_path / "new" / "folder"), VARIABLES)
    assert len(calls) == 1
    converted("key-2", convert, tmp_path / "new" / "folder")
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "rubbish", "folder"])
def test_a_corrupt_cache_heals(tmp_path, damage):
    converted("key", lambda: VARIABLES, tmp_path)
    path = tmp_path / "key.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    changed = {"truncate": content[:-9], "flip": content, "empty": b"", "rubbish": b"x" * 999}.get(damage)
    if changed is None:
        path.unlink()
        path.mkdir()
        assert_same(converted("key", lambda: VARIABLES, tmp_path), VARIABLES)
        return
    path.write_bytes(changed)
    assert_same(converted("key", lambda: VARIABLES, tmp_path), VARIABLES)
    assert_same(load(path)[0], VARIABLES)


def test_a_file_of_another_key_is_not_believed(tmp_path):
    converted("key", lambda: {"params": {"a": np.zeros(1)}}, tmp_path)
    os.rename(tmp_path / "key.safetensors", tmp_path / "other.safetensors")
    assert_same(converted("other", lambda: VARIABLES, tmp_path), VARIABLES)


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_same(converted("key", lambda: VARIABLES, tmp_path / "file"), VARIABLES)


def test_a_failed_conversion_is_told_and_leaves_nothing(tmp_path):
    def convert():
        raise ValueError("these weights do not fit")

    with pytest.raises(ValueError, match="do not fit"):
        converted("key", convert, tmp_path)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden", "x" * 300, "a\0"])
def test_a_key_is_a_file_name(tmp_path, key):
    with pytest.raises(ValueError, match="no file name"):
        converted(key, lambda: VARIABLES, tmp_path)


def _worker(folder, number, results):
    for _ in range(15):
        value = {"params": {"a": np.full(20_000, 7.0)}}
        found = converted("key", lambda value=value: value, folder)
        results.put(bool((found["params"]["a"] == 7).all()))
        if number == 0:
            (folder / "key.safetensors").write_bytes(b"broken")


def test_processes_may_race(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_worker, args=(tmp_path, number, results)) for number in range(3)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=120) for _ in range(45)]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert all(found)
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_150_megabytes_load_quickly(tmp_path):
    rng = np.random.default_rng(0)
    params = {f"layer_{index}": {"kernel": rng.random((500, 1500), dtype=np.float32)} for index in range(50)}
    save(tmp_path / "a.safetensors", {"params": params})
    times = []
    for _ in range(5):
        started = time.process_time()  # not the clock on the wall: other processes may be at work
        load(tmp_path / "a.safetensors")
        times.append(time.process_time() - started)
    assert min(times) < 0.3, times


def test_conversions_that_nobody_uses_are_forgotten(tmp_path):
    make = lambda: {"params": {"w": np.ones(2, np.float32)}}
    for key in ("old", "used"):
        converted(key, make, tmp_path)
        os.utime(tmp_path / f"{key}.safetensors", (0, 0))
    (tmp_path / "theirs.txt").write_text("not ours")
    converted("used", make, tmp_path)
    converted("new", make, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.safetensors", "theirs.txt", "used.safetensors"]
