#!/bin/sh
# Makes this machine a node's image: the interpreter with everything a worker needs, the units, and
# the user they run as. Run it as root in the project's folder on the machine that becomes the
# image; running it again is harmless. Nothing of an application's is put here but its
# requirements: the release comes from S3 when a node boots.
#
#   deploy/image/install.sh [--python python3.12] [--requirements app.lock] [--root FOLDER]
#
# With --root everything lies below a folder instead of /, as FLEET_ROOT has it for `ops node boot`:
# no user is made, systemd is told nothing, and anybody may run it.
set -eu

python=python3
requirements=
root=
while [ $# -gt 0 ]; do
  case $1 in
    --python) python=${2:?--python: expected an interpreter} ; shift 2 ;;
    --requirements) requirements=${2:?--requirements: expected a lock with hashes} ; shift 2 ;;
    --root) root=${2:?--root: expected a folder} ; shift 2 ;;
    *) echo "install.sh: expected --python, --requirements or --root, got $1" >&2 ; exit 2 ;;
  esac
done

fail() { echo "install.sh: $1" >&2 ; exit 1 ; }

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "expected root, this is $(id -un): run it with sudo"
[ -f pyproject.toml ] || fail "expected the project's folder, this is $PWD"
[ -d deploy/systemd ] || fail "expected the project's folder, this is $PWD"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python: expected Python 3.11 or later: name one with --python"
# Without it no release can be unpacked (ops/release/unpack.py): better known here than at a boot.
"$python" -c 'import sys, tarfile; sys.exit(not hasattr(tarfile, "data_filter"))' ||
  fail "$python: expected a tarfile module with extraction filters (Python 3.11.4 or later), found \
one without: name a later Python with --python"
[ -z "$requirements" ] || [ -f "$requirements" ] || fail "$requirements: expected a file, found none"
if [ -n "$root" ]; then
  [ -d "$root" ] || fail "$root: expected a folder, found none: make it (mkdir -p)"
  root=$(cd "$root" && pwd)
elif ! id fleet >/dev/null 2>&1; then
  useradd --system --home-dir /var/lib/fleet --shell /usr/sbin/nologin fleet
fi

home=$root/opt/fleet
units=$root/etc/systemd/system
install -d -m 755 "$home" "$home/releases" "$root/etc/fleet" "$units"
# Another interpreter than last time's, or none: pip puts the rest in order.
"$home/python/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$home/python"
pip() { "$home/python/bin/python" -m pip --disable-pip-version-check --quiet "$@" ; }
pip install --require-hashes -r requirements/node.lock
# The project's own files, built by the lock's own tool; the same version may have others.
pip install --no-deps --no-build-isolation --force-reinstall .
[ -z "$requirements" ] || pip install --require-hashes -r "$requirements"
pip check || fail "what is installed does not go together: lock it anew"
"$home/python/bin/python" -m compileall -q "$home/python/lib" || true

# What this machine was told if it was a node itself: an image of it would be that one again.
rm -f "$root"/etc/fleet/*.env "$units/multi-user.target.wants/fleet-boot.service"
install -m 644 deploy/systemd/fleet-agent.service deploy/systemd/fleet-boot.service \
  deploy/systemd/fleet-worker@.service "$units/"

"$home/python/bin/ops" --help >/dev/null || fail "ops does not start"
"$home/python/bin/celery" --version >/dev/null || fail "celery does not start"
if [ -n "$root" ]; then
  echo "a node's image is below $root"
  exit 0
fi
systemctl daemon-reload
systemctl cat amazon-ssm-agent >/dev/null 2>&1 ||
  echo "install.sh: no SSM agent here: drains that are sent from outside will not arrive" >&2
echo "this machine is a node's image: make an AMI of it, and write its id to the parameter"
