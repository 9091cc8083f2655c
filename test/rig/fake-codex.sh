#!/bin/sh
# A Codex for tests that crash: it works by itself, and tells afterwards what no test could see from outside.
#
# The first line of the prompt is the task's name, then words: `hold=SECONDS` (how long it works), `until=NAME` (it works
# until that file is there), `grandchild` (it leaves a process in a session of its own, for a minute), `fail`, `retry=N` (the
# first N times that it is started it fails), `hang=N` (the first N of its runs do not end by themselves), `stubborn` (it
# ignores SIGINT and SIGTERM). A task whose name has no place in a line is called by another; `done-TASK` is then a link to
# its result. In $FAKE_CODEX_DIR stand
#   history        start|end TASK CLAIM, and a line `overlap …` or `start-after-done …` for what must never be
#   TASK.flock     held with flock(2) by whatever of this run still lives: an oracle that knows nothing of our protocol
# $FAKE_CODEX_TASKS is the task directory.
read -r task words
[ -n "$task" ] || exit 1 # its prompt cannot be read: somebody has cut the power of the disk
history=$FAKE_CODEX_DIR/history
hold=0
for word in $words; do
  case $word in
    hold=*) hold=${word#hold=} ;;
    until=*) until=${word#until=} ;;
    grandchild) grandchild=1 ;;
    fail) fail=1 ;;
    hang=*) hang=${word#hang=} ;;
    stubborn) trap '' INT TERM ;;
    retry=*) [ "$(grep -c "^start $task " "$history")" -ge "${word#retry=}" ] || fail=1 ;;
  esac
done
exec 9>"$FAKE_CODEX_DIR/$task.flock"
flock -n -E 77 9
[ $? = 77 ] && echo "overlap $task $CODEX_WORKER_CLAIM" >>"$history"
[ -e "$FAKE_CODEX_TASKS/done_exec_log-$task.txt" ] || [ -e "$FAKE_CODEX_DIR/done-$task" ] && echo "start-after-done $task $CODEX_WORKER_CLAIM" >>"$history"
echo "start $task $CODEX_WORKER_CLAIM" >>"$history"
[ -n "$hang" ] && [ "$(grep -c "^start $task " "$history")" -le "$hang" ] && hold=60
echo '{"type":"thread.started","thread_id":"t"}'
[ -n "$grandchild" ] && setsid sleep 60 &
[ "$hold" = 0 ] || sleep "$hold"
while [ -n "$until" ] && [ ! -e "$FAKE_CODEX_DIR/$until" ]; do sleep 0.05; done
printf '{"type":"item.completed","item":{"id":"0","type":"agent_message","text":"worked under %s"}}\n' "$CODEX_WORKER_CLAIM"
echo "end $task $CODEX_WORKER_CLAIM" >>"$history"
if [ -n "$fail" ]; then
  echo '{"type":"turn.failed","error":{"message":"the task told it to fail"}}'
  exit 1
fi
echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":4,"output_tokens":2}}'
