#!/bin/bash
# Live sessions are judged again when what let them in changes: positive knowledge closes, absence of knowledge does not,
# and nobody else's session notices. Each change has the session that must end and those that must stay.
. "$(dirname "$0")/lib.sh"

devices='revoked pinned other noaccess mapped disabled forgotten replaced expiring late-user'
certs root --out root --cn "Test Root"
certs ca --out ca --issuer root --cn "Test CA"
certs root --out foreign --cn "Second Root"
certs leaf --out server --issuer ca --cn localhost --server --dns localhost --ip 127.0.0.1
for name in operator revoked noaccess mapped disabled forgotten replaced late-user; do
  certs leaf --out "$name" --issuer ca --cn "$name" --client
done
certs leaf --out other --issuer foreign --cn other --client
certs self-signed --out pinned --cn pinned
cp pinned.crt pinned-chain.crt
certs crl --out root --issuer root --number 1
certs crl --out foreign --issuer foreign --number 1
publish_crl() { # NUMBER ARGUMENTS...: whole or not at all
  local number=$1
  shift
  certs crl --out ca --issuer ca --number "$number" "$@"
  cp ca.crl data/crl/.new
  mv data/crl/.new data/crl/ca.crl
}
mkdir -p data/crl
cp root.crl foreign.crl data/crl/
publish_crl 1

head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: channel key" ks import --alias channel store.p12 server-chain.crt server.key
check "keystore: anchor" ks import-trust --anchor --alias root store.p12 root.crt
check "keystore: second anchor" ks import-trust --anchor --alias foreign store.p12 foreign.crt
check "keystore: pin" ks import-trust --pinned --alias pin:pinned store.p12 pinned.crt
for name in operator $devices; do
  check "password of $name" "$LOCKGATE" passwd add --dir data --out "$name.pw" "$name"
done
cat >data/jaas.config <<CONFIG
Both {
  CertificateLoginModule requisite userFrom="CN" matchClientId=true requireUser=true;
  PasswordLoginModule required file="users" key="login.key" requireSameUser=true;
};
CONFIG
{
  cat <<CONFIG
DEFINE CHANNEL(DEVICES) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') JAASCFG('Both') +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') SSLCAUTH(REQUIRED) CRLFILE('$work/data/crl') FAILDLAY(0)
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS) ACTION(REPLACE)
DEFINE TOPIC(BRANCH) TOPICSTR('devices/\${clientid}')
CONFIG
  for name in operator $devices; do
    printf "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('%s') AUTHADD(CONNECT)\n" "$name"
    printf "SET AUTHREC PROFILE(BRANCH) OBJTYPE(TOPIC) PRINCIPAL('%s') AUTHADD(PUB,SUB)\n" "$name"
    if [ "$name" = pinned ]; then
      fingerprint=$(openssl x509 -in pinned.crt -noout -fingerprint -sha256 | sed 's/.*=//')
      printf "SET CHLAUTH(DEVICES) TYPE(SSLPEERMAP) SSLPEER('CN=pinned') SSLFPRT('%s') USERSRC(MAP) MCAUSER('pinned')\n" "$fingerprint"
    else
      printf "SET CHLAUTH(DEVICES) TYPE(SSLPEERMAP) SSLPEER('CN=%s') USERSRC(MAP) MCAUSER('%s')\n" "$name" "$name"
    fi
  done
  echo "START CHANNEL(DEVICES)"
} >test.mqsc
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
port=$(port_of DEVICES)

