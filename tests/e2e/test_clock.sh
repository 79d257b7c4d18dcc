#!/bin/bash
# The time that judges: a restart with the clock behind the newest time seen, and (without sanitizers, which want to be
# loaded first) a clock that steps forward under a running broker.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs leaf --out server --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1 --not-after +3y
certs leaf --out short --issuer root --cn short --client --not-after +1d
certs leaf --out long --issuer root --cn long --client --not-after +2y
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: key" ks import --alias channel store.p12 server.crt server.key
check "keystore: anchor" ks import-trust --anchor --alias root store.p12 root.crt
mkdir -m 700 data
cat >test.mqsc <<CONFIG
DEFINE CHANNEL(C) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('u') SSLCAUTH(REQUIRED) +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') RESUME(NO)
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('u') AUTHADD(CONNECT)
DEFINE TOPIC(T) TOPICSTR('t')
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('u') AUTHADD(SUB,PUB)
START CHANNEL(C)
CONFIG
publish() { mosquitto_pub -V 5 -h localhost -p "$(port_of C)" --cafile root.crt --cert "$1.crt" --key "$1.key" -i "$2" -t t -m x; }
mark() { sed -n 's/^lockgate-time 1 //p' data/time.mark; }

# --- the mark of an earlier run ---
echo "lockgate-time 1 $(($(date +%s) + 2 * 86400))" >data/time.mark
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
expect_log "the clock is behind the mark: said so" 0 1 '"LKG0422E"'
refused "what had expired by then stays expired" "" publish short p1
expect_log "what had expired by then: the reason" 0 5 '"connection refused".*"certificate":"expired"'
check "what lives longer comes in" publish long p2
check "REFRESH" mqsc "REFRESH SECURITY TYPE(SSL)"
refused "REFRESH alone does not turn time back" "" publish short p3
check "REFRESH FORCE" mqsc "REFRESH SECURITY TYPE(SSL) FORCE"
expect_log "REFRESH FORCE: said so" 0 1 '"LKG0421I"'
check "REFRESH FORCE turns time back" publish short p4
for _ in $(seq 100); do [ "$(mark)" -lt "$(($(date +%s) + 86400))" ] && break; sleep 0.05; done
[ "$(mark)" -lt "$(($(date +%s) + 86400))" ] && ok || bad "and the mark goes with it" "$(mark)"
stop_broker "graceful stop"

# --- a mark that cannot be right ---
echo "lockgate-time 1 253402300799" >data/time.mark
from=$(lines)
start_broker -f test.mqsc --workers 2 || { bad "start with a mark of the year 9999" "$(cat broker.err)"; finish; }
expect_log "a mark of the year 9999 is doubted" "$from" 1 '"LKG0423E"'
check "it shuts nobody out" publish short p5
stop_broker "graceful stop"
head -c 20 /dev/urandom >data/time.mark
from=$(lines)
start_broker -f test.mqsc --workers 2 || { bad "start with a mark that is none" "$(cat broker.err)"; finish; }
expect_log "a mark that is none is doubted" "$from" 1 '"LKG0423E"'
check "it shuts nobody out either" publish short p6
for _ in $(seq 100); do [ -n "$(mark 2>/dev/null)" ] && break; sleep 0.05; done
[ -n "$(mark)" ] && ok || bad "a good mark takes its place" "$(od -c data/time.mark | head -1)"
stop_broker "graceful stop"
rm data/time.mark

# --- a step under a running broker ---
if [ -z "${SHIFT_CLOCK_LIB:-}" ]; then
  printf 'steps of a running clock: not with this build\n'
  finish
fi
shift_clock() { perl -e 'print pack("q", shift)' "$1" | dd of=shift bs=8 count=1 conv=notrunc 2>/dev/null; }
shift_clock 0
export SHIFT_CLOCK=$work/shift
real=$LOCKGATE
printf '#!/bin/sh\nexec env LD_PRELOAD="%s" "%s" "$@"\n' "$SHIFT_CLOCK_LIB" "$real" >shifted
chmod 700 shifted
LOCKGATE=$work/shifted
from=$(lines)
start_broker -f test.mqsc --workers 2 || { bad "start with a clock that can be set" "$(cat broker.err)"; finish; }
LOCKGATE=$real
live() { # CLIENT CERTIFICATE
  local from
  from=$(lines)
  mosquitto_sub -V 5 -h localhost -p "$(port_of C)" --cafile root.crt --cert "$2.crt" --key "$2.key" -i "$1" -t t -q 1 \
    -k 60 >"$1.out" 2>"$1.err" &
  pids+=($!)
  expect_log "$1 is admitted" "$from" 10 "\"LKG0300I\".*\"client\":\"$1\""
}
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do live "short$n" short; done
live long long
from=$(lines)
shift_clock $((2 * 86400))
expect_log "a step forward: said so, in dates" "$from" 5 '"LKG0420E".*"clock":"20[0-9-]+T[0-9:.]+Z","expected":"20[0-9-]+T[0-9:.]+Z","step_seconds":17[0-9]+'
check "a rule changes: all are judged again" mqsc "SET CHLAUTH(C) TYPE(BLOCKUSER) USERLIST('nobody')"
sleep 1 # time for a wrong close to show
expect_no_log "no live session ends by it" "$from" '"session closed"'
refused "newcomers are judged by the clock" "" publish short p7
refused "REFRESH would close twelve" "12 of 13 sessions of channel C would be closed" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_no_log "REFRESH would close twelve: none is" "$from" '"session closed"'
shift_clock 0
expect_log "the step is taken back" "$from" 5 '"LKG0421I"'
expect_no_log "the step is taken back: none is closed" "$from" '"session closed"'
check "the step is taken back: short comes in" publish short p8
from=$(lines)
shift_clock $((2 * 86400))
expect_log "another step forward" "$from" 5 '"LKG0420E"'
check "REFRESH FORCE says that the clock is right" mqsc "REFRESH SECURITY TYPE(SSL) FORCE"
expect_log "then what has expired ends" "$from" 5 '"session closed".*"step":"path","certificate":"expired".*"client":"short7"'
expect_log "an alarm" "$from" 5 '"LKG0419W"'
expect_no_log "what has not expired stays" "$from" '"session closed".*"client":"long"'

# --- FORCE that takes a held SIGHUP says so of the clock, too ---
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do live "more$n" long; done
from=$(lines)
shift_clock $((4 * 86400))
expect_log "held SIGHUP: a step forward" "$from" 5 '"LKG0420E"'
echo "SET CHLAUTH(C) TYPE(BLOCKUSER) USERLIST('u')" >>test.mqsc
kill -HUP "$broker"
expect_log "held SIGHUP: it is held" "$from" 5 '"LKG0410E".*1[23] of 13 sessions'
expect_no_log "held SIGHUP: the clock is not believed by it" "$from" '"LKG0421I"'
check "held SIGHUP: REFRESH FORCE" mqsc "REFRESH SECURITY TYPE(SSL) FORCE"
expect_log "held SIGHUP: REFRESH FORCE takes it" "$from" 5 '"LKG0409I"'
expect_log "held SIGHUP: REFRESH FORCE believes the clock" "$from" 5 '"LKG0421I"'
stop_broker "graceful stop"
finish
