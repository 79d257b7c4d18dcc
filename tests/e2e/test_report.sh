#!/bin/bash
# lockgate keystore report: what expires when, by exit code too; whom the removal of an anchor would cut, connected and
# known, by name; over a restart. A device that is cross-signed has another way and is not counted.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root" --not-after +3y
certs root --out second --cn "Second Root" --not-after +2y
certs root --out idle --cn "Idle Root" --not-after +1y
certs ca --out ca --issuer root --cn "Cross CA"
certs ca --out cross --issuer second --cn "Cross CA" --use-key ca.key
certs leaf --out server --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1 --not-after +20d
certs leaf --out one --issuer root --cn one --client
certs leaf --out two --issuer second --cn two --client
certs leaf --out both --issuer ca --cn both --client
certs self-signed --out pinned --cn pinned
cat both.crt ca.crt cross.crt >both-ways.crt
cp both.key both-ways.key
for name in dead gone fine; do certs leaf --out $name --issuer idle --cn $name --client; done
certs root --out foreign --cn "Idle Root"
certs leaf --out stranger --issuer foreign --cn fine --client
mkdir -m 700 data data/crl
for name in root second ca idle; do certs crl --out $name --issuer $name --number 1 && cp $name.crl data/crl/; done
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: key" ks import --alias channel store.p12 server.crt server.key
for name in root second idle; do check "keystore: $name" ks import-trust --anchor --alias $name store.p12 $name.crt; done
check "keystore: pin" ks import-trust --pinned --alias pin:pinned store.p12 pinned.crt
cat >test.mqsc <<CONFIG
DEFINE CHANNEL(DEVICES) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('u') SSLCAUTH(REQUIRED) +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') CRLFILE('$work/data/crl')
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('u') AUTHADD(CONNECT)
DEFINE TOPIC(T) TOPICSTR('t')
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('u') AUTHADD(SUB,PUB)
START CHANNEL(DEVICES)
CONFIG
report() { "$LOCKGATE" keystore report --dir data "$@"; }
# entry ALIAS: its object of the JSON report, on one line
entry() { report --json | sed 's/},{/}\n{/g' | grep "\"alias\":\"$1\""; }
expect_entry() { # ROW ALIAS PATTERN
  local got
  got=$(entry "$2")
  if grep -qE -- "$3" <<<"$got"; then ok; else bad "$1" "'$3' is not in: $got"; fi
}
live() { # CLIENT CERTIFICATE
  local from
  from=$(lines)
  mosquitto_sub -V 5 -h localhost -p "$(port_of DEVICES)" --cafile root.crt --cert "$2.crt" --key "$2.key" -i "$1" -t t \
    -q 1 -k 60 >"$1.out" 2>"$1.err" &
  pids+=($!)
  expect_log "$1 is admitted" "$from" 10 "\"LKG0300I\".*\"client\":\"$1\""
}
publish() { mosquitto_pub -V 5 -h localhost -p "$(port_of DEVICES)" --cafile root.crt --cert "$2.crt" --key "$2.key" -i "$1" -t t -m x; }

refused "no broker: exit 2" "none runs" report
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
live one one
live two two
live zwei two
live both both-ways
check "a client that comes and goes" publish guest two
check "a pinned one that comes and goes" publish pin pinned

# --- expiry and exit codes ---
code() { local want=$1 row=$2; shift 2; report "$@" >out 2>err; local got=$?; [ "$got" = "$want" ] && ok || bad "$row" "exit $got, not $want: $(cat out err)"; }
code 1 "the key expires within 30 days" --within 30
code 0 "but not within 10" --within 10
code 1 "within 800 days an anchor, too" --within 800
code 2 "a channel that is not there" --channel NOBODY
code 2 "a channel that is not there, for a program" --channel NOBODY --json
code 2 "a generic name that none has" --channel 'NO*'
code 2 "no number of days" --within soon
code 2 "too many days" --within 99999999
order=$(report | grep -oE '(key|anchor|pin) +DEVICES +[a-z:]+' | awk '{print $3}' | tr '\n' ' ')
[ "$order" = "channel idle pin:pinned second root " ] || [ "$order" = "channel pin:pinned idle second root " ] && ok || bad "sorted by expiry" "$order"
check "the sentence" sh -c "'$LOCKGATE' keystore report --dir data | grep -q '1 of 5 expire within 30 days'"

