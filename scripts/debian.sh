#!/bin/sh
# Installs Debian packages, where that can be done unasked: as root, with apt-get. One that is named like a program is
# not asked for where that program is; fonts have no program.
# It never fails: tests that miss one are skipped, and say so.
is_there() {
  command -v "$1" > /dev/null || dpkg-query --show --showformat='${db:Status-Status}' "$1" 2> /dev/null | grep -qx installed
}

missing=
for package in "$@"; do
  is_there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install() {
  # At run level 1 no service is started by being installed.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -qq -o DPkg::Lock::Timeout=60 \
    -o Acquire::http::Timeout=20 -o Acquire::Retries=1 "$@" > /dev/null 2>&1
}

if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  # shellcheck disable=SC2086  # several words
  install install -y --no-install-recommends $missing ||
    { install update && install install -y --no-install-recommends $missing; }
fi
for package in $missing; do
  is_there "$package" || echo "$package is missing: the tests that need it will be skipped" >&2
done
exit 0
