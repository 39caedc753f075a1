#!/bin/sh
# Makes this machine a node's image: the interpreter with everything a worker needs, the units, and
# the user they run as. Run it as root in the project's folder on the machine that becomes the
# image; running it again is harmless. Nothing of an application's is put here but its
# requirements: the release comes from S3 when a node boots.
#
#   deploy/image/install.sh [--python python3.12] [--requirements app.lock]
set -eu

python=python3
requirements=
while [ $# -gt 0 ]; do
  case $1 in
    --python) python=${2:?--python: expected an interpreter} ; shift 2 ;;
    --requirements) requirements=${2:?--requirements: expected a lock with hashes} ; shift 2 ;;
    *) echo "install.sh: expected --python or --requirements, got $1" >&2 ; exit 2 ;;
  esac
done

fail() { echo "install.sh: $1" >&2 ; exit 1 ; }

[ "$(id -u)" = 0 ] || fail "expected root, this is $(id -un): run it with sudo"
[ -f pyproject.toml ] && [ -d deploy/systemd ] || fail "expected the project's folder, this is $PWD"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python: expected Python 3.11 or later: name one with --python"
[ -z "$requirements" ] || [ -f "$requirements" ] || fail "$requirements: expected a file, found none"

id fleet >/dev/null 2>&1 || useradd --system --home-dir /var/lib/fleet --shell /usr/sbin/nologin fleet

install -d -m 755 /opt/fleet /opt/fleet/releases /etc/fleet
[ -x /opt/fleet/python/bin/python ] || "$python" -m venv /opt/fleet/python
pip="/opt/fleet/python/bin/python -m pip --disable-pip-version-check install --quiet"
$pip --require-hashes -r requirements/node.lock
# The project's own files, built by the lock's own tool.
$pip --no-deps --no-build-isolation .
[ -z "$requirements" ] || $pip --require-hashes -r "$requirements"
/opt/fleet/python/bin/python -m compileall -q /opt/fleet/python/lib || true

install -m 644 deploy/systemd/fleet-agent.service deploy/systemd/fleet-worker@.service \
  /etc/systemd/system/
systemctl daemon-reload

/opt/fleet/python/bin/ops --help >/dev/null || fail "ops does not start"
/opt/fleet/python/bin/celery --version >/dev/null || fail "celery does not start"
systemctl cat amazon-ssm-agent >/dev/null 2>&1 ||
  echo "install.sh: no SSM agent here: drains that are sent from outside will not arrive" >&2
echo "this machine is a node's image: make an AMI of it, and write its id to the parameter"
