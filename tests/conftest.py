"""Eight devices, one compile cache, reproducible examples, and oracle tests only when they are asked for."""

import os
from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)  # every test sees eight devices
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # compiled programs outlive a run: the second one is far quicker
    jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parents[1] / ".cache" / "compiled"))
    jax.config.update("jax_compilation_cache_max_size", 16 * 2**30)  # JAX locks a bounded cache before it uses it
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=20)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=300)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_do_not_pile_up():
    yield
    jax.clear_caches()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--oracles", action="store_true", help="also collect test_*_oracle.py, which needs the `oracles` extra"
    )


def _wants_oracles(config: pytest.Config) -> bool:
    """By the option, by `-m oracle`, or by naming such a file."""
    words = (config.getoption("markexpr") or "").replace("(", " ").replace(")", " ").split()
    by_marker = "oracle" in words and "not oracle" not in " ".join(words)
    return config.getoption("--oracles") or by_marker


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not (collection_path.name.startswith("test_") and collection_path.name.endswith("_oracle.py")):
        return None
    named = any(Path(arg.split("::")[0]).resolve() == collection_path for arg in config.args)
    return None if named or _wants_oracles(config) else True


def pytest_report_header(config: pytest.Config) -> str:
    oracles = "collected" if _wants_oracles(config) else "not collected (--oracles collects them)"
    return f"audiozoo: {jax.device_count()} devices; tests against oracles {oracles}"
