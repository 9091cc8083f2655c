#!/bin/bash
# Checks the model of the lock protocol, lock.pml:  run.sh [all | long | NAME…]     (npm run model, npm run model -- all)
#
# Without an argument: everything that is over within seconds, which includes all that must fail. Prints one line for each
# run; exit code 1 if one is not as expected. A run that did not get to its end never "holds", and what must fail must fail
# by the assertion that it is there to break. Environment: MEMORY_KB (14000000), SECONDS_EACH (3600), KEEP=directory for
# the counterexamples.
cd "$(dirname "$0")" || exit 1
for tool in spin gcc; do
  command -v "$tool" > /dev/null || { echo "$tool is missing: apt-get install spin gcc" >&2; exit 1; }
done
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
wanted=" ${*:-quick} " bad=0 ran=0

# run SIZE NAME PROCS KILLS EXPECTED FLAGS [OPTIONS OF pan, or "live"]     SIZE: quick, all, or long: never seen to end
run() {
  local size=$1 name=$2 procs=$3 kills=$4 expected=$5 flags=$6 options=${7:-} dir="$scratch/$2" verdict
  case $wanted in *" $name "* | *" $size "*) ;; *" all "*) [ "$size" = long ] && return ;; *) return ;; esac
  ran=$((ran + 1))
  mkdir "$dir" && cp lock.pml "$dir" && cd "$dir" || exit 1
  local optimized=-O1 how="-DSAFETY -DNOCLAIM" search="-m3000000 $options"
  if [ "$options" = live ]; then how="-DNFAIR=$((procs + 2))" search="-a -f -m3000000"; fi
  # what is small or fails soon takes longer to compile than to search
  if [ "$size" = quick ] && { [ "$procs" = 2 ] || [ "$expected" != holds ]; }; then optimized=-O0; fi
  # shellcheck disable=SC2086
  if spin -a -DPROCS="$procs" -DKILLS="$kills" $flags lock.pml > made 2>&1 && ! grep -q Error made &&
    gcc $optimized $how -DCOLLAPSE -DVECTORSZ=1024 -o pan pan.c >> made 2>&1; then
    (ulimit -v "${MEMORY_KB:-14000000}" && timeout "${SECONDS_EACH:-3600}" nice -n 10 ./pan $search) > out 2>&1
  else
    cat made > out
  fi
  local violation errors
  violation=$(sed -n 's/^pan:1: \(assertion violated \)\{0,1\}\(.*\) (at depth.*/\2/p' out | tr -d ' ' | head -1)
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
  if [ -z "$errors" ]; then
    verdict="NOT FINISHED: $(tail -1 out)"
  elif grep -qiE 'search not completed|max search depth too small|out of memory' out && [ "$errors" = 0 ]; then
    verdict="NOT FINISHED"
  elif [ "$errors" = 0 ]; then
    verdict=holds
  else
    verdict="fails: $violation"
  fi
  case $expected in
    holds) [ "$verdict" = holds ] || verdict="$verdict  <-- SHOULD HOLD" ;;
    *) [[ $verdict == "fails: "*"${expected// /}"* ]] || verdict="$verdict  <-- SHOULD FAIL WITH $expected" ;;
  esac
  case $verdict in *"<--"*) bad=1 ;; esac
  printf '%-24s %d/%d  %11s %9s %8s %7s  %s  %s\n' "$name" "$procs" "$kills" \
    "$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' out | head -1)" \
    "$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' out | head -1)" \
    "$(sed -n 's/^pan: elapsed time \([0-9.e+]*\) .*/\1/p' out)" \
    "$(sed -n 's/ *\([0-9]*\)\.[0-9]*.*total actual memory.*/\1/p' out | head -1)" "$verdict" "$flags"
  if [ -n "$KEEP" ] && [ -f lock.pml.trail ]; then
    # shellcheck disable=SC2086
    spin -k lock.pml.trail -p -g -l -DPROCS="$procs" -DKILLS="$kills" $flags lock.pml > "$KEEP/$name.txt" 2>&1
  fi
  cd - > /dev/null && rm -rf "$dir"
}

spin -V
printf '%-24s %s %11s %9s %8s %7s  %s\n' name procs/kills states depth seconds MB 'verdict, flags'

