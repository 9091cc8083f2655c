#!/bin/sh
# A Codex that says $LOUD_MB megabytes in messages of 60 KB, and then that it is done.
line=$(head -c 60000 /dev/zero | tr '\0' x)
echo '{"type":"thread.started","thread_id":"t"}'
n=$((LOUD_MB * 1048576 / 60080))
yes "{\"type\":\"item.completed\",\"item\":{\"id\":\"0\",\"type\":\"agent_message\",\"text\":\"$line\"}}" | head -n "$n"
echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":4,"output_tokens":2}}'
