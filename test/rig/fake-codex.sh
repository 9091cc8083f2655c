#!/bin/sh
# A Codex for tests that crash: it works by itself, and tells afterwards what no test could see from outside.
#
# It is `codex exec --json`, and `codex app-server` where it is started with that word (types of Codex 0.169). There it
# ends when its input does, as the real one does, and with it what it was told to wait for.
#
# The first line of the prompt is the task's name, then words: `hold=SECONDS` (how long it works), `until=NAME` (it works
# until that file is there), `grandchild` (it leaves a process in a session of its own, for a minute), `fail`, `retry=N` (the
# first N times that it is started it fails), `hang=N` (the first N of its runs do not end by themselves), `stubborn` (it
# ignores SIGINT and SIGTERM, and is deaf), `deaf` (an app-server that hears neither that its turn is to end nor, before it is
# over, that its input has), `ask=COMMAND` (before it works an app-server asks whether it may run that; with `ask=A,B` it
# asks both at once). A task whose name has no place in a line is called by another; `done-TASK` is then a link to its
# result. In $FAKE_CODEX_DIR stand
#   history        start|end TASK CLAIM, asked TASK CLAIM COMMAND, told TASK CLAIM DECISION COMMAND, and a line `overlap …`,
#                  `start-after-done …` or `told-unasked …` for what must never be
#   TASK.flock     held with flock(2) by whatever of this run still lives: an oracle that knows nothing of our protocol
# $FAKE_CODEX_TASKS is the task directory.
history=$FAKE_CODEX_DIR/history
[ "$1" != --version ] || exec echo 'codex-cli 0.169.0'
[ "$1" = exec ] || for argument; do [ "$argument" != app-server ] || serves=1; done

note() { echo "$1 $task $CODEX_WORKER_CLAIM${2:+ $2}" >>"$history"; }

begin() { # TASK WORD…
  task=$1
  [ -n "$task" ] || exit 1 # its prompt cannot be read: somebody has cut the power of the disk
  shift
  hold=0
  for word; do
    case $word in
      hold=*) hold=${word#hold=} ;;
      until=*) until=${word#until=} ;;
      grandchild) grandchild=1 ;;
      fail) fail=1 ;;
      hang=*) hang=${word#hang=} ;;
      stubborn) deaf=1 stubborn=1 && trap '' INT TERM ;;
      deaf) deaf=1 ;;
      ask=*) asks="$asks ${word#ask=}" ;;
      retry=*) [ "$(grep -c "^start $task " "$history")" -ge "${word#retry=}" ] || fail=1 ;;
    esac
  done
  exec 9>"$FAKE_CODEX_DIR/$task.flock"
  flock -n -E 77 9
  [ $? = 77 ] && note overlap
  [ -e "$FAKE_CODEX_TASKS/done_exec_log-$task.txt" ] || [ -e "$FAKE_CODEX_DIR/done-$task" ] && note start-after-done
  note start
  [ -n "$hang" ] && [ "$(grep -c "^start $task " "$history")" -le "$hang" ] && hold=60
  [ -n "$grandchild" ] && setsid sleep 60 &
}

if [ -z "$serves" ]; then
  read -r first words
  begin "$first" $words
  echo '{"type":"thread.started","thread_id":"t"}'
  [ "$hold" = 0 ] || sleep "$hold"
  while [ -n "$until" ] && [ ! -e "$FAKE_CODEX_DIR/$until" ]; do sleep 0.05; done
  printf '{"type":"item.completed","item":{"id":"0","type":"agent_message","text":"worked under %s"}}\n' "$CODEX_WORKER_CLAIM"
  note end
  if [ -n "$fail" ]; then
    echo '{"type":"turn.failed","error":{"message":"the task told it to fail"}}'
    exit 1
  fi
  echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":4,"output_tokens":2}}'
  exit
fi

# ---- codex app-server: one JSON object a line, without a fork for any of them ----