# the protocol
run quick base                2 2 holds ""
run quick base_3              3 1 holds ""
run quick base_3_2            3 2 holds ""
run all   base_3_3            3 3 holds ""
run all   base_2_4            2 4 holds ""
run quick live                2 2 holds "" live
run all   live_3              3 1 holds "" live
run all   live_3_2            3 2 holds "" live
run quick reset               2 1 holds "-DRESETS=1"
run all   reset_2             2 2 holds "-DRESETS=1"
run all   reset_3             3 1 holds "-DRESETS=1"
run quick takeover            2 1 holds "-DTAKEOVER=1"
run all   takeover_3          3 1 holds "-DTAKEOVER=1"
run all   takeover_3_2        3 2 holds "-DTAKEOVER=1"
run quick power               2 1 holds "-DPOWER"
run all   power_2             2 2 holds "-DPOWER"
run quick janitor             2 1 holds "-DJANITOR"
run all   janitor_2           2 2 holds "-DJANITOR"
run all   janitor_3           3 1 holds "-DJANITOR"
run quick log_janitor         2 0 holds "-DLOG_JANITOR"
run all   log_janitor_1       2 1 holds "-DLOG_JANITOR"
run all   log_janitor_2       2 2 holds "-DLOG_JANITOR"
run all   log_janitor_3_0     3 0 holds "-DLOG_JANITOR"
run long  log_janitor_3       3 1 holds "-DLOG_JANITOR"
run quick log_janitor_clone   2 0 holds "-DLOG_JANITOR -DCLONE"
run all   log_janitor_clone_1 2 1 holds "-DLOG_JANITOR -DCLONE"
run quick deaths              2 2 holds "-DDEATHS"
run all   deaths_3_kills      2 3 holds "-DDEATHS"
run all   deaths_3            3 1 holds "-DDEATHS"
run all   deaths_3_2          3 2 holds "-DDEATHS"
run quick older_failure       2 2 holds "-DOLDER_FAILURE"
run all   older_failure_3     3 1 holds "-DOLDER_FAILURE"
run all   older_failure_3_2   3 2 holds "-DOLDER_FAILURE"
# without hard links a kill at the wrong moment leaves a task held (the end states), and nothing worse
run quick no_hard_links       2 2 holds "-DANON_RIGHT -DANON_LOCK" -E
run all   no_hard_links_3     3 1 holds "-DANON_RIGHT -DANON_LOCK" -E
run all   no_hard_links_3_2   3 2 holds "-DANON_RIGHT -DANON_LOCK" -E

# with one thing taken out
run quick no_right            3 1 'atWork==1' "-DOVERLAP_ONLY -DNO_RIGHT"
run quick no_second_read      3 1 'atWork==1' "-DOVERLAP_ONLY -DNO_SECOND_READ"
run quick drop_in_place       3 1 'atWork==1' "-DOVERLAP_ONLY -DDROP_IN_PLACE"
run quick rights_first        3 1 'atWork==1' "-DOVERLAP_ONLY -DRIGHTS_FIRST"
run quick break_right         3 2 'atWork==1' "-DOVERLAP_ONLY -DBREAK_RIGHT"
run quick ignore_child        3 1 'atWork==1' "-DOVERLAP_ONLY -DIGNORE_CHILD"
run quick no_gate             3 1 'atWork==1' "-DOVERLAP_ONLY -DNO_GATE"
run quick lock_before_rights  2 1 'atWork==1' "-DOVERLAP_ONLY -DJANITOR -DLOCK_BEFORE_RIGHTS"
run quick no_second_look      3 1 '!(done)' "-DNO_SECOND_LOOK"
run quick owner_without_right 3 1 'lock==x' "-DTAKEOVER=1 -DOWNER_WITHOUT_RIGHT"
run quick right_by_silence    3 0 'lock==x' "-DTAKEOVER=2 -DRIGHT_BY_SILENCE -DNAMES=5"
run quick said_before_fsync   2 1 '!(said)||done' "-DPOWER -DSAID_BEFORE_FSYNC"
run quick no_chain            3 1 'invalid end state' "-DOVERLAP_ONLY -DNO_CHAIN"
run quick pid_only            3 1 'invalid end state' "-DOVERLAP_ONLY -DPID_ONLY"
run quick anonymous_right     2 1 'invalid end state' "-DOVERLAP_ONLY -DANON_RIGHT"
run quick anonymous_lock      2 1 'invalid end state' "-DOVERLAP_ONLY -DANON_LOCK"
run quick log_before_draft    2 1 '!(hopes[x])&&(lock!=x)' "-DLOG_JANITOR -DLOG_BEFORE_TEMPORARY"
run quick lock_before_draft   2 1 '!(hopes[x])&&(lock!=x)' "-DLOG_JANITOR -DLOCK_BEFORE_TEMPORARY"
run quick draft_kept          2 1 '!(hopes[x])&&(lock!=x)' "-DLOG_JANITOR -DCLONE -DKEEP_TEMPORARY"
run quick death_counted_twice 2 2 'deaths>=2' "-DDEATHS -DCOUNT_WITHOUT_LOG"
run quick no_look_at_log      2 2 'failed!=x' "-DOLDER_FAILURE -DNO_LOOK_AT_LOG"
run quick overwrites          2 2 'failed==0' "-DOLDER_FAILURE -DOVERWRITE"

[ "$ran" -gt 0 ] || { echo "nothing is named $*" >&2; exit 1; }
[ "$bad" = 0 ] || echo "NOT AS EXPECTED"
exit "$bad"
