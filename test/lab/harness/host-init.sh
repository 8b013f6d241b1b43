#!/bin/bash
# The first process of a lab host, in fresh mount, pid and uts namespaces.
# $1 the host's name, $2 the folder that is its disk, $3... folders of the real machine that stay visible even if they lie below
# a folder that the host has for itself.
set -e
read -r OUTER_PID _ < /proc/self/stat
HOST=$1 DISK=$2; shift 2
mount --make-rprivate /
# What is about to be covered is kept reachable below /mnt.
mount -t tmpfs -o mode=0700 tmpfs /mnt
mkdir /mnt/disk; mount --bind "$DISK" /mnt/disk
i=0; for keep in "$@"; do mkdir "/mnt/$i"; mount --bind "$keep" "/mnt/$i"; i=$((i+1)); done
for folder in etc var srv; do mount --bind "/mnt/disk/$folder" "/$folder"; done
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mount -t proc proc /proc
mount -t sysfs sysfs /sys
i=0
for keep in "$@"; do
  if [ "$(stat -c %d:%i "$keep" 2>/dev/null)" != "$(stat -c %d:%i "/mnt/$i")" ]; then mkdir -p "$keep"; mount --bind "/mnt/$i" "$keep"; fi
  i=$((i+1))
done
mkdir -p /run/lock
hostname "$HOST"
echo "READY $OUTER_PID"
trap : TERM INT HUP
while :; do sleep 3600 & wait $!; done
