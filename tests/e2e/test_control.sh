#!/bin/bash
# The control plane: what cannot start says why and leaves nothing; commands, SIGHUP and stop that meet each other.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs leaf --out server --issuer root --cn localhost --server --dns localhost
certs leaf --out device --issuer root --cn device --client
certs crl --out root --issuer root --number 1
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
echo wrong >wrong
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: key" ks import --alias channel store.p12 server.crt server.key
check "keystore: anchor" ks import-trust --anchor store.p12 root.crt
cp store.p12 first.p12
mkdir -m 700 data
plain="DEFINE CHANNEL(PLAIN) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('vpn')"
rights="SET CHLAUTH(PLAIN) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
DEFINE TOPIC(NEWS) TOPICSTR('news')
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('vpn') AUTHADD(CONNECT)
SET AUTHREC PROFILE(NEWS) OBJTYPE(TOPIC) PRINCIPAL('vpn') AUTHADD(SUB)"
tls="DEFINE CHANNEL(TLS) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass')"

# --- what cannot start ---
no_start() { # ROW WORD: with test.mqsc
  local row=$1 word=$2
  local code=0
  timeout -s KILL 60 "$LOCKGATE" run --dir data -f test.mqsc --log "$log" --log-format json >out 2>err || code=$?
  if [ "$code" != 1 ]; then bad "$row" "exit $code: $(head -c 3000 err)"
  elif ! grep -qF -- "$word" err; then bad "$row" "'$word' is not in: $(head -c 3000 err)"
  elif grep -qE 'Sanitizer|runtime error|Assertion' err; then bad "$row" "$(head -c 3000 err)"
  elif [ -e data/admin.sock ]; then bad "$row" "the admin socket was left"
  else ok; fi
}
printf '%s\nSTART CHANEL(PLAIN)\n' "$plain" >test.mqsc
no_start "MQSC typo: line and column" "test.mqsc"
no_start "MQSC typo: the word" "CHANEL"
printf '%s SSLPEER('"'CN=x'"')\nSTART CHANNEL(PLAIN)\n' "$plain" >test.mqsc
no_start "SSLPEER without SSLKEYR" "SSLKEYR"
printf '%s\nSTART CHANNEL(TLS)\n' "${tls/pass\'/wrong\'}" >test.mqsc
no_start "wrong passphrase" "store.p12"
printf '%s CRLFILE('"'%s/nowhere'"')\nSTART CHANNEL(TLS)\n' "$tls" "$work" >test.mqsc
no_start "missing CRL" "there is no such file or folder"
printf '%s JAASCFG('"'Nobody'"')\nSTART CHANNEL(TLS)\n' "$tls" >test.mqsc
no_start "unknown JAAS entry" "JAASCFG"
printf '%s\nSTART CHANNEL(TLS)\n' "$tls" >test.mqsc
chmod 666 test.mqsc
no_start "a script that others may change" "owner or mode"
chmod 600 test.mqsc
head -c 100 store.p12 >cut.p12
printf '%s\nSTART CHANNEL(TLS)\n' "${tls/store.p12/cut.p12}" >test.mqsc
no_start "cut keystore" "cut.p12"

certs leaf --out old --issuer root --cn localhost --server --not-before -2d --not-after -1d
check "keystore: old key" ks import --alias old store.p12 old.crt old.key
printf "%s CERTLABL('old')\nSTART CHANNEL(TLS)\n" "$tls" >test.mqsc
no_start "expired channel certificate" "has expired"
printf '%s\nSTART CHANNEL(TLS)\n' "$tls" >test.mqsc
chmod 777 data
no_start "a data directory that others may change" "owner or mode"
chmod 700 data
rm -f store.p12
cp first.p12 store.p12

# --- one that runs ---
printf '%s\n%s\nSTART CHANNEL(PLAIN)\n' "$plain" "$rights" >test.mqsc
start_broker -f test.mqsc || { bad "start" "$(cat broker.err)"; finish; }
port=$(port_of PLAIN)
cp test.mqsc running.mqsc
refused "second broker on one data directory" "another broker" "$LOCKGATE" run --dir data -f test.mqsc
check "the first one is still there" mqsc "DISPLAY CHSTATUS(*)"
mkdir -m 700 data2
printf '%s\n%s\nSTART CHANNEL(PLAIN)\n' "${plain/PORT(0)/PORT($port)}" "$rights" >busy.mqsc
refused "busy port" "in use by another program" "$LOCKGATE" run --dir data2 -f busy.mqsc
check "busy port: nothing left" test ! -e data2/admin.sock

