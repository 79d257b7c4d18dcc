#!/bin/bash
# The keystore is a live object: a changed file serves new handshakes and judges live sessions again without a dropped
# connection; a bad or half-written one changes nothing; volumes that are swapped and passphrases that rotate with the
# file work; what would close too many sessions is held.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs root --out foreign --cn "Second Root"
for n in 1 2 3 4 5 6; do certs leaf --out server$n --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1; done
certs leaf --out operator --issuer root --cn operator --client
certs leaf --out other --issuer foreign --cn other --client
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
random >pass1
random >pass2
# make FILE PASSFILE SERVER [ANCHOR...]
make() {
  local file=$1 pass=$2 server=$3 anchor
  shift 3
  rm -f "$file"
  check "make $file" "$LOCKGATE" keystore create --passphrase "file:$pass" "$file"
  check "make $file: key" "$LOCKGATE" keystore import --passphrase "file:$pass" --alias channel "$file" "$server.crt" "$server.key"
  for anchor in "$@"; do
    check "make $file: $anchor" "$LOCKGATE" keystore import-trust --passphrase "file:$pass" --anchor --alias "$anchor" "$file" "$anchor.crt"
  done
}
make one.p12 pass1 server1 root foreign
make two.p12 pass1 server2 root foreign
make three.p12 pass1 server3 root
make four.p12 pass2 server4 root foreign
make five.p12 pass1 server5 root foreign
make six.p12 pass2 server6 root foreign

mkdir -m 700 data
mkdir -p volume/..a volume/..b
cp one.p12 volume/..a/store.p12
cp pass1 volume/..a/pass
ln -s ..a volume/..data
ln -s ..data/store.p12 volume/store.p12
ln -s ..data/pass volume/pass
cp one.p12 store.p12
cp pass1 pass
cat >test.mqsc <<CONFIG
DEFINE CHANNEL(PLAIN) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('u') SSLCAUTH(REQUIRED) +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass')
DEFINE CHANNEL(VOLUME) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') MCAUSER('u') SSLCAUTH(REQUIRED) +
  SSLKEYR('$work/volume/store.p12') SSLKEYP('file:$work/volume/pass')
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('u') AUTHADD(CONNECT)
DEFINE TOPIC(T) TOPICSTR('t')
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('u') AUTHADD(SUB)
START CHANNEL(PLAIN)
START CHANNEL(VOLUME)
CONFIG
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
plain=$(port_of PLAIN) volume=$(port_of VOLUME)

live() { # CLIENT CERTIFICATE PORT
  local from
  from=$(lines)
  mosquitto_sub -V 5 -h localhost -p "$3" --cafile root.crt --cert "$2.crt" --key "$2.key" -i "$1" -t t -q 1 -k 60 \
    >"$1.out" 2>"$1.err" &
  pids+=($!)
  expect_log "$1 is admitted" "$from" 10 "\"LKG0300I\".*\"client\":\"$1\""
}
# serves ROW PORT NAME: a new handshake gets this certificate
serves() {
  local got want
  got=$(openssl s_client -connect "127.0.0.1:$2" -cert operator.crt -key operator.key </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256 2>&1)
  want=$(openssl x509 -in "$3.crt" -noout -fingerprint -sha256)
  if [ "$got" = "$want" ]; then ok; else bad "$1" "not the certificate of $3: $got"; fi
}
# whole SOURCE TARGET: replaced as editors and tools do it
whole() { cp "$1" .new && mv .new "$2"; }
taken='"LKG0416I".*"channel":"PLAIN"'
not_good='"LKG0417E".*"channel":"PLAIN"'
unchanged() { # ROW FROM: still the certificate and the sessions of before
  expect_no_log "$1: nobody is closed" "$2" '"session closed"|"LKG0301I"'
}

live steady operator "$plain"
live guest other "$plain"
live steady2 operator "$volume"

# --- good ones ---
from=$(lines)
whole two.p12 store.p12
expect_log "a good file is taken" "$from" 5 "$taken"
serves "a good file serves new handshakes" "$plain" server2
unchanged "a good file" "$from"

from=$(lines)
cp two.p12 .new && mv .new store.p12 # the same content in another inode
touch store.p12 pass
cp pass1 pass
whole five.p12 store.p12
expect_log "the next change is taken" "$from" 5 "$taken"
serves "the next change serves" "$plain" server5
[ "$(tail -n +$((from + 1)) "$log" | grep -cE "$taken")" = 1 ] && ok || bad "an unchanged content is not read again" "it is"

# --- half-written in place ---
from=$(lines)
head -c 300 two.p12 >store.p12
sleep 0.8 # two looks see the half of it; there is no event to wait for
serves "a half-written file changes nothing" "$plain" server5
cat two.p12 >store.p12
expect_log "the whole of it is taken" "$from" 5 "$taken"
expect_no_log "nothing is said of the half of it" "$from" "$not_good"
serves "the whole of it serves" "$plain" server2
unchanged "a half-written file" "$from"

