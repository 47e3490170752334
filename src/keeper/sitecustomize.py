"""Makes a trainer that fails end. dgl-mpilaunch puts it in front of its trainers' PYTHONPATH.

DGL registers a barrier at exit. A trainer that ends by an exception, or by sys.exit(3), waits in
it for ever, for trainers that wait for it, and no launcher learns that it has failed.

Nothing is different until the interpreter itself has begun to exit, by a failure. From then on
threads and exit handlers have GRACE seconds, and DGL's barrier is left out. sys.excepthook belongs
to the script. For CPython 3.8 to 3.13; doc/decisions/0004-python-hook.md has the reasons.
"""

import os
import sys

GRACE = 10
SIGPIPE = 141  # what a shell makes of it: the reader has left
FOLDER = os.path.dirname(__file__)


def start():
    """When this process was started, as the kernel counts: in clock ticks. 0: it is not known."""
    try:
        fd = os.open("/proc/self/stat", os.O_RDONLY)
        text = os.read(fd, 4096)
        os.close(fd)
    except OSError:
        return 0
    return int(text.rpartition(b")")[2].split()[19])


def now():
    import time

    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def tell(word, code, ticks):
    """To the keeper, which reads the other end: who, by which pipes it prints (0: by none), and
    since when (loaded) or when (ended)."""
    pipes = []
    for fd in (1, 2):
        try:
            status = os.fstat(fd)
            pipes.append(status.st_ino if status.st_mode & 0o170000 == 0o010000 else 0)
        except OSError:
            pipes.append(0)
    numbers = (os.environ.get("RANK", ""), os.getpid(), os.getppid(), *pipes, code, ticks)
    try:
        fd = os.open(os.path.join(FOLDER, "told"), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # nobody listens
    try:
        os.write(fd, " ".join([word, *map(str, numbers)]).encode("ascii", "replace") + b"\n")
    except OSError:
        pass
    os.close(fd)


def import_hidden():
    """Imports the sitecustomize that this one hides. From here on sys.path is the user's own."""
    sys.path[:] = [entry for entry in sys.path if entry != FOLDER]
    own = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", None) != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", own)  # the import of this one looks for it


def wanted():
    """Not for multiprocessing's workers, whose end their parent judges; nor before a prompt."""
    return ((3, 8) <= sys.version_info < (3, 14) and sys.implementation.name == "cpython"
            and "--multiprocessing-fork" not in getattr(sys, "argv", ())
            and not sys.flags.inspect and not sys.flags.interactive)


class Ending:
    """How the main thread ends."""

    def __init__(self):
        import atexit
        import threading

        self.leave_with = None  # the code, when Python is not to run to its own end
        atexit.register(self.end_exit)  # the first to be registered is the last to run
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.exit_code = None  # None: not by SystemExit
        self.watch_system_exit(threading.get_ident)
        self.wait_for_threads = threading._shutdown
        # Python calls it by this name as the first thing of its exit (Py_FinalizeEx)
        threading._shutdown = self.begin_exit

    def watch_system_exit(self, get_ident):
        """Whoever raised it: the interpreter reads the attribute 'code' of a SystemExit that
        nobody has caught, and then there is no Python function that asked for it."""
        import gc

        attributes = gc.get_referents(SystemExit.__dict__)[0]  # behind the read-only proxy
        code = attributes["code"]
        frame = sys._getframe

        def get(error):
            value = code.__get__(error)
            if frame().f_back is None and get_ident() == self.thread and os.getpid() == self.pid:
                self.exit_code = number_of(value)
                if self.exit_code:
                    leave_at_last(self.exit_code)
            return value

        watched = property(get, code.__set__, code.__delete__, code.__doc__)
        attributes["code"] = watched
        if SystemExit.code is not watched:  # a cache knows the old one
            attributes["code"] = code
        elif sys.version_info < (3, 12):
            sys.exit = raising(sys.exit)

    def begin_exit(self):
        try:
            if os.getpid() == self.pid and not os.environ.get("PYTHONINSPECT"):
                self.judge()
        except Exception:
            pass  # whatever the script has done to modules: the exit goes on
        self.wait_for_threads()

    def judge(self):
        error = uncaught() if self.exit_code is None else None
        code = self.exit_code
        if error is not None:
            code = 130 if isinstance(error, KeyboardInterrupt) else 1
        if code:
            flush()
            tell("ended", SIGPIPE if isinstance(error, BrokenPipeError) else code, now())
            if isinstance(error, Exception):
                write_error_file(error)
            if leave_out_dgl():
                self.leave_with = code
            if error is not None:
                leave_at_last(code)

    def end_exit(self):
        """DGL's threads, which its barrier's handler would have joined, abort in C++'s exit."""
        if self.leave_with is not None and os.getpid() == self.pid:
            flush()
            os._exit(self.leave_with)


def raising(sys_exit):
    """Before 3.12 the interpreter makes no SystemExit of sys.exit's code until someone looks."""
    def exit(*status):
        try:
            sys_exit(*status)
        except SystemExit:
            raise

    exit.__doc__ = sys_exit.__doc__
    exit.__module__, exit.__qualname__ = "sys", "exit"
    return exit


def number_of(value):
    """What the process's exit code will be (_Py_HandleSystemExit)."""
    if value is None:
        return 0
    return value & 0xFF if isinstance(value, int) else 1


def uncaught():
    """The exception that ended the main program, or None. The interpreter notes what it prints;
    what it printed for a callback began in a function, or with a caller."""
    traceback = getattr(sys, "last_traceback", None)
    if traceback is None or traceback.tb_frame.f_back is not None:
        return None
    if traceback.tb_frame.f_code.co_name not in ("<module>", "_run_module_as_main"):
        return None
    return sys.last_value


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def write_error_file(error):
    """As torch's @record does, unless it has."""
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not path or os.path.exists(path):
        return
    import json
    import time
    import traceback

    lines = traceback.format_exception(type(error), error, error.__traceback__)
    message = {"message": "{}: {}".format(type(error).__name__, error),
               "extraInfo": {"py_callstack": "".join(lines), "timestamp": str(int(time.time()))}}
    try:
        with open(path, "x") as file:
            json.dump({"message": message}, file)
    except OSError:
        pass


def leave_out_dgl():
    """Its barrier cannot be passed any more; and nobody is to send TERM to its samplers, which
    DGL's handler would turn into SIGABRT: they would look like the first to die. The launcher ends
    them. True where DGL has a barrier."""
    barrier = getattr(sys.modules.get("dgl.distributed"), "exit_client", None)
    workers_end = getattr(sys.modules.get("multiprocessing.util"), "_exit_function", None)
    if barrier is None:
        return False
    import atexit

    atexit.unregister(barrier)
    if workers_end is not None:
        atexit.unregister(workers_end)
    return True


def leave_at_last(code):
    import _thread
    import time

    def leave():
        time.sleep(GRACE)
        os.write(2, b"dgl-mpilaunch: %d s after the failure exit handlers still ran; left without "
                    b"them\n" % GRACE)
        os._exit(code)

    try:
        _thread.start_new_thread(leave, ())
    except RuntimeError:  # Python 3.12 starts none once it exits
        import faulthandler

        faulthandler.dump_traceback_later(GRACE, exit=True, file=2)  # with 1


try:
    tell("loaded", 0, start())
    if wanted():
        Ending()
finally:
    import_hidden()
