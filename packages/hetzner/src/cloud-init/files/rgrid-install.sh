#!/bin/sh
# Gets what a worker needs onto this server, as fast as it goes: the packages and the worker come at
# the same time, and nothing is upgraded. Safe to run again.
set -eu
PACKAGES='docker.io bubblewrap python3 python3-venv ca-certificates curl nftables'
export DEBIAN_FRONTEND=noninteractive

install_packages() {
  # All there already: an image that was made for this.
  dpkg --status $PACKAGES >/dev/null 2>&1 && return 0
  apt-get update && apt-get install --yes --no-install-recommends $PACKAGES
}

retry() {
  for _ in 1 2 3 4 5; do
    "$@" && return 0
    sleep 2
  done
  return 1
}

fetching=
if command -v curl >/dev/null; then
  rgrid-fetch-worker &
  fetching=$!
fi
# A worker without Docker still runs scripts; one that never starts runs nothing.
retry install_packages || echo 'rgrid-install: some packages are missing' >&2
if [ -n "$fetching" ]; then wait "$fetching"; else rgrid-fetch-worker; fi
# Of what listens to the network, only sshd was there before its configuration came.
systemctl try-reload-or-restart ssh.service || true
usermod --lock root
