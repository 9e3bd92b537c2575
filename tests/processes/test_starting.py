"""A fork is to tests what the program is that it stands for."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.starting import CAN_FORK, ForkServer, kill, python

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="programs are not forked here")
SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"


def ended(command: list[str], folder: Path, stdin: str = "") -> tuple[int, str, str]:
    environment = {"PATH": "", "PYTHONPATH": str(folder / "more"), "GREETING": "Grüße"}
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, input=stdin.encode(), capture_output=True
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    "code",
    [
        "import os; print(sorted(os.environ.items() - {('PWD', os.getcwd())}), os.getcwd())",
        "import sys; print(__name__, *sys.argv, sys.stdin.read())",
        "import sys; print(sys.path); print(sys.stdin.encoding, sys.stdout.errors)",
        "import atexit; atexit.register(print, 'at the exit'); raise SystemExit(3)",
        "import threading; threading.Timer(0.1, print, ['at last']).start()",
        "import sys; sys.exit('something is wrong')",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 15)",
        "import beside, more_of_it",
    ],
)
def test_it_runs_in_the_same_surroundings_and_ends_alike(tmp_path: Path, code: str) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "beside.py").write_text("print('beside', __name__)")
    (tmp_path / "more" / "more_of_it.py").write_text("raise SystemExit('more')")
    real = ended([sys.executable, "-c", code, "ä", ""], tmp_path, "said\n")

    assert ended([python(), "-c", code, "ä", ""], tmp_path, "said\n") == real


@pytest.mark.parametrize("code", ["1 / 0", "raise KeyboardInterrupt"])
def test_an_uncaught_exception_is_shown_and_ends_it_alike(tmp_path: Path, code: str) -> None:
    real, *_ = ended([sys.executable, "-c", code], tmp_path)
    ended_with, output, errors = ended([python(), "-c", code], tmp_path)

    assert (ended_with, output) == (real, "")
    assert errors.startswith("Traceback")


def test_a_warning_can_be_an_error(tmp_path: Path) -> None:
    code = "import sys, warnings; print(sys.warnoptions, flush=True); warnings.warn('old')"
    ended_with, output, errors = ended([python(), "-W", "error", "-c", code], tmp_path)

    assert (ended_with, output) == (1, "['error']\n")
    assert "UserWarning: old" in errors


def sleeper(python: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A program that sleeps, and where it is while it is there."""
    process = subprocess.Popen([python, "-c", SLEEP], stdout=subprocess.PIPE)
    assert process.stdout
    return process, Path("/proc") / process.stdout.readline().decode().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_it(number: signal.Signals) -> None:
    process, there = sleeper(python())
    process.send_signal(number)
    process.communicate()

    assert process.returncode == -number
    assert not there.exists()


def test_once_killed_it_is_gone() -> None:
    process, there = sleeper(python())
    kill(process)

    assert not there.exists()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_its_own_children_are_forks_where_that_can_be_and_else_new_interpreters(
    tmp_path: Path,
) -> None:
    child = "import sys; print('mcp' in sys.modules, sys.warnoptions, sys.flags.safe_path)"
    code = f"""if True:
        import subprocess, sys
        child = ["-c", {child!r}]
        subprocess.run([sys.executable, *child])
        subprocess.run([sys.executable, "-W", "ignore", *child])
        subprocess.run([sys.executable, "-P", *child], env={{"PYTHONHASHSEED": "0"}})
    """
    _, output, errors = ended([python(), "-c", code], tmp_path)

    assert output.splitlines() == ["True [] True", "False ['ignore'] False", "False [] True"]
    assert errors == ""


def test_it_ends_with_the_process_that_stands_for_it() -> None:
    process, _ = sleeper(python())
    process.kill()
    process.communicate()  # its end of the pipe is closed


def test_nothing_outlives_the_tests() -> None:
    server = ForkServer()
    process, there = sleeper(server.python)
    server.end()
    process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert not there.exists()