# --- bad ones: said once for each content ---
from=$(lines)
echo nonsense >.new && mv .new store.p12
expect_log "a bad file is reported" "$from" 8 "$not_good"
sleep 0.8
[ "$(tail -n +$((from + 1)) "$log" | grep -cE "$not_good")" = 1 ] && ok || bad "once" "$(grep -cE "$not_good" "$log") times"
from2=$(lines)
whole five.p12 store.p12
expect_log "a good one between" "$from2" 5 "$taken"
echo nonsense >.new && mv .new store.p12 # before the next look
expect_log "the same bad file behind a good one is reported again" "$from2" 8 "$not_good"
rm store.p12
check "DISPLAY CHSTATUS says so" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHSTATUS(PLAIN)' | grep -q 'KEYSTORE(BAD)'"
refused "REFRESH with no keystore" "AMQ9710E" mqsc "REFRESH SECURITY TYPE(SSL)"
serves "a bad file changes nothing" "$plain" server5
unchanged "a bad file" "$from"
from=$(lines)
whole two.p12 store.p12
expect_log "a good one again" "$from" 5 "$taken"

# --- the passphrase rotates with the keystore, in either order ---
from=$(lines)
whole pass2 pass
sleep 0.8
whole four.p12 store.p12
expect_log "passphrase first, keystore behind it" "$from" 5 "$taken"
serves "passphrase first" "$plain" server4
from2=$(lines)
whole five.p12 store.p12
sleep 0.8
whole pass1 pass
expect_log "keystore first, passphrase behind it" "$from2" 5 "$taken"
serves "keystore first" "$plain" server5
expect_no_log "while they did not fit nothing was said" "$from" "$not_good"
from=$(lines)
whole pass2 pass
expect_log "a passphrase that stays wrong is reported" "$from" 8 "$not_good"
serves "a wrong passphrase changes nothing" "$plain" server5
whole pass1 pass
unchanged "the passphrase rotates" "$from"

# --- a volume whose folder is swapped ---
from=$(lines)
cp six.p12 volume/..b/store.p12
cp pass2 volume/..b/pass
ln -s ..b volume/..new
mv -T volume/..new volume/..data
expect_log "a swapped volume is taken" "$from" 5 '"LKG0416I".*"channel":"VOLUME"'
serves "a swapped volume serves" "$volume" server6
unchanged "a swapped volume" "$from"

# --- live sessions are judged again ---
from=$(lines)
whole three.p12 store.p12
expect_log "an anchor is gone" "$from" 5 '"session closed".*"step":"path".*"client":"guest"'
serves "an anchor is gone: the new key serves" "$plain" server3
expect_no_log "nobody else is closed" "$from" '"LKG0301I".*"client":"steady'

# --- what would close too many is held ---
from=$(lines)
whole two.p12 store.p12
expect_log "back to two anchors" "$from" 5 "$taken"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do live "unit$n" other "$plain"; done
from=$(lines)
whole three.p12 store.p12
expect_log "held" "$from" 5 '"LKG0418W".*"channel":"PLAIN".*1[23] of 1[34] sessions of channel PLAIN'
serves "held: the old one stays in force" "$plain" server2
sleep 0.8
[ "$(tail -n +$((from + 1)) "$log" | grep -c LKG0418W)" = 1 ] && ok || bad "the alarm comes once" "more often"
unchanged "held" "$from"
check "DISPLAY CHSTATUS says so" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHSTATUS(PLAIN)' | grep -q 'KEYSTORE(HELD)'"
check "of the other channel it does not" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHSTATUS(VOLUME)' | grep -q 'KEYSTORE(GOOD)'"
refused "REFRESH names them" "would be closed, CUTMAX(5): unit" mqsc "REFRESH SECURITY TYPE(SSL)"
unchanged "REFRESH without FORCE" "$from"
check "REFRESH with FORCE" mqsc "REFRESH SECURITY TYPE(SSL) FORCE"
for n in 1 6 12; do expect_log "forced: unit$n goes" "$from" 5 "\"session closed\".*\"step\":\"path\".*\"client\":\"unit$n\""; done
serves "forced: the new one serves" "$plain" server3
expect_log "many closed at once: an alarm" "$from" 5 '"LKG0419W".*"channel":"PLAIN"'
pkill_units() { for pid in "${pids[@]:3}"; do kill "$pid" 2>/dev/null; done; pids=("${pids[@]:0:3}"); }
pkill_units

from=$(lines)
whole two.p12 store.p12
expect_log "two anchors once more" "$from" 5 "$taken"
check "CUTHOLD(NO)" mqsc "ALTER CHANNEL(PLAIN) CUTHOLD(NO)"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do live "next$n" other "$plain"; done
from=$(lines)
whole three.p12 store.p12
expect_log "CUTHOLD(NO): taken at once" "$from" 5 "$taken"
expect_log "CUTHOLD(NO): next7 goes" "$from" 5 '"session closed".*"step":"path".*"client":"next7"'

expect_no_log "who had nothing to do with it noticed nothing" 0 '"LKG0301I".*"client":"steady'
stop_broker "graceful stop"
finish
