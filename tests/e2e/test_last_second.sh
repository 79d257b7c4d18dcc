#!/bin/bash
# A session that is judged again in the very last second of its certificates ends when that second is over, not a minute later.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs leaf --out server --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1
certs crl --out root --issuer root --number 1
mkdir -m 700 data
mkdir data/crl
publish() { cp "$1.crl" data/crl/.new && mv data/crl/.new "data/crl/$1.crl"; }
publish root
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: key" ks import --alias channel store.p12 server.crt server.key
check "keystore: anchor" ks import-trust --anchor --alias root store.p12 root.crt
cat >test.mqsc <<END
DEFINE CHANNEL(C) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLCAUTH(REQUIRED) MCAUSER('u') +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') CRLFILE('$work/data/crl')
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('u') AUTHADD(CONNECT)
DEFINE TOPIC(T) TOPICSTR('t')
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('u') AUTHADD(SUB)
START CHANNEL(C)
END
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
port=$(port_of C)

# Made when all else stands, so that a slow machine is in time.
from=$(lines)
certs ca --out dying --issuer root --cn "Dying CA" --not-after +6s
certs leaf --out mortal --issuer dying --cn mortal --client
certs crl --out dying --issuer dying --number 1
publish dying
expect_log "the list of the dying CA" "$from" 5 '"LKG0405I"'
mosquitto_sub -V 5 -h localhost -p "$port" --cafile root.crt --cert mortal-chain.crt --key mortal.key -i mortal -t t -q 1 -k 60 \
  >mortal.out 2>mortal.err &
pids+=($!)
expect_log "admitted" "$from" 10 '"LKG0300I".*"client":"mortal"'
certs crl --out dying --issuer dying --number 2

last=$(date -u -d "$(openssl x509 -in dying.crt -noout -enddate | cut -d= -f2)" +%s)
while [ "$(now_ms)" -lt $((last * 1000 + 150)) ]; do sleep 0.02; done
from=$(lines)
publish dying
expect_log "a list comes in its last second" "$from" 5 '"LKG0405I"'
expect_log "RFC 5280 4.1.2.5 it ends behind it" "$from" 5 '"session closed".*"step":"path","certificate":"expired".*"client":"mortal"'
stop_broker "stop"
finish
