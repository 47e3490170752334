"""A file system that hangs on request: hangfs.py SOURCE TARGET CONTROL shows SOURCE at TARGET by
the kernel's FUSE protocol, without a library. While the file CONTROL exists and names a kind of
request ("write", "lookup" ...), such requests get no answer. With the word "hard" in it they get
none even when their process is killed, as on a device that is gone. This program, and with it the
hang, ends with its parent."""

import ctypes
import errno
import os
import select
import signal
import struct
import sys

LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, MKDIR, UNLINK = 1, 2, 3, 4, 5, 6, 9, 10
RENAME, OPEN, READ, WRITE, RELEASE, FLUSH, INIT = 12, 14, 15, 16, 18, 25, 26
OPENDIR, READDIR, RELEASEDIR = 27, 28, 29
ACCESS, CREATE, INTERRUPT, BATCH_FORGET, RENAME2 = 34, 35, 36, 42, 45
NAMES = {LOOKUP: "lookup", GETATTR: "getattr", OPEN: "open", READ: "read", WRITE: "write",
         CREATE: "create", MKDIR: "mkdir", OPENDIR: "opendir", READDIR: "readdir",
         RENAME2: "rename", ACCESS: "access"}
NEVER_CACHED = 0


def attributes(path):
    s = os.lstat(path)
    return struct.pack("<6Q10I", s.st_ino, s.st_size, s.st_blocks, int(s.st_atime),
                       int(s.st_mtime), int(s.st_ctime), 0, 0, 0, s.st_mode, s.st_nlink, s.st_uid,
                       s.st_gid, s.st_rdev, 4096, 0)


def texts(data):
    return [os.fsdecode(text) for text in data.split(b"\0")[:-1]]


class HangFs:
    def __init__(self, source, control):
        self.paths, self.numbers, self.control = {1: source}, {source: 1}, control
        self.held = {}  # unique -> how, and the request

    def number(self, path):
        if path not in self.numbers:
            self.numbers[path] = len(self.numbers) + 1
            self.paths[self.numbers[path]] = path
        return self.numbers[path]

    def entry(self, path):
        return struct.pack("<4Q2I", self.number(path), 0, NEVER_CACHED, NEVER_CACHED, 0,
                           0) + attributes(path)

    def attr(self, path):
        return struct.pack("<Q2I", NEVER_CACHED, 0, 0) + attributes(path)

    def open(self, path, flags):
        return struct.pack("<Q2I", os.open(path, flags & ~os.O_NOFOLLOW), 1, 0)

    def create(self, path, data):
        flags, mode = struct.unpack_from("<2I", data)
        path = os.path.join(path, texts(data[16:])[0])
        fd = os.open(path, flags & (os.O_ACCMODE | os.O_TRUNC) | os.O_CREAT, mode)
        return self.entry(path) + struct.pack("<Q2I", fd, 1, 0)

    def rename(self, path, data, names):
        to = self.paths[struct.unpack_from("<Q", data)[0]]
        os.rename(os.path.join(path, names[0]), os.path.join(to, names[1]))

    def setattr(self, path, data):
        valid, _, _, size = struct.unpack_from("<2I2Q", data)
        if valid & 8:
            os.truncate(path, size)
        return self.attr(path)

    def make(self, path, name, function):
        path = os.path.join(path, name)
        function(path)
        return self.entry(path)

    def answer(self, op, node, data):
        path = self.paths.get(node)
        if op == INIT:
            return struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, *[0] * 8)
        if op == LOOKUP:
            return self.entry(os.path.join(path, texts(data)[0]))
        if op == GETATTR:
            return self.attr(path)
        if op == SETATTR:
            return self.setattr(path, data)
        if op == READLINK:
            return os.fsencode(os.readlink(path))
        if op == SYMLINK:
            name, target = texts(data)
            return self.make(path, name, lambda at: os.symlink(target, at))
        if op == MKDIR:
            mode, = struct.unpack_from("<I", data)
            return self.make(path, texts(data[8:])[0], lambda at: os.mkdir(at, mode & 0o7777))
        if op == UNLINK:
            return os.unlink(os.path.join(path, texts(data)[0])) or b""
        if op in (RENAME, RENAME2):
            size = 8 if op == RENAME else 16
            return self.rename(path, data, texts(data[size:])) or b""
        if op == OPEN:
            return self.open(path, struct.unpack_from("<I", data)[0] & os.O_ACCMODE)
        if op == OPENDIR:  # after ENOSYS the kernel would not ask again
            return struct.pack("<Q2I", 0, 0, 0)
        if op == CREATE:
            return self.create(path, data)
        if op == READ:
            fd, offset, size = struct.unpack_from("<2QI", data)
            return os.pread(fd, size, offset)
        if op == WRITE:
            fd, offset, size = struct.unpack_from("<2QI", data)
            return struct.pack("<2I", os.pwrite(fd, data[40:40 + size], offset), 0)
        if op == RELEASE:
            return os.close(struct.unpack_from("<Q", data)[0]) or b""
        if op in (FLUSH, ACCESS, RELEASEDIR):
            return b""
        raise OSError(errno.ENOSYS, "")

    def hangs(self, op):
        try:
            with open(self.control, encoding="ascii") as file:
                words = file.read().split()
        except FileNotFoundError:
            return None
        return words if NAMES.get(op) in words else None

    def reply(self, fd, unique, data=b"", error=0):
        try:
            os.write(fd, struct.pack("<IiQ", 16 + len(data), -error, unique) + data)
        except OSError:
            pass  # the process that asked is gone

    def do(self, fd, unique, op, node, data):
        try:
            self.reply(fd, unique, self.answer(op, node, data))
        except OSError as error:
            self.reply(fd, unique, error=error.errno)

    def release(self, fd):
        """Answers the requests that need not hang any more, in the order in which they came."""
        for unique, (_, op, node, data) in list(self.held.items()):
            if not self.hangs(op):
                del self.held[unique]
                self.do(fd, unique, op, node, data)

    def serve(self, fd):
        while True:
            while self.held and not select.select([fd], [], [], 0.05)[0]:
                self.release(fd)
            try:
                request = os.read(fd, 1 << 20)
            except InterruptedError:
                continue
            _, op, unique, node = struct.unpack_from("<2I2Q", request)
            data = request[40:]
            if op in (FORGET, BATCH_FORGET):
                continue
            if op == INTERRUPT:
                asked = struct.unpack_from("<Q", data)[0]
                if self.held.get(asked, ("hard",))[0] == "soft":
                    del self.held[asked]
                    self.reply(fd, asked, error=errno.EINTR)
                continue
            words = self.hangs(op)
            if words:
                self.held[unique] = "hard" if "hard" in words else "soft", op, node, data
                continue
            self.do(fd, unique, op, node, data)


def main(source, target, control):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    if libc.mount(b"hangfs", os.fsencode(target), b"fuse.hangfs", 0, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("mounted", flush=True)
    HangFs(source, control).serve(fd)


if __name__ == "__main__":
    main(*sys.argv[1:])
