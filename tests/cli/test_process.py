"""The command as a process: how long it takes to answer, what it loads, how it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from audiozoo.cli import main

RUN = [sys.executable, "-c", "from audiozoo.cli import main; main()"]


def test_help_loads_nothing_heavy():
    script = (
        "import sys\n"
        "from audiozoo.cli import main\n"
        "sys.argv = ['audiozoo', 'transcribe', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'jax', 'numpy', 'soundfile', 'matplotlib', 'flax', 'huggingface_hub', 'tokenizers'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")


def test_without_its_extra_the_command_names_it(monkeypatch):
    for module in [name for name in sys.modules if name == "typer" or name.startswith("audiozoo.cli.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit, match=r"needs typer.*pip install 'audiozoo\[cli\]'"):
        main()


def test_a_file_that_fails_ends_with_one_and_wrong_usage_with_two(tmp_path):
    environment = {**os.environ, "AUDIOZOO_HOME": str(tmp_path / "home"), "AUDIOZOO_OFFLINE": "1"}
    done = subprocess.run([*RUN, "transcribe"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and "audiozoo transcribe" in done.stderr and not done.stdout
    done = subprocess.run([*RUN, "detect-speech", "none.wav"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and not done.stdout  # no weights, and no network to get them
    assert len(done.stderr.splitlines()) == 1 and "silero_vad_v6" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_an_interrupt_ends_with_130(tmp_path):
    """Sent while the work goes on: here, a wait in the place of the models."""
    script = (
        "import signal, sys, time\n"
        "from audiozoo import pipelines, zoo\n"
        "from audiozoo.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin deaf to it\n"
        "zoo.load = lambda name, **_: (zoo.preset(name).model, {})\n"
        "def wait(*_, **__):\n"
        "    print('working', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "pipelines.detect_speech = wait\n"
        "sys.argv = ['audiozoo', 'detect-speech', 'a.wav']\n"
        "main()\n"
    )
    environment = {**os.environ, "AUDIOZOO_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr and process.stderr.readline() == "working\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert not out and "Traceback" not in err


def test_a_reader_that_leaves_is_no_fault():
    process = subprocess.Popen([*RUN, "info", *["crepe_tiny"] * 2000], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) != 0 and b"Traceback" not in err and b"Exception" not in err