# One connection each: mosquitto_sub comes back by itself, so the loop of its life ends with the first DISCONNECT.
live() {
  local name=$1 from
  from=$(lines)
  mosquitto_sub -V 5 -h localhost -p "$port" --cafile root.crt --cert "$name-chain.crt" --key "$name.key" -i "$name" \
    -u "$name" -P "$(head -n 1 "$name.pw")" -t "devices/$name/#" -q 1 -k 60 >"$name.out" 2>"$name.err" &
  pids+=($!)
  eval "pid_${name//-/_}=$!"
  expect_log "$name is admitted" "$from" 10 "\"LKG0300I\".*\"client\":\"$name\""
}
gone() { local pid=pid_${1//-/_}; kill "${!pid}" 2>/dev/null; wait "${!pid}" 2>/dev/null; }
# closed ROW FROM NAME STEP [MILLISECONDS]: the session of NAME ends at STEP, soon
closed() {
  local since line took most=${5:-5000}
  since=$(now_ms)
  if ! line=$(logged "$2" $((most / 1000 + 10)) "\"text\":\"session closed\".*\"step\":\"$4\".*\"client\":\"$3\""); then
    bad "$1" "the session of $3 was not closed at $4"
    return
  fi
  took=$(($(now_ms) - since))
  if [ "$took" -gt "$most" ]; then bad "$1" "took $took ms, more than $most"; else ok; fi
  expect_log "$1: told and gone" "$2" 5 "\"LKG0301I\".*\"client\":\"$3\".*\"why\":\"refused by a new judgement\".*\"mqtt_reason\":135"
  gone "$3"
}
sanitized=1000
# The 1 s of the promise is for a build as users run it; sanitizers take several times as long.
if grep -qa '__asan_init\|__tsan_init' "$LOCKGATE"; then sanitized=4000; fi

live operator
for name in revoked pinned other noaccess mapped disabled forgotten replaced late-user; do live "$name"; done

from=$(lines)
check "revoking" publish_crl 2 --revoke revoked.crt
closed "revoked by a new CRL" "$from" revoked revocation "$sanitized"

from=$(lines)
check "an older CRL" publish_crl 1
expect_log "an older CRL is read" "$from" 5 '"LKG0405I"'
refused "an older CRL brings nobody back" "" mosquitto_pub -V 5 -h localhost -p "$port" --cafile root.crt --cert revoked-chain.crt \
  --key revoked.key -i revoked -u revoked -P "$(head -n 1 revoked.pw)" -t devices/revoked/x -m 1

from=$(lines)
check "removing the pin" ks remove store.p12 pin:pinned
closed "pin removed" "$from" pinned path

from=$(lines)
check "removing the anchor" ks remove store.p12 foreign
check "REFRESH without the anchor" mqsc "REFRESH SECURITY TYPE(SSL)"
closed "anchor removed" "$from" other path

from=$(lines)
check "NOACCESS" mqsc "SET CHLAUTH(DEVICES) TYPE(SSLPEERMAP) SSLPEER('CN=noaccess') USERSRC(NOACCESS) ACTION(REPLACE)"
closed "rule says NOACCESS" "$from" noaccess chlauth

from=$(lines)
check "MCAUSER" mqsc "SET CHLAUTH(DEVICES) TYPE(SSLPEERMAP) SSLPEER('CN=mapped') USERSRC(MAP) MCAUSER('operator') ACTION(REPLACE)"
closed "rule maps to another user" "$from" mapped connect-authority
expect_log "rule maps to another user: said so" "$from" 1 '"client":"mapped".*"note":"today.s rules map it to another user"'

from=$(lines)
check "disable" "$LOCKGATE" passwd disable --dir data disabled
closed "user disabled" "$from" disabled login
from=$(lines)
check "remove" "$LOCKGATE" passwd remove --dir data forgotten
closed "user removed" "$from" forgotten login
from=$(lines)
check "replace" "$LOCKGATE" passwd replace --dir data --out replaced.new replaced
closed "password replaced" "$from" replaced login

# Its list is late before it expires: nobody who lives is closed for that, and it is looked at again when its time comes.
publish_crl 3 --revoke revoked.crt --this-update -1h --next-update +6s
certs leaf --out expiring --issuer ca --cn expiring --client --not-after +9s
live expiring
begin=$(lines)
closed "certificate expires during the session" "$begin" expiring path 14000

# --- absence of knowledge ---
from=$(lines)
check "a stale CRL" publish_crl 4 --revoke revoked.crt --this-update -2d --next-update -1d
expect_log "a stale CRL is taken" "$from" 5 '"LKG0405I"'
refused "a stale CRL stops new logins" "" mosquitto_pub -V 5 -h localhost -p "$port" --cafile root.crt --cert operator-chain.crt \
  --key operator.key -i operator -u operator -P "$(head -n 1 operator.pw)" -t devices/operator/x -m 1
expect_log "a stale CRL stops new logins: said so" "$from" 5 '"connection refused".*"step":"revocation".*"certificate":"crl-stale"'
stale=$(logged "$from" 1 '"connection refused".*"certificate":"crl-stale"' | field refusal)
sleep 1 # time for a wrong close to show; there is no event to wait for
expect_no_log "a stale CRL leaves live sessions alone" "$from" '"session closed"'

from=$(lines)
check "disable under a stale CRL" "$LOCKGATE" passwd disable --dir data late-user
closed "what is known closes, though revocation is not" "$from" late-user login

from=$(lines)
check "a CRL that is none" sh -c 'echo nonsense >data/crl/.new && mv data/crl/.new data/crl/ca.crl'
expect_log "a bad CRL is reported" "$from" 5 '"LKG0404E"'
sleep 1
expect_no_log "a bad CRL closes nothing" "$from" '"session closed"'
from=$(lines)
check "a good CRL again" publish_crl 5 --revoke revoked.crt
expect_log "a good CRL is taken again" "$from" 5 '"LKG0405I"'
check "explain what was stale" sh -c "'$LOCKGATE' explain --dir data --refusal $stale | grep -q 'today: NEED: nothing speaks against it so far'"

from=$(lines)
check "a CRL of tomorrow's number" publish_crl 6 --revoke revoked.crt
expect_log "it is taken" "$from" 5 '"LKG0405I"'
from=$(lines)
cp data/crl/ca.crl whole.crl
head -c 150 whole.crl >data/crl/ca.crl
sleep 1 # the write is under way; there is no event to wait for
cat whole.crl >data/crl/ca.crl
expect_log "a CRL written in place is taken once it is whole" "$from" 5 '"LKG0405I"'
expect_no_log "a CRL half-written in place is no bad one" "$from" '"LKG0404E"'
expect_no_log "a CRL half-written in place closes nothing" "$from" '"session closed"'

# --- what cannot be read changes nothing ---
from=$(lines)
cp store.p12 good.p12
head -c 200 good.p12 >store.p12
refused "REFRESH with a cut keystore" "AMQ9710E" mqsc "REFRESH SECURITY TYPE(SSL)"
cp good.p12 store.p12
check "REFRESH with the whole one" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_no_log "a failed REFRESH closes nothing" "$from" '"session closed"'

# --- the operator all the while: one admission, no end ---
expect_no_log "the operator's session notices nothing" 0 '"LKG0301I".*"client":"operator"'
admitted=$(grep -c '"LKG0300I".*"client":"operator"' "$log")
[ "$admitted" = 1 ] && ok || bad "the operator is admitted once" "$admitted times"
refused_right=$(lines)
check "a publish outside" mosquitto_pub -V 5 -h localhost -p "$port" --cafile root.crt --cert operator-chain.crt \
  --key operator.key -i operator -u operator -P "$(head -n 1 operator.pw)" -t devices/mapped/x -m 1 -q 1
line=$(logged "$refused_right" 5 '"LKG8077W".*"step":"authority"') || bad "a refused publish is logged" "it is not"
id=$(field refusal <<<"$line")
check "explain a refused publish" "$LOCKGATE" explain --dir data --refusal "$id"
check "explain a refused publish: what and why" sh -c "$LOCKGATE explain --dir data --refusal $id | grep -q REFUSED"
check "explain a refused publish: the topic" sh -c "$LOCKGATE explain --dir data --refusal $id | grep -q devices/mapped/x"
expect_log "taken over, and said so" "$refused_right" 5 '"LKG0301I".*"client":"operator".*"why":"taken over by a newer connection"'
expect_log "a client that says goodbye" "$refused_right" 5 '"LKG0301I".*"client":"operator".*"why":"client disconnected","detail":"the client sent DISCONNECT"'
stop_broker "graceful stop"
finish