subscriber() {
  local from
  from=$(lines)
  mosquitto_sub -h 127.0.0.1 -p "$port" -i watcher -t news >sub.out 2>&1 &
  pids+=($!)
  expect_log "a client is in" "$from" 10 '"LKG0300I".*"client":"watcher"'
}
subscriber

# --- START, STOP and SIGHUP that meet ---
check "define TLS" mqsc "$tls"
for round in 1 2 3 4 5 6 7 8; do
  (mqsc "START CHANNEL(TLS)" >start.out 2>&1; true) &
  starter=$!
  [ $((round % 2)) = 0 ] && mqsc "STOP CHANNEL(TLS)" >/dev/null 2>&1
  [ $((round % 3)) = 0 ] && kill -HUP "$broker"
  wait "$starter"
  mqsc "STOP CHANNEL(TLS)" >/dev/null 2>&1
  mqsc "$tls" >/dev/null 2>&1 # SIGHUP forgets what no script says
done
check "still answers" mqsc "DISPLAY CHSTATUS(*)"
check "PLAIN still runs" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHSTATUS(PLAIN)' | grep -q RUNNING"
from=$(lines)
{ echo "$tls REPLACE"; echo "START CHANNEL(TLS)"; } | sed 's/ REPLACE$//' >>test.mqsc
(mqsc "START CHANNEL(TLS)" >start.out 2>&1; true) & starter=$!
kill -HUP "$broker"
kill -HUP "$broker"
wait "$starter"
expect_log "SIGHUP is taken" "$from" 10 '"LKG0409I"'
from=$(lines)
kill -HUP "$broker"
expect_log "SIGHUP once more" "$from" 10 '"LKG0409I"'
check "both channels run" mqsc "DISPLAY CHSTATUS(TLS)"
expect_no_log "the client noticed nothing of all that" 0 '"LKG0301I".*"client":"watcher"'

# --- SIGHUP with something bad ---
from=$(lines)
echo "DEFINE NONSENSE(X)" >>test.mqsc
kill -HUP "$broker"
expect_log "SIGHUP with a typo changes nothing" "$from" 10 '"LKG0410E"'
expect_no_log "nothing stopped" "$from" '"LKG0201I"'

# --- operators that go away ---
tls2=$(sed 's/CHANNEL(TLS)/CHANNEL(TLS2)/' <<<"$tls")
for signal in KILL TERM INT; do
  "$LOCKGATE" mqsc --dir data -c "$tls2" >/dev/null 2>&1
  "$LOCKGATE" mqsc --dir data -c "START CHANNEL(TLS2)" >/dev/null 2>&1 &
  operator=$!
  kill -"$signal" "$operator" 2>/dev/null
  wait "$operator" 2>/dev/null
  mqsc "STOP CHANNEL(TLS2)" >/dev/null 2>&1
done
check "still answers after operators that vanished" mqsc "DISPLAY CHSTATUS(*)"
refused "explain of an unknown id" "No refusal of that id" "$LOCKGATE" explain --dir data --refusal 00000000

# --- STOP CHANNEL CLIENTID, PURGE, STOP ---
from=$(lines)
check "STOP CLIENTID" mqsc "STOP CHANNEL(PLAIN) CLIENTID('watcher')"
expect_log "STOP CLIENTID closes it" "$from" 5 '"LKG0301I".*"client":"watcher".*"why":"stopped by an operator"'
from=$(lines)
expect_log "it comes back by itself" "$from" 10 '"LKG0300I".*"client":"watcher"'
from=$(lines)
check "STOP CHANNEL" mqsc "STOP CHANNEL(PLAIN)"
expect_log "STOP CHANNEL closes it" "$from" 5 '"LKG0301I".*"client":"watcher"'
refused "a stopped channel is not in use" "AMQ9533E" mqsc "STOP CHANNEL(PLAIN)"

# --- SIGTERM while commands and SIGHUP are under way ---
mqsc "$tls2" >/dev/null 2>&1
(mqsc "START CHANNEL(TLS2)" >start.out 2>&1; true) & starter=$!
kill -HUP "$broker"
stop_broker "SIGTERM while START and SIGHUP are under way"
wait "$starter"
check "nothing left but the lock" test ! -e data/admin.sock

# --- SIGTERM while it starts ---
cp running.mqsc test.mqsc
"$LOCKGATE" run --dir data -f test.mqsc --log "$log" --log-format json 2>broker.err &
broker=$!
from=$(lines)
logged 0 5 . >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e data/admin.sock ] && break; sleep 0.05; done
stop_broker "SIGTERM while it starts"
finish
