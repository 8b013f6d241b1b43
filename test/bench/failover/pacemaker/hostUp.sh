#!/bin/bash
# Makes a host of the lab ready for Pacemaker and Corosync: what the Debian packages and systemd would have made, and the two agents of the benchmark
# in their places, seen by this host alone. $1 the folder in which they lie: ocf/bench/Guest and sbin/fence_bench.
set -e
mount -t overlay overlay -o "lowerdir=$1/ocf:/usr/lib/ocf/resource.d" /usr/lib/ocf/resource.d
mount -t overlay overlay -o "lowerdir=$1/sbin:/usr/sbin" /usr/sbin
mkdir -p /run/crm /run/resource-agents /var/lib/corosync /var/log/cluster
mkdir -p /var/lib/pacemaker/{blackbox,cib,cores,pengine} /var/log/pacemaker
chown -R hacluster:haclient /run/crm /var/lib/pacemaker /var/log/pacemaker
# Debian's hosts have it, those of the lab do not.
ln -sfn /run /var/run
install -o hacluster -g haclient -m 600 "$1/cib.xml" /var/lib/pacemaker/cib/cib.xml
