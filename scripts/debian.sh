#!/bin/sh
# Installs programs, each from the Debian package of its name, where that can be done unasked: as root, with apt-get.
# It never fails: tests that miss one are skipped, and say so.
missing=
for program in "$@"; do
  command -v "$program" > /dev/null || missing="$missing $program"
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
for program in $missing; do
  command -v "$program" > /dev/null || echo "$program is missing: the tests that need it will be skipped" >&2
done
exit 0
