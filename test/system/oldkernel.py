"""python3 oldkernel.py [--without=CALL] PROGRAM WORDS...: runs PROGRAM as on a kernel that lacks
this call, or those of CALLS. They fail with ENOSYS, in all of its children too (a seccomp
filter)."""

import ctypes
import errno
import os
import struct
import sys

CALLS = {"pidfd_send_signal": 424, "pidfd_open": 434, "close_range": 436,
         "pidfd_getfd": 438}  # newer than Linux 4.18
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def forbid(numbers):
    code = [struct.pack("<HBBI", LOAD, 0, 0, 0)]  # the call's number
    for k, number in enumerate(numbers):
        code.append(struct.pack("<HBBI", JUMP_IF_EQUAL, len(numbers) - k, 0, number))
    code += [struct.pack("<HBBI", RETURN, 0, 0, value)
             for value in (ALLOW, ERRNO | errno.ENOSYS)]
    program = Program(len(code), b"".join(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    if sys.argv[1].startswith("--without="):
        CALLS = {name: CALLS[name] for name in [sys.argv.pop(1).partition("=")[2]]}
    forbid(list(CALLS.values()))
    os.execvp(sys.argv[1], sys.argv[1:])
