#!/usr/bin/env bash
# Builds the Docker image that tests run Python in, from Debian packages: no registry is asked, so
# it works where none can be reached. Does nothing when the image is there. Needs root and an
# engine. DEBIAN_MIRROR replaces the mirror; else the one apt already uses is taken.
set -euo pipefail

IMAGE=rgrid-test/python:3.11
# The Debian release whose python3 is 3.11.
SUITE=bookworm
PACKAGES=python3,python3-pip,python3-venv,ca-certificates

if docker image inspect "$IMAGE" >/dev/null 2>&1; then
  echo "$IMAGE is there already"
  exit 0
fi

find_mirror() {
  # "main http://mirror/debian/" a line; security and update archives hold no whole release.
  apt-get indextargets --format '$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "main" && $2 ~ /\/debian\/?$/ { print $2; exit }'
}

mirror=${DEBIAN_MIRROR:-$(find_mirror || true)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "unpacking $SUITE into $folder/root"
if ! debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$folder/root" \
  ${mirror:+"$mirror"} >"$folder/log" 2>&1; then
  tail -n 20 "$folder/log" >&2
  echo "could not unpack $SUITE for $IMAGE" >&2
  exit 1
fi

tar --directory "$folder/root" --numeric-owner --create \
  --exclude './var/cache/apt/*' --exclude './var/lib/apt/lists/*' \
  --exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' \
  --exclude './dev/*' --exclude './proc/*' --exclude './sys/*' . |
  docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' - "$IMAGE" >/dev/null
echo "made $IMAGE"
