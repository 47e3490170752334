"""The machines: namespaces, the network between them, the hub that holds them, and their end. Knows
nothing of the command line."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time

from state import Cluster, Failure, net_of

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF = 0x200, 0x400, 0x800

UP_SECONDS = 60     # for all machines to come up; 64 take about 1.5 s
DOWN_SECONDS = 20   # for killed processes to be gone

libc = ctypes.CDLL(None, use_errno=True)


def kernel(name, *args):
    """Calls a libc function that returns -1 and sets errno on an error; raises OSError then."""
    if getattr(libc, name)(*args) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source, target, kind, flags):
    kernel("mount", source.encode(), target.encode(), kind.encode() if kind else None,
           ctypes.c_ulong(flags), None)


def ip_batch(lines):
    """Has one iproute2 process run the lines in this process's network namespace."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                          capture_output=True)
    if done.returncode:
        raise Failure(f"ip: {done.stderr.strip()}")


# ---- the hub: holds the bridge, starts the machines, watches the state folder ----

def become_root_of_namespace():
    """An ordinary user becomes root of a user namespace, and may then make all other namespaces."""
    uid, gid = os.geteuid(), os.getegid()
    kernel("unshare", CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                       ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def enter_own_network():
    try:
        if os.geteuid() != 0:
            become_root_of_namespace()
        kernel("unshare", CLONE_NEWNET)
    except OSError as error:
        raise Failure(
            f"this user may not have namespaces here ({error.strerror}). Run it as root; or let "
            "root allow them: 'sysctl -w kernel.unprivileged_userns_clone=1' (Debian), "
            "'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' (Ubuntu 24.04), "
            "'sysctl -w user.max_user_namespaces=10000'; a container needs --privileged") from error


def mount_sysfs(scratch):
    """Mounts /sys anew: it shows the network devices of the namespace that mounted it, and UCX
    looks for its devices there. The cgroups stay in view. If the kernel refuses (a container), the
    old /sys stays."""
    try:
        mount("/sys", scratch, None, MS_BIND | MS_REC)
        mount("sysfs", "/sys", "sysfs", 0)
        if os.path.isdir(scratch + "/fs/cgroup"):
            mount(scratch + "/fs/cgroup", "/sys/fs/cgroup", None, MS_BIND | MS_REC)
        kernel("umount2", scratch.encode(), MNT_DETACH)
    except OSError as error:
        print(f"/sys is not the machine's own: {error}", flush=True)


def machine_prepare(folder, name):
    kernel("unshare", CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS)
    socket.sethostname(name)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/dev/shm", "tmpfs", 0)
    mount_sysfs(os.path.join(folder, "sys"))
    if os.path.exists("/etc/hosts"):
        mount(os.path.join(folder, "etc.hosts"), "/etc/hosts", None, MS_BIND)


def mac_of(ip):
    """Returns a locally administered hardware address made of the IP address."""
    return "02:4d:" + ":".join(f"{int(part):02x}" for part in ip.split("."))


def machine_network(k, networks):
    """Enters the neighbours' hardware addresses by hand: all namespaces share one ARP table of 1024
    entries, and so a cut link means silence, not 'no route to host'."""
    lines = ["link set lo up"]
    for i, (addresses, prefix) in enumerate(networks):
        lines += [f"addr add {addresses[k]}/{prefix} dev eth{i}", f"link set eth{i} up",
                  *(f"neigh add {ip} lladdr {mac_of(ip)} dev eth{i} nud permanent"
                    for ip in addresses if ip != addresses[k])]
    ip_batch(lines)


def port_of(k, i):
    """Returns the name of the bridge's end of machine k's interface ethI."""
    return f"v{k}" if i == 0 else f"v{k}e{i}"


def machine_main(folder, hub_pid, k, networks, tell, go):
    """A machine's holder, from fork to exec. It has two steps and tells the hub of each in one
    line."""
    name = f"vm{k}"
    try:
        kernel("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != hub_pid:
            os._exit(1)
        machine_prepare(folder, name)
        os.write(tell, b"made\n")
        os.read(go, 1)  # returns when the hub has sent the interfaces
        machine_network(k, networks)
        os.write(tell, b"linked\n")
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp("sleep", [f"vcluster:{name}", "infinity"])
    except (OSError, Failure) as error:
        os.write(tell, f"{name}: {error}\n".encode().replace(b"\n", b" ").strip() + b"\n")
    os._exit(1)


def wait_told(fd, word, times, deadline):
    """Waits until `word` has come that many times; any other line is a machine's complaint."""
    rest = b""
    while times:
        if not select.select([fd], [], [], max(deadline - time.monotonic(), 0))[0]:
            raise Failure(f"{times} machines did not come up within {UP_SECONDS} s")
        got = os.read(fd, 4096)
        if not got:
            raise Failure(f"{times} machines died while coming up")
        *lines, rest = (rest + got).split(b"\n")
        for line in lines:
            if line != word:
                raise Failure(line.decode(errors="replace"))
            times -= 1


def wait_forwarding(count, deadline):
    """Waits until that many ports forward; a port of a bridge does so when the kernel has seen both ends
    up."""
    while True:
        shown = subprocess.run(["bridge", "-j", "link"], capture_output=True, text=True)
        if shown.returncode:
            raise Failure(f"bridge: {shown.stderr.strip()}")
        ports = json.loads(shown.stdout or "[]")
        if sum(port.get("state") == "forwarding" for port in ports) >= count:
            return
        if time.monotonic() > deadline:
            raise Failure("the machines' network does not come up")
        time.sleep(0.01)


def hub_start(folder, networks):
    """Makes a bridge for each network, and the machines; returns the cluster when each can reach
    the others."""
    deadline = time.monotonic() + UP_SECONDS
    enter_own_network()
    ip_batch(["link set lo up", *(line for i in range(len(networks)) for line in
                                  (f"link add br{i} type bridge", f"link set br{i} up"))])
    tell, told = os.pipe()[::-1]
    go, gone = os.pipe()
    machines = []
    hub_pid = os.getpid()
    for k, ip in enumerate(networks[0][0]):
        pid = os.fork()
        if pid == 0:
            os.close(gone)
            machine_main(folder, hub_pid, k, networks, tell, go)
        machines.append({"name": f"vm{k}", "ip": ip, "pid": pid,
                         "others": [addresses[k] for addresses, _ in networks[1:]]})
    os.close(tell)
    wait_told(told, b"made", len(machines), deadline)
    lines = []
    for k, m in enumerate(machines):
        for i, (addresses, _) in enumerate(networks):
            lines.append(f"link add {port_of(k, i)} type veth peer name eth{i} "
                         f"address {mac_of(addresses[k])} netns {m['pid']}")
            lines.append(f"link set {port_of(k, i)} master br{i} up")
        m["net"] = net_of(m["pid"])
    ip_batch(lines)
    os.close(gone)
    wait_told(told, b"linked", len(machines), deadline)
    wait_forwarding(len(machines) * len(networks), deadline)
    return Cluster(folder, {"pid": hub_pid, "net": net_of(hub_pid)}, machines)


def wait_until_removed(folder):
    """Blocks until somebody removes the state folder, or until TERM."""
    watch = libc.inotify_init1(os.O_CLOEXEC)
    mask = IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
    libc.inotify_add_watch(watch, folder.encode(), mask)
    while os.path.exists(os.path.join(folder, "cluster")):
        os.read(watch, 65536)


def hub_main(folder, networks, answer):
    """The hub's whole life. Its machines die with it (PDEATHSIG)."""
    os.setsid()
    log = os.open(os.path.join(folder, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    for name in os.listdir("/proc/self/fd"):  # all descriptors that the caller had open
        if int(name) > 2 and int(name) != answer:
            os.closerange(int(name), int(name) + 1)
    os.chdir("/")
    try:
        cluster = hub_start(folder, networks)
        cluster.write()
    except (OSError, Failure) as error:
        os.write(answer, str(error).encode() or b"?")
        os._exit(1)
    os.write(answer, b"up")
    os.close(answer)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    wait_until_removed(folder)
    kill_all(cluster.nets() - {cluster.hub["net"]}, DOWN_SECONDS)
    os._exit(0)


# ---- the end ----

def processes_in(nets):
    """Returns the pids of all processes in these network namespaces but this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid() and net_of(name) in nets:
            found.append(int(name))
    return found


def kill_all(nets, seconds):
    """KILLs the processes in the namespaces until none is left: the next look finds those forked
    meanwhile."""
    deadline = time.monotonic() + seconds
    nets = nets - {net_of("self"), ""}
    while True:
        fds = []
        for pid in processes_in(nets):
            try:
                fd = os.pidfd_open(pid)
            except OSError:
                continue
            fds.append(fd)
            if net_of(pid) in nets:  # still the same process
                try:
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                except OSError:
                    pass
        if not fds:
            return
        gone = select.poll()
        for fd in fds:
            gone.register(fd, select.POLLIN)
        gone.poll(1000)
        for fd in fds:
            os.close(fd)
        if time.monotonic() > deadline:
            raise Failure(f"these processes do not end: {processes_in(nets)}")
