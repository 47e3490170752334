"""The state of a cluster: its folder, which names the machines and holds the agent. Starts and ends
no process."""

import json
import os
import shutil
import stat

FILES = ("cluster", "agent", "etc.hosts", "log")

# Takes the place of ssh. $HOSTS has a file for each name and each address: "PID NET_NAMESPACE".
AGENT = """\
#!/bin/sh
# vcluster's agent, in the place of ssh: AGENT [-options] HOST COMMAND...
while :; do
    case $1 in
        -[BbcDEeFIiJLlmOopQRSWw]) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
host=${1##*@}
shift
read -r pid net <'HOSTS'/"$host" || {
    echo "vcluster agent: no machine is called '$host'" >&2
    exit 255
}
[ "$(readlink "/proc/$pid/ns/net")" = "$net" ] || {
    echo "vcluster agent: machine '$host' is gone" >&2
    exit 255
}
if [ "${VCLUSTER_CLEAN_ENV:-0}" = 1 ]; then
    set -- "$PWD" "$*"
    exec env -i HOME="$HOME" USER="$USER" LOGNAME="$LOGNAME" SHELL=/bin/bash \\
        VCLUSTER_CLEAN_ENV=1 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \\
        nsenter --target="$pid" --net --uts --ipc --mount -- \\
        /bin/bash -c 'cd "$1" && eval "$2"' bash "$@"
fi
exec nsenter --target="$pid" --net --uts --ipc --mount -- \\
    /bin/bash -c 'cd "$1" && eval "$2"' bash "$PWD" "$*"
"""


class Failure(Exception):
    """Ends in one sentence on stderr and exit code 1."""


def net_of(pid):
    """Returns the network namespace of a process as text, or "" when the process is gone or
    hidden."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


# ---- DIR/cluster (JSON), and DIR/hosts for the agent ----

class Cluster:
    def __init__(self, folder, hub, machines):
        self.folder = folder
        self.hub = hub            # {"pid", "net"}
        self.machines = machines  # [{"name", "ip", "others", "pid", "net"}]

    def machine(self, text):
        digits = text[2:] if text.startswith("vm") else text
        if not digits.isdecimal() or int(digits) >= len(self.machines):
            raise Failure(f"there is no machine '{text}': machines are 0 to "
                          f"{len(self.machines) - 1}")
        return self.machines[int(digits)]

    def nets(self):
        return {self.hub["net"], *(m["net"] for m in self.machines)}

    def write(self):
        names = os.path.join(self.folder, "hosts")
        os.mkdir(names)
        for m in self.machines:
            for name in (m["name"], m["ip"], *m["others"]):
                put(os.path.join(names, name), f"{m['pid']} {m['net']}\n")
        agent = os.path.join(self.folder, "agent")
        put(agent, AGENT.replace("'HOSTS'", "'" + names.replace("'", "'\\''") + "'"))
        os.chmod(agent, 0o755)
        put(os.path.join(self.folder, "cluster"),
            json.dumps({"hub": self.hub, "machines": self.machines}))


def put(path, text):
    """Writes the file so that it is there whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def cluster_read(folder):
    """Returns the cluster, or None when there is none."""
    try:
        with open(os.path.join(folder, "cluster"), encoding="utf-8") as file:
            known = json.load(file)
    except FileNotFoundError:
        return None
    return Cluster(folder, known["hub"], known["machines"])


def cluster_need(folder):
    cluster = cluster_read(folder)
    if cluster is None:
        raise Failure(f"no machines are up in '{folder}': 'vcluster up N' first")
    if net_of(cluster.hub["pid"]) != cluster.hub["net"]:
        raise Failure(f"the machines in '{folder}' are dead: 'vcluster down', then 'up'")
    return cluster


def folder_make(folder):
    os.makedirs(folder, mode=0o700, exist_ok=True)
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        raise Failure(f"'{folder}' is not a folder of yours: choose another by --dir")


def folder_remove(folder):
    """Removes the cluster's files, and the folder when nothing else is in it."""
    for name in FILES:
        for path in (os.path.join(folder, name), os.path.join(folder, name + ".new")):
            if os.path.lexists(path):
                os.unlink(path)
    for name in ("hosts", "tmp"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    for path in (os.path.join(folder, "sys"), folder):
        try:
            os.rmdir(path)
        except OSError:
            pass
