#!/bin/sh
# A Codex that says $LOUD_MB megabytes in messages of 60 KB, and then that it is done; an app-server where it is told to be one.
[ "$1" != --version ] || exec echo 'codex-cli 0.169.0'
[ "$1" = exec ] || for argument; do [ "$argument" != app-server ] || serves=1; done
text=$(head -c 60000 /dev/zero | tr '\0' x)
n=$((LOUD_MB * 1048576 / 60080))

if [ -z "$serves" ]; then
  echo '{"type":"thread.started","thread_id":"t"}'
  yes "{\"type\":\"item.completed\",\"item\":{\"id\":\"0\",\"type\":\"agent_message\",\"text\":\"$text\"}}" | head -n "$n"
  echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":4,"output_tokens":2}}'
  exit
fi

notify() { echo '{"method":"'"$1"'","params":{"threadId":"t",'"$2"'},"emittedAtMs":0}'; }
turn='"id":"turn","items":[],"itemsView":"notLoaded","error":null,"startedAt":null,"completedAt":null,"durationMs":null'
tokens='{"totalTokens":12,"inputTokens":10,"cachedInputTokens":4,"cacheWriteInputTokens":0,"outputTokens":2,"reasoningOutputTokens":0}'
while IFS= read -r line; do
  id=${line#*\"id\":}
  id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*)
      echo '{"id":'"$id"',"result":{"userAgent":"loud/0.169.0","codexHome":"/nowhere","platformFamily":"unix","platformOs":"linux"}}'
      ;;
    *'"method":"thread/start"'*) echo '{"id":'"$id"',"result":{"thread":{"id":"t","path":null,"turns":[]},"model":"loud"}}' ;;
    *'"method":"turn/start"'*)
      echo '{"id":'"$id"',"result":{"turn":{'"$turn"',"status":"inProgress"}}}'
      notify turn/started '"turn":{'"$turn"',"status":"inProgress"}'
      message=$(notify item/completed '"turnId":"turn","item":{"type":"agentMessage","id":"0","text":"'"$text"'"},"completedAtMs":0')
      yes "$message" | head -n "$n"
      notify thread/tokenUsage/updated '"turnId":"turn","tokenUsage":{"total":'$tokens',"last":'$tokens',"modelContextWindow":null}'
      notify turn/completed '"turn":{'"$turn"',"status":"completed"}'
      ;;
    *'"method":"initialized"'*) ;;
    *) echo '{"id":'"$id"',"error":{"code":-32600,"message":"Invalid request: unknown variant"}}' ;;
  esac
done