q="'"
say() { printf '%s\n' "$@"; }
turn() { # STATUS ERROR: sets $turn
  turn='{"id":"turn","rootTurnId":"turn","items":[],"itemsView":"notLoaded","status":"'$1'","error":'$2',"startedAt":null,"completedAt":null,"durationMs":null}'
}
item() { # started|completed TYPE-AND-FIELDS: sets $item
  item='{"method":"item/'$1'","params":{"item":{'$2',"startedAtMs":0,"completedAtMs":0},"threadId":"'$thread'","turnId":"turn","'$1'AtMs":0},"emittedAtMs":0}'
}
command_item() { # COMMAND STATUS EXIT-CODE
  command_item='"type":"commandExecution","id":"'$1'","pluginId":null,"scriptPath":null,"command":"/bin/bash -lc '"$q$1$q"'","cwd":"'$cwd'","processId":null,"source":"agent","status":"'$2'","commandActions":[],"aggregatedOutput":null,"exitCode":'$3',"durationMs":null'
}
complete_turn() { # STATUS ERROR
  turn "$1" "$2"
  say '{"method":"turn/completed","params":{"threadId":"'$thread'","turn":'"$turn"'},"emittedAtMs":0}'
}

ask_next() { # the next of what it has to ask, or its work when that is all
  [ -n "$asks" ] || { work; return; }
  asks=${asks# }
  together=${asks%% *}
  asks=${asks#"$together"}
  open=' '
  while [ -n "$together" ]; do
    command=${together%%,*}
    together=${together#"$command"}
    together=${together#,}
    note asked "$command"
    command_item "$command" inProgress null
    item started "$command_item"
    say "$item" '{"method":"item/commandExecution/requestApproval","id":'$((requests += 1))',"params":{"kind":"command","threadId":"'$thread'","turnId":"turn","itemId":"'$command'","startedAtMs":0,"environmentId":"local","reason":"may I?","command":"/bin/bash -lc '"$q$command$q"'","cwd":"'$cwd'","commandActions":[{"type":"unknown","command":"'$command'"}],"proposedExecpolicyAmendment":["'$command'"],"availableDecisions":["accept",{"acceptWithExecpolicyAmendment":{"execpolicy_amendment":["'$command'"]}},"cancel"]}}'
    open="$open$requests:$command "
  done
}

answered() { # ID DECISION
  case $dropped in *" $1:"*) return ;; esac # it was on its way when the turn ended
  case $open in
    *" $1:"*) ;;
    *) note told-unasked "$1 $2" && return ;;
  esac
  command=${open#*" $1:"}
  command=${command%% *}
  open="${open%%"$1:$command "*}${open#*" $1:$command "}"
  note told "$2 $command"
  status=completed
  code=0
  case $2 in decline | cancel) status=declined code=null ;; esac
  command_item "$command" $status $code
  item completed "$command_item"
  say '{"method":"serverRequest/resolved","params":{"threadId":"'$thread'","requestId":'$1'},"emittedAtMs":0}' "$item"
  if [ "$2" = cancel ]; then
    dropped=$open
    open=
    complete_turn interrupted null
  elif [ "$open" = ' ' ]; then
    open=
    ask_next
  fi
}

work() { # its input is read meanwhile, so it waits in a process of its own
  [ "$hold" = 0 ] && [ -z "$until" ] && { finish; return; }
  [ -n "$stubborn" ] || trap - TERM # a signal that comes at its very beginning would be lost in our trap, which it inherits
  (
    stopped=
    nap=
    trap 'stopped=1; [ -z "$nap" ] || kill $nap' TERM
    [ -z "$stubborn" ] || trap '' TERM
    sleep "$hold" &
    nap=$!
    [ -z "$stopped" ] || kill $nap
    wait $nap
    while [ -n "$until" ] && [ -z "$stopped" ] && [ ! -e "$FAKE_CODEX_DIR/$until" ]; do sleep 0.05; done
    [ -z "$stopped" ] && kill -0 $$ && finish
  ) 2>/dev/null &
  worker=$!
  [ -n "$stubborn" ] || trap 'stop_working; exit 0' TERM
}

finish() {
  item completed '"type":"agentMessage","moderation":null,"id":"0","text":"worked under '$CODEX_WORKER_CLAIM'","phase":null,"memoryCitation":null,"delivery":null,"questions":null'
  say "$item"
  note end
  if [ -n "$fail" ]; then
    error='{"message":"the task told it to fail","codexErrorInfo":"other","additionalDetails":null,"misalignment":null}'
    say '{"method":"error","params":{"error":'"$error"',"willRetry":false,"threadId":"'$thread'","turnId":"turn"},"emittedAtMs":0}'
    complete_turn failed "$error"
    return
  fi
  tokens='{"totalTokens":12,"inputTokens":10,"cachedInputTokens":4,"cacheWriteInputTokens":0,"outputTokens":2,"reasoningOutputTokens":0}'
  say '{"method":"thread/tokenUsage/updated","params":{"threadId":"'$thread'","turnId":"turn","tokenUsage":{"total":'$tokens',"last":'$tokens',"modelContextWindow":null}},"emittedAtMs":0}'
  complete_turn completed null
}

stop_working() {
  [ -z "$worker" ] || { kill "$worker" && wait "$worker"; } 2>/dev/null
  worker=
}

requests=-1
trap 'stop_working; exit 0' TERM
while IFS= read -r line; do
  id=${line#*\"id\":}
  id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*)
      say '{"id":'"$id"',"result":{"userAgent":"fake/0.169.0","codexHome":"/nowhere","platformFamily":"unix","platformOs":"linux"}}'
      ;;
    *'"method":"thread/start"'* | *'"method":"thread/resume"'*)
      thread=t
      case $line in *'"threadId":"'*) thread=${line#*\"threadId\":\"} && thread=${thread%%\"*} ;; esac
      case $line in *'"cwd":"'*) cwd=${line#*\"cwd\":\"} && cwd=${cwd%%\"*} ;; esac
      case $line in *'"approvalPolicy":"never"'*) never=1 ;; esac
      told='{"id":"'$thread'","sessionId":"'$thread'","preview":"","ephemeral":false,"modelProvider":"fake","model":"fake","createdAt":0,"updatedAt":0,"status":{"type":"idle"},"path":null,"cwd":"'$cwd'","cliVersion":"0.169.0","source":"vscode","turns":[]}'
      say '{"id":'"$id"',"result":{"thread":'"$told"',"model":"fake","modelProvider":"fake","cwd":"'"$cwd"'","approvalPolicy":"on-request","sandbox":{"type":"readOnly","networkAccess":false}}}' \
        '{"method":"thread/started","params":{"thread":'"$told"'},"emittedAtMs":0}'
      ;;
    *'"method":"turn/start"'*)
      prompt=${line#*\"text\":\"}
      begin ${prompt%%[\"\\]*} # its first line
      [ -z "$never" ] || asks=
      turn inProgress null
      say '{"id":'"$id"',"result":{"turn":'"$turn"'}}' \
        '{"method":"thread/status/changed","params":{"threadId":"'"$thread"'","status":{"type":"active","activeFlags":[]}},"emittedAtMs":0}' \
        '{"method":"turn/started","params":{"threadId":"'"$thread"'","turn":'"$turn"'},"emittedAtMs":0}'
      ask_next
      ;;
    *'"method":"turn/interrupt"'*)
      [ -z "$deaf" ] || continue
      stop_working
      dropped=$open
      open=
      say '{"id":'"$id"',"result":{}}'
      complete_turn interrupted null
      ;;
    *'"method":"thread/backgroundTerminals/clean"'*) say '{"id":'"$id"',"result":{}}' ;;
    *'"method":'*'"id":'* | *'"id":'*'"method":'*)
      say '{"id":'"$id"',"error":{"code":-32600,"message":"Invalid request: unknown variant"}}'
      ;;
    *'"decision":"'*)
      decision=${line#*\"decision\":\"}
      answered "$id" "${decision%%\"*}"
      ;;
    *'"method":"initialized"'*) ;;
    *'"error":'*) answered "$id" refused ;;
  esac
done
[ -z "$deaf" ] || wait "$worker"
[ -z "$deaf" ] || [ -z "$open" ] || sleep 60
stop_working
