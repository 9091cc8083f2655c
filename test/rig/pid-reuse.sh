#!/bin/bash
# Run as the first process of a pid namespace of its own, in a task directory with the task a.md (`until=over`): a real
# owner is killed, and its pid, or its child's pid and group, are given to processes that have nothing to do with it
# (ns_last_pid). Then codex-worker runs again. Says in one line each: what was reused, and who of them is alive.
#   $1   reused | zombie      with `zombie` the owner stays in the process table, dead
#   $2   a NODE_OPTIONS for the second run in which the child's innocent heir seems to carry the claim's cookie, or empty
history=$FAKE_CODEX_DIR/history
if [ "$1" = zombie ]; then
  bash -c 'codex-worker >/dev/null 2>&1 & echo $! >../owner; exec sleep 300' &
else
  codex-worker >/dev/null 2>&1 &
  echo $! >../owner
fi
until grep -q "^start" "$history"; do sleep 0.02; done
read -r owner <../owner
child=$(grep -ao '"child":{"pid":[0-9]*' .lock-a.md | grep -o '[0-9]*$')
claim=$(grep -ao '"claim":"[0-9a-f]*' .lock-a.md | grep -o '[0-9a-f]*$')
kill -KILL -- "-$child" "$owner"
there() { read -r stat 2>/dev/null <"/proc/$1/stat" && case ${stat##*) } in Z*) false ;; esac; }
while kill -0 -- "-$child" 2>/dev/null || there "$owner"; do sleep 0.02; done

# Starts a command in the background and gives it the pid $1.
take() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
    "${@:2}" >/dev/null 2>&1 &
    [ $! = "$1" ] && return
    kill -KILL $!
  done
  echo "pid $1 could not be had"
  exit 99
}
innocent=
if [ "$1" != zombie ]; then
  wait "$owner" 2>/dev/null
  take "$owner" sleep 300
  innocent=$owner
fi
take "$child" setsid sleep 300
innocent="$innocent $child"
until read -r stat <"/proc/$child/stat" && [[ ${stat##*) } == ?\ *\ $child\ * ]]; do sleep 0.02; done
: >"$FAKE_CODEX_DIR/over"
if [ -n "$2" ]; then
  NODE_OPTIONS=$2 WITNESS_CARRIER=$child:$claim codex-worker
else
  codex-worker
fi
echo "code $?"
for pid in $innocent; do
  there "$pid" && echo "alive" || echo "dead $pid"
done
