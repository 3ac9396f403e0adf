#!/bin/sh
# Leaves nothing on the disk that belongs to this one server, so that a snapshot of it boots as new.
set -eu
apt-get clean
rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /etc/rgrid/bundle.env
systemctl stop docker.service docker.socket
cloud-init clean --logs --machine-id
