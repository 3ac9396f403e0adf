#!/bin/sh
# Fetches the worker that bundle.env names and makes it the current one, if its bytes are the ones
# that were promised. Where no bundle is named, the image has to have a worker already.
# RGRID_ROOT puts everything below another folder.
set -eu
root=${RGRID_ROOT:-}
home=$root/opt/rgrid

fail() {
  echo "rgrid-fetch-worker: $1" >&2
  exit 1
}

if [ ! -e "$root/etc/rgrid/bundle.env" ]; then
  [ -e "$home/current/worker/main.js" ] || fail 'this image has no worker in it, and no bundle is named'
  exit 0
fi
. "$root/etc/rgrid/bundle.env"

if [ ! -d "$home/$BUNDLE_SHA256" ]; then
  new=$home/.new
  rm -rf "$new"
  mkdir -p "$new/files"
  curl --fail --silent --show-error --connect-timeout 10 --speed-limit 1000 --speed-time 20 \
    --retry 30 --retry-delay 1 --retry-all-errors --retry-max-time 200 \
    --output "$new/bundle" "$BUNDLE_URL" || fail "could not download $BUNDLE_URL"
  echo "$BUNDLE_SHA256  $new/bundle" | sha256sum --check --status ||
    fail "$BUNDLE_URL does not have the SHA-256 $BUNDLE_SHA256"
  tar --extract --gzip --no-same-owner --file "$new/bundle" --directory "$new/files" ||
    fail 'the bundle cannot be unpacked'
  mv "$new/files" "$home/$BUNDLE_SHA256"
  rm -rf "$new"
fi
ln -sfn "$BUNDLE_SHA256" "$home/current"
