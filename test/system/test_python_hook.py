"""The sitecustomize.py of the trainers: a program that ends by itself ends as without it, and one
that would hang at exit after a failure ends. Needs no cluster; MPILAUNCH_PYTHONS names more
interpreters to try."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

import patience

HOOK = pathlib.Path(__file__).resolve().parents[2] / "src/keeper/sitecustomize.py"
PYTHONS = [sys.executable, *os.environ.get("MPILAUNCH_PYTHONS", "").split()]
GRACE = 1       # in the tests' copy of the hook
FOREVER = 60    # exit handlers hang here for so long


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Makes the hook's folder as in DGL_JOB_DIR."""
    made = tmp_path_factory.mktemp("hook")
    text = HOOK.read_text()
    assert "GRACE = 10\n" in text
    (made / "sitecustomize.py").write_text(text.replace("GRACE = 10\n", f"GRACE = {GRACE}\n"))
    return str(made)


@pytest.fixture(params=PYTHONS, ids=lambda path: pathlib.Path(path).parents[1].name)
def python(request, tmp_path):
    """python(*words, hook=folder or None, ...) runs it in tmp_path."""
    def run(*words, hook=None, then="", stdin="", **environment):
        path = ":".join(entry for entry in (hook, then) if entry)
        unset = {"PYTHONPATH", "TORCHELASTIC_ERROR_FILE", "PYTHONINSPECT"}
        own = {name: value for name, value in os.environ.items() if name not in unset}
        if path:
            own["PYTHONPATH"] = path
        return subprocess.run([request.param, *words], cwd=tmp_path, env={**own, **environment},
                              input=stdin, capture_output=True, text=True,
                              timeout=patience.seconds())
    return run


def ends_alike(python, folder, *words, then="", **more):
    """Runs it with and without the hook; returns both results."""
    plain, hooked = (python(*words, hook=hook, then=then, **more) for hook in (None, folder))
    assert (hooked.returncode, hooked.stdout, without_addresses(hooked.stderr)) == \
        (plain.returncode, plain.stdout, without_addresses(plain.stderr))
    return hooked


def without_addresses(text):
    return re.sub("0x[0-9a-f]+", "0x", text)