# --- who needs what ---
expect_entry "an anchor that nobody needs" idle '"connected":0,"known":0,"refused":0,"clients":\[\]'
check "an anchor that nobody needs: in words" sh -c "'$LOCKGATE' keystore report --dir data | grep -A1 ' idle ' | grep -q 'no known client needs it'"
expect_entry "two connected and one known" second '"connected":2,"known":1,"refused":0,"clients":\[("(two|zwei|guest)",?){3}\]'
expect_entry "who has another way is not cut" root '"connected":1,"known":0,"refused":0,"clients":\["one"\]'
expect_entry "a pin" pin:pinned '"connected":0,"known":1,"refused":0,"clients":\["pin"\]'
check "in words" sh -c "'$LOCKGATE' keystore report --dir data | grep -q 'removing it would cut 2 connected and 1 known clients: '"

# --- the prophecy comes true: without that anchor exactly these are closed ---
from=$(lines)
check "removing the anchor" ks remove store.p12 second
expect_log "two goes" "$from" 5 '"session closed".*"client":"two"'
expect_log "zwei goes" "$from" 5 '"session closed".*"client":"zwei"'
expect_no_log "both stays" "$from" '"LKG0301I".*"client":"(both|one)"'
check "the anchor again" ks import-trust --anchor --alias second store.p12 second.crt
expect_log "the anchor again" "$from" 5 '"LKG0416I"'

# --- over a restart ---
for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
pids=()
stop_broker "graceful stop"
check "the file is there" grep -q guest data/clients.known
start_broker -f test.mqsc --workers 2 || { bad "start again" "$(cat broker.err)"; finish; }
expect_entry "known over a restart: nobody is connected" second '"connected":0,"known":[34],'
expect_entry "known over a restart: who came by the other" root '"connected":0,"known":[12],"refused":0,"clients":\[.*"one"'

# --- who is refused for good needs no anchor; nobody can say so of somebody else ---
revoke() { # NUMBER CERTIFICATE...
  local number=$1 arguments=() name
  shift
  for name in "$@"; do arguments+=(--revoke "$name.crt"); done
  certs crl --out idle --issuer idle --number "$number" "${arguments[@]}" && cp idle.crl data/crl/.new && mv data/crl/.new data/crl/idle.crl
}
check "dead comes and goes" publish dead dead
check "fine comes and goes" publish fine fine
live gone gone
expect_entry "three of one anchor" idle '"connected":1,"known":2,"refused":0,'
refused "a stranger by the same name" "" publish fine stranger
expect_entry "a stranger by the same name says nothing of it" idle '"connected":1,"known":2,"refused":0,'
from=$(lines)
check "revoking two" revoke 2 dead gone
expect_log "who is there goes" "$from" 5 '"session closed".*"certificate":"revoked".*"client":"gone"'
expect_entry "who is there is refused" idle '"connected":0,"known":2,"refused":1,"clients":\[("(dead|fine)",?){2}\]'
refused "who is revoked, by another's client id" "" publish fine dead
expect_entry "who is revoked speaks for itself only" idle '"connected":0,"known":1,"refused":2,"clients":\["fine"\]'
check "refused, in words" sh -c "'$LOCKGATE' keystore report --dir data | grep -q '0 connected and 1 known clients: fine; 2 more came by it, but are refused for good'"
from=$(lines)
check "revoking the third" revoke 3 dead gone fine
expect_log "revoking the third is read" "$from" 5 '"LKG0405I"'
refused "the third is refused" "" publish fine fine
check "an anchor that nobody needs any more" sh -c "'$LOCKGATE' keystore report --dir data | grep -A1 ' idle ' | grep -q 'no known client needs it; 3 more came by it, but are refused for good'"
check "the keystore without it" ks remove store.p12 idle
check "and with it again" ks import-trust --anchor --alias idle store.p12 idle.crt
stop_broker "stop with refused ones"
start_broker -f test.mqsc --workers 2 || { bad "start with refused ones" "$(cat broker.err)"; finish; }
expect_entry "refused over a restart" idle '"connected":0,"known":0,"refused":3,"clients":\[\]'
stop_broker "second stop"
echo "one bad line" >>data/clients.known
from=$(lines)
start_broker -f test.mqsc --workers 2 || { bad "start with a bad file" "$(cat broker.err)"; finish; }
expect_log "a bad file is not used" "$from" 1 '"LKG0426W"'
expect_entry "a bad file is not used" second '"connected":0,"known":0,'
stop_broker "third stop"
finish
