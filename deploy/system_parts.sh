#!/bin/sh
# Installs what pip cannot: the parts of the system that the environment ("venv") or the tests ("all") need.
# As root or with passwordless sudo it installs by apt; otherwise it says plainly what is missing.
# Under CI=true a missing part is a failure.
set -u

missing=""
need() { # need COMMAND_OR_FILE PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -e "$1" ] || missing="$missing $2"
}

case "${1:-all}" in
venv)
    python="${2:-python3}"
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || {
        echo "mimamori needs Python 3.11 to 3.13; '$python' is not. Try: make env PYTHON=python3.11" >&2
        exit 1
    }
    "$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
    ;;
all)
    need mosquitto mosquitto
    need influxd influxdb
    need nginx nginx-light
    need chromium chromium
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
    need /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc fonts-noto-cjk
    ;;
*)
    echo "usage: system_parts.sh venv [PYTHON] | all" >&2
    exit 2
    ;;
esac
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo"; else as_root="no"; fi
if [ "$as_root" != no ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing by apt:$missing"
    # Two of these may run at once (make test prepares both); apt itself does not wait for another apt.
    # shellcheck disable=SC2086 # the package names are words of their own
    if $as_root flock "${TMPDIR:-/tmp}/mimamori-apt.lock" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c '
        apt-get update -qq >/dev/null
        exec apt-get install -y -qq --no-install-recommends "$@" >/dev/null' apt $missing
    then exit 0; fi
    echo "apt could not install:$missing" >&2
else
    echo "not root and no passwordless sudo: please install:$missing" >&2
fi
[ "${1:-all}" = venv ] && exit 1
[ "${CI:-}" = true ] && exit 1
echo "the tests that need these parts will be skipped, and will say so" >&2
exit 0
