#!/bin/bash
# A revocation list that is gone from CRLFILE takes nothing away: who is revoked stays out until an operator lets it go.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs ca --out ca --issuer root --cn "Test CA"
certs leaf --out server --issuer ca --cn localhost --server --dns localhost
for name in good revoked; do certs leaf --out "$name" --issuer ca --cn "$name" --client; done
certs root --out second --cn "Second Root"
certs leaf --out unlisted --issuer second --cn unlisted --client
mkdir -p -m 700 data lists
certs crl --out root --issuer root --number 1
certs crl --out ca --issuer ca --number 7 --revoke revoked.crt
certs crl --out older --issuer ca --number 6
cp root.crl ca.crl lists/
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: key" ks import --alias channel store.p12 server-chain.crt server.key
check "keystore: anchor" ks import-trust --anchor store.p12 root.crt
check "keystore: second anchor" ks import-trust --anchor --alias second store.p12 second.crt
tls="CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') SSLCAUTH(REQUIRED) FAILDLAY(0)"
cat >test.mqsc <<CONFIG
DEFINE CHANNEL(LISTS) $tls REVCHECK(IFAVAIL) CRLFILE('$work/lists') MCAUSER('dev')
SET CHLAUTH(LISTS) TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
DEFINE TOPIC(T) TOPICSTR('t')
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('dev') AUTHADD(CONNECT)
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('dev') AUTHADD(PUB)
START CHANNEL(LISTS)
CONFIG
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
port=$(port_of LISTS)

try() { mosquitto_pub -V 5 -h localhost -p "$port" --cafile root.crt --cert "$1-chain.crt" --key "$1.key" -i "$1" -t t -m 1 -q 1; }
stays_out() { # ROW
  refused "$1: who is revoked stays out" "" try revoked
  check "$1: who is not comes in" try good
}
let_go='let go: 1, entries: 1.'
refreshed() { mqsc "REFRESH SECURITY TYPE(SSL)" >refreshed 2>&1 && grep -qF -- "$1" refreshed; }
put() { cp "$1" lists/.new && mv lists/.new "lists/$2"; }
stays_out "at first"

# --- rm, then cp ---
from=$(lines)
rm lists/ca.crl
expect_log "rm: it is said, with its issuer" "$from" 5 '"LKG0427W".*"channel":"LISTS".*lists".*Test CA.*"lists":1,"entries":1'
expect_log "rm: in force" "$from" 5 '"LKG0430I"'
stays_out "rm"
from=$(lines)
put ca.crl ca.crl
expect_log "cp: nothing is held any more" "$from" 5 '"LKG0405I".*"lists":2,"held":0'
stays_out "cp"
expect_no_log "cp: no second warning" "$from" '"LKG0427W"'
from=$(lines)
mv lists/ca.crl lists/renamed.crl
expect_log "a new name" "$from" 5 '"LKG0405I".*"lists":2,"held":0'
expect_no_log "a new name is no warning" "$from" '"LKG0427W"'
stays_out "a new name"

# --- a bad file beside good ones ---
check "IFAVAIL: no list of its CA" try unlisted
from=$(lines)
mkfifo -m 600 lists/pipe
expect_log "a bad file: it is named" "$from" 5 '"LKG0404E".*lists/pipe: it cannot be read'
expect_log "a bad file: in force" "$from" 5 '"LKG0430I"'
refused "a bad file: it may be the list that is missing" "" try unlisted
certs crl --out ca8 --issuer ca --number 8 --revoke revoked.crt --revoke good.crt
from=$(lines)
put ca8.crl renamed.crl
expect_log "a bad file: the others count" "$from" 5 '"LKG0405I"'
expect_log "a bad file: they are in force" "$from" 5 '"LKG0430I"'
refused "a bad file: who is revoked by another is out" "" try good
refused "a bad file: it may be the one all the while" "" try unlisted
expect_no_log "a bad file: nothing is called gone" "$from" '"LKG0427W"'
expect_log "a bad file: and is bad still" "$from" 8 '"LKG0404E".*lists/pipe'
from=$(lines)
rm lists/pipe
expect_log "a bad file is away" "$from" 5 '"LKG0405I".*"lists":2,"held":0'
expect_log "a bad file is away: in force" "$from" 5 '"LKG0430I"'
certs crl --out ca --issuer ca --number 9 --revoke revoked.crt
from=$(lines)
put ca.crl renamed.crl
expect_log "the others are taken as ever" "$from" 5 '"LKG0405I".*"lists":2,"held":0'
expect_log "the others are taken as ever: in force" "$from" 5 '"LKG0430I"'
stays_out "a bad file is away"
certs crl --out older --issuer ca --number 6