AT_EXIT = "import atexit, sys; atexit.register(print, 'a handler', flush=True)\n"
ENDS = {
    "well": ("pass", 0),
    "exit 0": ("sys.exit(0)", 0),
    "exit None": ("sys.exit()", 0),
    "exit 3": ("sys.exit(3)", 3),
    "exit 256": ("sys.exit(256)", 0),
    "exit -1": ("sys.exit(-1)", 255),
    "exit True": ("sys.exit(True)", 1),
    "exit with a text": ("sys.exit('a text')", 1),
    "exit with a list": ("sys.exit([1])", 1),
    "SystemExit": ("raise SystemExit(4)", 4),
    "SystemExit alone": ("raise SystemExit", 0),
    "SystemExit of a child class": ("class E(SystemExit): code = 8\nraise E(9)", 8),
    "quit": ("quit(5)", 5),
    "exit from finally": ("try:\n  sys.exit(6)\nfinally:\n  print('finally')", 6),
    "exit from except": ("try:\n  1 / 0\nexcept ZeroDivisionError:\n  sys.exit(7)", 7),
    "caught": ("try:\n  sys.exit(3)\nexcept SystemExit as e:\n  print(repr(e), e.code)", 0),
    "caught and raised": ("try:\n  sys.exit(3)\nexcept SystemExit as e:\n  e.code = 9\n  raise", 9),
    "caught by all": ("try:\n  sys.exit(3)\nexcept:\n  print(sys.exc_info()[0])", 0),
    "exception": ("1 / 0", 1),
    "exception in a function": ("def f(): raise ValueError('x')\nf()", 1),
    "exceptions in a chain": ("try:\n  1 / 0\nexcept Exception as e:\n"
                              "  raise KeyError(1) from e", 1),
    "interrupt": ("raise KeyboardInterrupt", -2),
    "argparse": ("import argparse; argparse.ArgumentParser('p').parse_args(['--no'])", 2),
    "help": ("import argparse; argparse.ArgumentParser('p').parse_args(['--help'])", 0),
    "os._exit": ("import os; os._exit(11)", 11),
    "killed": ("import os; os.kill(os.getpid(), 9)", -9),
    "a hook of the script": ("sys.excepthook = lambda *a: print('mine', a[0])\n1 / 0", 1),
    "a hook that exits": ("sys.excepthook = lambda *a: sys.exit(12)\n1 / 0", 12),
    "a hook that exits 0": ("sys.excepthook = lambda *a: sys.exit(0)\n1 / 0", 0),
    "a hook that fails": ("sys.excepthook = lambda *a: None.x\n1 / 0", 1),
    "a failing handler": ("atexit.register(lambda: 1 / 0)", 0),
    "closed streams": ("sys.stdout.close(); sys.stderr = None; 1 / 0", 1),
    "of a thread": ("import threading\nt = threading.Thread(target=lambda: sys.exit(3))\n"
                    "t.start(); t.join()", 0),
    "a thread's exception": ("import threading\n"
                             "threading.excepthook = lambda a: print(a.exc_type)\n"
                             "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", 0),
    "its kind": ("import copy, pickle\ne = SystemExit(3, 4); f = pickle.loads(pickle.dumps(e))\n"
                 "g = copy.copy(e); del g.code\n"
                 "print(type(e), e, e.args, e.code, f.code, f.args, g.code, SystemExit().code,"
                 " SystemExit(None).code, SystemExit('t').code)\n"
                 "def f():\n  sys.exit(2)\ntry:\n  f()\nexcept SystemExit as e:\n"
                 "  print(type(e) is SystemExit, e.code)", 0),
    "forked": ("import os\npid = os.fork()\nif pid == 0:\n  1 / 0\n"
               "print(os.waitpid(pid, 0)[1])", 0),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("start", ["-c", "-m", "script", "stdin"])
def test_ends_as_without_it(how, start, python, folder, tmp_path):
    text, code = ENDS[how]
    text = AT_EXIT + text + "\n"
    (tmp_path / "program.py").write_text(text)
    words = {"-c": ["-c", text], "-m": ["-m", "program"], "script": ["program.py"],
             "stdin": ["-"]}[start]
    done = ends_alike(python, folder, *words, stdin=text if start == "stdin" else "")
    assert done.returncode == code, done
    if start == "script" and how not in ("os._exit", "killed", "closed streams"):
        assert "a handler" in done.stdout


WORKERS = """
import concurrent.futures, multiprocessing, os, sys, time
def work(how):
    if how == "raise": raise ValueError("x")
    if how == "exit": sys.exit(3)
    if how == "kill": os.kill(os.getpid(), 9)
    if how == "slow":
        import atexit
        multiprocessing.util.Finalize(None, time.sleep, args=[2.5], exitpriority=1)
        sys.exit(4)
if __name__ == "__main__":
    kind = multiprocessing.get_context(sys.argv[1])
    for how in ("well", "raise", "exit", "kill", "slow"):
        worker = kind.Process(target=work, args=[how])
        worker.start()
        worker.join()
        print(how, worker.exitcode, flush=True)
    with kind.Pool(1) as pool:
        try:
            pool.apply(work, ["raise"])
        except ValueError as error:
            print(error)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=kind) as pool:
        for how in ("raise", "exit"):
            print(how, type(pool.submit(work, how).exception()))
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=kind) as pool:
        print(type(pool.submit(work, "kill").exception()))
"""


@pytest.mark.parametrize("kind", ["spawn", "fork", "forkserver"])
def test_multiprocessings_workers(kind, python, folder, tmp_path):
    (tmp_path / "workers.py").write_text(WORKERS)
    plain, hooked = (python("workers.py", kind, hook=hook) for hook in (None, folder))
    assert hooked.returncode == plain.returncode == 0, hooked.stderr
    assert hooked.stdout == plain.stdout
    assert "exit 3" in hooked.stdout and "kill -9" in hooked.stdout and "slow 4" in hooked.stdout
    assert "left without" not in hooked.stderr


def test_switches_that_leave_it_out(python, folder):
    show = ("import sys; print(sys.exit, 'property' in str(SystemExit.__dict__['code']), "
            "'threading' in sys.modules)")
    for switch in ("-I", "-E", "-S"):
        ends_alike(python, folder, switch, "-c", show)


def test_before_a_prompt(python, folder):
    done = ends_alike(python, folder, "-i", "-c", "import sys; sys.exit(3)", stdin="1 / 0\n")
    assert done.returncode == 0, done


def test_the_path_is_the_users(python, folder, tmp_path):
    show = "import os, sys; print(sys.path, os.getcwd() in sys.path)"
    (tmp_path / "mine").mkdir()
    (tmp_path / "program.py").write_text(show)
    ends_alike(python, folder, "-c", show)
    ends_alike(python, folder, "program.py", then=str(tmp_path / "mine"))


def test_another_sitecustomize(python, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import sys; print('other'); mine = 1")
    done = ends_alike(python, folder, "-c", "import sitecustomize as s; print(s.mine, s.__file__)",
                      then=str(other))
    assert done.stdout.count("other\n") == 1, done
    (other / "sitecustomize.py").write_text("raise ValueError('x')")
    done = ends_alike(python, folder, "-c", "import sys; print('sitecustomize' in sys.modules)",
                      then=str(other))
    assert "ValueError" in done.stderr
    (other / "sitecustomize.py").write_text("import no_such_module")
    ends_alike(python, folder, "-c", "pass", then=str(other))


HANG = f"import atexit, sys, threading, time; atexit.register(time.sleep, {FOREVER})\n"
HANGS = {
    "exception": ("1 / 0", 1),
    "exit 3": ("sys.exit(3)", 3),
    "SystemExit": ("raise SystemExit(4)", 4),
    "quit": ("quit(5)", 5),
    "exit with a text": ("sys.exit('a text')", 1),
    "exit from finally": ("try:\n  sys.exit(6)\nfinally:\n  pass", 6),
    "argparse": ("import argparse; argparse.ArgumentParser('p').parse_args(['--no'])", 2),
    "interrupt": ("raise KeyboardInterrupt", 130),
    "a hook of the script": ("sys.excepthook = lambda *a: print('mine')\n1 / 0", 1),
    "a thread is waited for": (f"threading.Thread(target=time.sleep, args=[{FOREVER}]).start()\n"
                               "1 / 0", 1),
}


@pytest.mark.parametrize("start, how", [("script", how) for how in HANGS]
                         + [(start, how) for start in ("-c", "-m") for how in list(HANGS)[:3]])
def test_does_not_hang(start, how, python, folder, tmp_path):
    text, code = HANGS[how]
    text = HANG + text + "\n"
    (tmp_path / "program.py").write_text(text)
    words = {"-c": ["-c", text], "-m": ["-m", "program"], "script": ["program.py"]}[start]
    began = time.monotonic()
    done = python(*words, hook=folder)
    assert GRACE < time.monotonic() - began < GRACE + 5
    if "Timeout (" in done.stderr:  # Python 3.12 can start no thread then
        assert done.returncode == 1 and code in (1, 130), done
    else:
        assert done.returncode == code, done
        assert "exit handlers still ran" in done.stderr, done


SLOW_AND_WELL = {
    "well": "pass",
    "exit 0": "sys.exit(0)",
    "caught": "try:\n  1 / 0\nexcept ZeroDivisionError:\n  pass",
    "caught exit": "try:\n  sys.exit(3)\nexcept SystemExit as e:\n  e.code",
    "a callback's": "import ctypes\ndef f():\n  try:\n    1 / 0\n  finally:\n    pass\n"
                    "try:\n  f()\nexcept ZeroDivisionError as e:\n"
                    "  sys.last_value, sys.last_traceback = e, e.__traceback__.tb_next\n",
    "a console's": "import code\ncode.InteractiveInterpreter().runsource('1 / 0')",
    "a thread's": "import threading\nt = threading.Thread(target=lambda: 1 / 0)\n"
                  "t.start(); t.join()",
    "a thread's exit": "import threading\nt = threading.Thread(target=lambda: sys.exit(3))\n"
                       "t.start(); t.join()",
    "forked": "import os, time\nif os.fork() == 0:\n  1 / 0\nos.wait()",
}


@pytest.mark.parametrize("how", SLOW_AND_WELL)
def test_who_ends_well_may_be_slow(how, python, folder):
    text = f"import atexit, sys, time; atexit.register(time.sleep, {GRACE + 0.5})\n"
    done = python("-c", text + SLOW_AND_WELL[how], hook=folder)
    assert done.returncode == 0, done
    assert "exit handlers still ran" not in done.stderr and "Timeout (" not in done.stderr


def test_dgls_barrier_is_left_out(python, folder, tmp_path):
    (tmp_path / "dgl").mkdir()
    (tmp_path / "dgl/__init__.py").touch()
    (tmp_path / "dgl/distributed.py").write_text(
        f"import atexit, time\ndef exit_client(): time.sleep({GRACE / 2}); print('barrier')\n"
        "atexit.register(exit_client)\n")
    start = AT_EXIT + "import dgl.distributed\n"
    for text, code, out in (("pass", 0, "barrier\na handler\n"), ("sys.exit(3)", 3, "a handler\n"),
                            ("1 / 0", 1, "a handler\n")):
        done = python("-c", start + text, hook=folder)
        assert (done.returncode, done.stdout) == (code, out), done


def test_dgls_samplers_are_left_alive(python, folder, tmp_path):
    """If their trainer, which is about to fail, ended them, the launcher would take them for the
    cause."""
    (tmp_path / "dgl").mkdir()
    (tmp_path / "dgl/__init__.py").touch()
    (tmp_path / "dgl/distributed.py").write_text("def exit_client(): pass\n")
    (tmp_path / "program.py").write_text(
        "import dgl.distributed, multiprocessing, os, signal, time\n"
        "def sample():\n"
        "  signal.signal(signal.SIGTERM, lambda *_: print('told to stop', flush=True))\n"
        "  print('samples', flush=True)\n"
        "  while os.getppid() == trainer: time.sleep(0.02)\n"
        "trainer = os.getpid()\n"
        "worker = multiprocessing.get_context('fork').Process(target=sample, daemon=True)\n"
        "worker.start(); time.sleep(0.5)\n"
        "1 / 0\n")
    done = python("program.py", hook=folder)
    assert (done.returncode, done.stdout) == (1, "samples\n"), done


def test_the_error_file(python, folder, tmp_path):
    file = tmp_path / "error.json"
    for text in ("pass", "import sys; sys.exit(3)", "raise KeyboardInterrupt"):
        python("-c", text, hook=folder, TORCHELASTIC_ERROR_FILE=str(file))
        assert not file.exists(), text
    before = int(time.time())
    done = python("-c", "def f(): raise ValueError('x \\\" \\u00e9')\nf()", hook=folder,
                  TORCHELASTIC_ERROR_FILE=str(file))
    assert done.returncode == 1
    message = json.loads(file.read_text())["message"]
    assert message["message"] == "ValueError: x \" \u00e9"
    assert message["extraInfo"]["py_callstack"] == done.stderr
    assert before <= int(message["extraInfo"]["timestamp"]) <= time.time()
    file.write_text("torch's own")
    assert python("-c", "1 / 0", hook=folder, TORCHELASTIC_ERROR_FILE=str(file)).returncode == 1
    assert file.read_text() == "torch's own"
    missing = str(tmp_path / "no/such/file")
    assert python("-c", "1 / 0", hook=folder, TORCHELASTIC_ERROR_FILE=missing).returncode == 1
