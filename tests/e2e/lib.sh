# lib.sh - what the tests of a whole broker share. Sourced; wants LOCKGATE and LOCKGATE_CERTS in the environment.
# Rows are named; a failed row shows the end of the broker's log. Ends with `finish`.
set -u
: "${LOCKGATE:?}" "${LOCKGATE_CERTS:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/lockgate-e2e.XXXXXX")
umask 077
cd "$work" || exit 1
rows=0 failed=0 broker=0 pids=()
log=$work/log.json

stop_all() {
  local pid
  [ "$BASHPID" = "$$" ] || return # a child that was ended before it became its program
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null; done
  [ "$broker" = 0 ] || kill "$broker" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$work"
}
trap stop_all EXIT

ok() { rows=$((rows + 1)); }
bad() { # row, what
  rows=$((rows + 1)) failed=$((failed + 1))
  printf 'FAILED: %s: %s\n' "$1" "$2"
  tail -n 12 "$log" 2>/dev/null | sed 's/^/    | /'
}
# check ROW COMMAND...
check() {
  local row=$1
  shift
  if "$@" >out 2>err; then ok; else bad "$row" "exit $?: $*: $(head -c 600 out) $(head -c 600 err)"; fi
}
# refused ROW WORD COMMAND...: fails, and says WORD
refused() {
  local row=$1 word=$2
  shift 2
  if "$@" >out 2>err; then
    bad "$row" "was accepted: $*"
  elif ! grep -qF -- "$word" out err; then
    bad "$row" "'$word' is not in: $(head -c 600 out) $(head -c 600 err)"
  else ok; fi
}

now_ms() { date +%s%3N; }
# The broker writes a line a few milliseconds after the fact: until nothing has come for 30 of them.
settle() {
  local size='' next='' looks
  for looks in {1..30}; do
    next=$(stat -c %s "$log" 2>/dev/null)
    [ "$next" != "$size" ] || return
    size=$next
    sleep 0.03
  done
}
lines() { settle; if [ -f "$log" ]; then wc -l <"$log"; else echo 0; fi; }
# logged FROM_LINE SECONDS PATTERN: the first line of the log behind FROM_LINE that matches
logged() {
  local until=$(($(now_ms) + $2 * 1000)) line
  while :; do
    line=$(tail -n +"$(($1 + 1))" "$log" 2>/dev/null | grep -m 1 -E -- "$3")
    [ -z "$line" ] || { printf '%s\n' "$line"; return 0; }
    [ "$(now_ms)" -lt "$until" ] || return 1
    sleep 0.02
  done
}
expect_log() { # ROW FROM SECONDS PATTERN
  if logged "$2" "$3" "$4" >/dev/null; then ok; else bad "$1" "not in the log within $3 s: $4"; fi
}
expect_no_log() { # ROW FROM PATTERN: at once
  settle
  if tail -n +"$(($2 + 1))" "$log" | grep -qE -- "$3"; then bad "$1" "is in the log: $3"; else ok; fi
}
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

certs() { (cd "$work" && "$LOCKGATE_CERTS" "$@" >/dev/null) || { echo "lockgate-certs $* failed"; exit 1; }; }
mqsc() { "$LOCKGATE" mqsc --dir data -c "$1"; }
# start_broker ARGUMENTS...: waits until it is ready; 1 if it ended
start_broker() {
  rm -f ready
  mkfifo ready
  "$LOCKGATE" run --dir data --log "$log" --log-format json --ready-fd 9 "$@" 9<>ready 2>broker.err &
  broker=$!
  local word='' part='' until=$(($(now_ms) + 30000))
  exec 8<>ready
  while [ "$(now_ms)" -lt "$until" ]; do
    read -r -t 0.2 part <&8
    word=$word$part # what had come when the time was over is in part, too
    [ "$word" = ready ] && break
    kill -0 "$broker" 2>/dev/null || break
  done
  exec 8<&-
  [ "$word" = ready ]
}
stop_broker() { # ROW: SIGTERM, exit 0, no word of a sanitizer
  local row=$1 code=0
  kill "$broker"
  wait "$broker" || code=$?
  broker=0
  if [ "$code" != 0 ] || [ -s broker.err ]; then bad "$row" "exit $code: $(head -c 4000 broker.err)"; else ok; fi
}
port_of() {
  settle
  grep '"LKG0200I"' "$log" | grep "\"channel\":\"$1\"" | tail -n 1 | field port
}

finish() {
  printf '%d rows, %d failed\n' "$rows" "$failed"
  [ "$failed" = 0 ] && [ "$rows" -gt 0 ]
  exit
}