# --- other ways to be gone ---
from=$(lines)
put older.crl renamed.crl
expect_log "an older list" "$from" 5 '"LKG0427W"'
stays_out "an older list"
from=$(lines)
put ca.crl renamed.crl
expect_log "the newest again" "$from" 5 '"LKG0405I".*"held":0'
: >lists/renamed.crl
from=$(lines)
expect_log "an empty file" "$from" 5 '"LKG0404E"'
stays_out "an empty file"
from=$(lines)
put ca.crl renamed.crl
expect_log "whole again" "$from" 5 '"LKG0405I".*"held":0'
from=$(lines)
mv lists away
expect_log "CRLFILE itself is gone" "$from" 5 '"LKG0404E".*there is no such file or folder'
stays_out "CRLFILE itself is gone"
refused "CRLFILE itself is gone: REFRESH needs it" "AMQ9710E" mqsc "REFRESH SECURITY TYPE(SSL)"
stays_out "a REFRESH that failed"
from=$(lines)
mv away lists
expect_log "it is back" "$from" 5 '"LKG0405I".*"held":0'

from=$(lines)
ln -sfn gone lists/renamed.crl
expect_log "a link to nothing" "$from" 5 '"LKG0427W"'
stays_out "a link to nothing"
refused "a link to nothing: REFRESH says so" "link to nothing" mqsc "REFRESH SECURITY TYPE(SSL)"
from=$(lines)
put ca.crl renamed.crl
expect_log "a file again" "$from" 5 '"LKG0405I".*"held":0'

# --- let go ---
from=$(lines)
rm lists/renamed.crl
expect_log "rm once more" "$from" 5 '"LKG0427W"'
stays_out "rm once more"
check "REFRESH says how many" refreshed "$let_go"
expect_log "REFRESH: the log, too" "$from" 5 '"LKG0428W".*"channel":"LISTS","lists":1,"entries":1'
check "REFRESH lets it go" try revoked
check "REFRESH once more has nothing to let go" refreshed "refreshed."
from=$(lines)
put root.crl again.crl
expect_log "another look" "$from" 5 '"LKG0405I".*"held":0'
check "it does not come back by itself" try revoked

from=$(lines)
put ca.crl ca.crl
expect_log "the list is back" "$from" 5 '"LKG0405I".*"held":0'
stays_out "the list is back"
from=$(lines)
rm lists/ca.crl
expect_log "rm before SIGHUP" "$from" 5 '"LKG0427W"'
kill -HUP "$broker"
expect_log "SIGHUP lets it go" "$from" 10 '"LKG0428W".*"lists":1,"entries":1'
expect_log "SIGHUP is through" "$from" 10 '"LKG0409I"'
check "SIGHUP let it go" try revoked

from=$(lines)
put ca.crl ca.crl
expect_log "the list is back again" "$from" 5 '"LKG0405I"'
from=$(lines)
rm lists/ca.crl
expect_log "rm before STOP" "$from" 5 '"LKG0427W"'
check "STOP says how many" sh -c "'$LOCKGATE' mqsc --dir data -c 'STOP CHANNEL(LISTS)' | grep -qF '$let_go'"
stop_broker "graceful stop"
finish
