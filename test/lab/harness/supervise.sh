#!/bin/bash
# What a service manager does for the agent: starts it, and starts it again when it ends, until it is switched off.
# $1 the folder for agent.pid and the switch "agent.off", $2 the log file, $3... the command.
STATE=$1 LOG=$2; shift 2
mkdir -p "$STATE"
child=
trap 'touch "$STATE/agent.off"; [ -n "$child" ] && kill -TERM "$child"' TERM
while [ ! -e "$STATE/agent.off" ]; do
  "$@" >> "$LOG" 2>&1 < /dev/null &
  child=$!
  echo "$child" > "$STATE/agent.pid.new"; mv "$STATE/agent.pid.new" "$STATE/agent.pid"
  # A trapped signal ends wait early.
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  rm -f "$STATE/agent.pid"
  echo "supervise: the agent ended with code $code" >> "$LOG"
  [ -e "$STATE/agent.off" ] || sleep 0.3
done
