#!/bin/bash
# Live sessions end by what is known of them, each cause by itself: an intermediate that expires or is revoked, a password
# module that is added, an account that is disabled behind a certificate login, REVLIVE. And SIGHUP is weighed as commands
# are.
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs ca --out ca --issuer root --cn "Test CA"
certs ca --out plant --issuer root --cn "Plant CA"
certs leaf --out server --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1
certs leaf --out steady --issuer ca --cn steady --client
certs leaf --out worker --issuer plant --cn worker --client
certs leaf --out simple --issuer ca --cn simple --client
for name in root ca plant; do certs crl --out $name --issuer $name --number 1; done
mkdir -m 700 data
mkdir data/crl
cp root.crl ca.crl plant.crl data/crl/
publish() { cp "$1.crl" data/crl/.new && mv data/crl/.new "data/crl/$1.crl"; }
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
check "keystore: key" ks import --alias channel store.p12 server.crt server.key
check "keystore: anchor" ks import-trust --anchor --alias root store.p12 root.crt
check "a user" "$LOCKGATE" passwd add --dir data --out steady.pw steady
check "another user" "$LOCKGATE" passwd add --dir data --out simple.pw simple
cat >data/jaas.config <<'CONFIG'
Certificates { CertificateLoginModule required userFrom="CN" matchClientId=false; };
Passwords { PasswordLoginModule required file="users" key="login.key"; };
CONFIG
tls="LOCLADDR('127.0.0.1') PORT(0) SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') SSLCAUTH(REQUIRED) CRLFILE('$work/data/crl')"
{
  for channel in "KEEP) MCAUSER('u') REVLIVE(KEEP" "CLOSE) MCAUSER('u') REVLIVE(CLOSE" "LOGIN) JAASCFG('Certificates"; do
    case $channel in LOGIN*) channel="$channel'" ;; esac
    printf "DEFINE CHANNEL(%s) CHLTYPE(MQTT) %s\n" "$channel" "$tls"
  done
  cat <<'CONFIG'
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('127.0.0.1') USERSRC(CHANNEL)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('u') AUTHADD(CONNECT)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('steady') AUTHADD(CONNECT)
SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('simple') AUTHADD(CONNECT)
DEFINE TOPIC(T) TOPICSTR('t')
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('u') AUTHADD(SUB)
SET AUTHREC PROFILE(T) OBJTYPE(TOPIC) PRINCIPAL('steady') AUTHADD(SUB)
START CHANNEL(KEEP)
START CHANNEL(CLOSE)
START CHANNEL(LOGIN)
CONFIG
} >test.mqsc
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }

# --- a stranger who tries without end; what has no line is looked at in the end ---
for i in {1..40}; do mosquitto_pub -h 127.0.0.1 -p "$(port_of KEEP)" -A 127.0.0.9 -t t -m 1 >/dev/null 2>&1; done

live() { # CLIENT CERTIFICATE CHANNEL [ARGUMENTS]
  local from client=$1 cert=$2 port
  port=$(port_of "$3")
  shift 3
  from=$(lines)
  mosquitto_sub -V 5 -h localhost -p "$port" --cafile root.crt --cert "$cert-chain.crt" --key "$cert.key" -i "$client" \
    -t t -q 1 -k 60 "$@" >"$client.out" 2>"$client.err" &
  pids+=($!)
  expect_log "$client is admitted" "$from" 10 "\"LKG0300I\".*\"client\":\"$client\""
}
closed() { # ROW FROM SECONDS CLIENT STEP CERTIFICATE
  expect_log "$1" "$2" "$3" "\"session closed\".*\"step\":\"$5\",\"certificate\":\"$6\".*\"client\":\"$4\""
}
# --- an intermediate that has not long to live: made when all else stands, so that a slow machine is in time ---
begin=$(lines)
certs ca --out dying --issuer root --cn "Dying CA" --not-after +12s
certs leaf --out mortal --issuer dying --cn mortal --client
certs crl --out dying --issuer dying --number 1
publish dying
expect_log "the list of the dying CA" "$begin" 5 '"LKG0405I"'
live mortal mortal KEEP
live worker worker KEEP
live keep steady KEEP
live close steady CLOSE

# --- a keystore whose certificate is not valid yet: tried again by itself ---
certs leaf --out early --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1 --not-before +9s
check "early keystore" ks create early.p12
check "early keystore: key" ks import --alias channel early.p12 early.crt early.key
check "early keystore: anchor" ks import-trust --anchor --alias root early.p12 root.crt
mv early.p12 store.p12

# --- an intermediate is revoked: who came in by it ends, nobody else ---
from=$(lines)
certs crl --out root --issuer root --number 2 --revoke plant.crt
publish root
closed "an intermediate is revoked" "$from" 5 worker revocation revoked

# --- the login configuration ---
live bare steady LOGIN -u steady
from=$(lines)
cat >.new <<'CONFIG'
Certificates {
  CertificateLoginModule required userFrom="CN" matchClientId=false;
};
Passwords { PasswordLoginModule required file="users" key="login.key"; };
CONFIG
mv .new data/jaas.config
expect_log "another layout of the same entry is taken" "$from" 5 '"LKG0407I"'
expect_no_log "and closes nobody" "$from" '"session closed".*"client":"bare"'
from=$(lines)
cat >.new <<'CONFIG'
Certificates {
  CertificateLoginModule required userFrom="CN" matchClientId=false;
  PasswordLoginModule required file="users" key="login.key";
};
Passwords { PasswordLoginModule required file="users" key="login.key"; };
CONFIG
mv .new data/jaas.config
closed "a password module is added: who gave none ends" "$from" 5 bare login ""
live worded steady LOGIN -u steady -P "$(head -n 1 steady.pw)"
from=$(lines)
cat >.new <<'CONFIG'
Certificates {
  CertificateLoginModule required userFrom="CN" matchClientId=false requireUser=true;
  PasswordLoginModule required file="users" key="login.key";
};
CONFIG
mv .new data/jaas.config
expect_log "the entry is changed once more" "$from" 5 '"LKG0407I"'
expect_no_log "who gave a password that still holds stays" "$from" '"session closed".*"client":"worded"'
from=$(lines)
check "JAASCFG is taken away" mqsc "ALTER CHANNEL(LOGIN) JAASCFG('')"
closed "the login that took place is none of the channel's any more" "$from" 5 worded login ""

# --- absence of knowledge: REVLIVE ---
from=$(lines)
certs crl --out ca --issuer ca --number 3 --this-update -2d --next-update -1d
publish ca
closed "REVLIVE(CLOSE): a stale list closes" "$from" 5 close revocation crl-stale
sleep 1 # time for a wrong close to show
expect_no_log "REVLIVE(KEEP): it does not" "$from" '"session closed".*"client":"keep"'
from=$(lines)
check "REVLIVE(CLOSE) comes later" mqsc "ALTER CHANNEL(KEEP) REVLIVE(CLOSE)"
closed "REVLIVE(CLOSE) comes later: it counts at once" "$from" 5 keep revocation crl-stale

closed "an intermediate expires during the session" "$begin" 20 mortal path expired
expect_log "a keystore that is not valid yet: said so" "$begin" 10 '"LKG0417E".*"channel":"KEEP".*not valid yet'
expect_log "a keystore that has become valid is taken by itself" "$begin" 25 '"LKG0416I".*"channel":"KEEP"'
certs crl --out ca --issuer ca --number 4
from=$(lines)
publish ca
expect_log "a fresh list" "$from" 5 '"LKG0405I"'

# --- SIGHUP is weighed ---
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do live "unit$n" simple KEEP; done
# --- operators that meet: what is weighed for one is nothing for the other to build on ---
for round in 1 2 3 4 5 6; do
  mqsc "ALTER CHANNEL(KEEP) MCAUSER('nobody')" >heavy.out 2>&1 &
  heavy=$!
  mqsc "ALTER CHANNEL(KEEP) DESCR('round$round')" >light.out 2>&1
  light=$?
  wait "$heavy"
  heavy=$?
  mqsc "DISPLAY CHANNEL(KEEP) DESCR MCAUSER" >shown.out
  if [ $heavy = 10 ] && [ $light = 0 ] && grep -q "DESCR(round$round)" shown.out && grep -q "MCAUSER(u)" shown.out; then ok
  else bad "operators that meet, round $round" "$heavy $light: $(cat heavy.out light.out shown.out)"; fi
done
cp test.mqsc before.mqsc
sed "s/DEFINE CHANNEL(KEEP) MCAUSER('u')/DEFINE CHANNEL(KEEP) MCAUSER('nobody')/" before.mqsc >test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "SIGHUP that would close twelve is held" "$from" 5 '"LKG0410E".*12 of 1[23] sessions of channel KEEP|"LKG0410E".*13 of 13 sessions of channel KEEP'
expect_no_log "SIGHUP held: nobody is closed" "$from" '"session closed"'
check "held: the configuration is the old one" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHANNEL(KEEP)' | grep -q 'MCAUSER(u)'"
# A FORCE that is meant for something else does not take it; it says so.
not_taken() { # ROW
  local from
  from=$(lines)
  check "$1" mqsc "REFRESH SECURITY TYPE(SSL) FORCE"
  if grep -q 'AMQ8560I.*SIGHUP.*refused 20.*is no part of it' out; then ok; else bad "$1: the answer" "$(cat out)"; fi
  sleep 0.5 # time for a wrong reload to show
  expect_no_log "$1: nothing is read again" "$from" '"LKG0409I"|"LKG0412E"|"session closed"'
  check "$1: the configuration is the old one" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHANNEL(KEEP)' | grep -q 'MCAUSER(u)'"
}
check "a change by command behind a SIGHUP that was refused" mqsc "ALTER CHANNEL(KEEP) DESCR('other')"
not_taken "FORCE behind a command"
from=$(lines)
kill -HUP "$broker"
expect_log "SIGHUP again is refused again" "$from" 5 '"LKG0410E"'
check "REFRESH without FORCE behind a SIGHUP that was refused" mqsc "REFRESH SECURITY TYPE(SSL)"
not_taken "FORCE behind REFRESH"
from=$(lines)
kill -HUP "$broker"
expect_log "SIGHUP once more" "$from" 5 '"LKG0410E"'
check "what only looks is nothing else" mqsc "DISPLAY CHSTATUS(*)"
check "REFRESH with FORCE takes it" mqsc "REFRESH SECURITY TYPE(SSL) FORCE"
if grep -q 'AMQ8560I.*SIGHUP.*refused 20.*with FORCE' out; then ok; else bad "REFRESH with FORCE names it" "$(cat out)"; fi
expect_log "REFRESH with FORCE takes it" "$from" 5 '"LKG0409I"'
expect_log "REFRESH with FORCE: they go" "$from" 5 '"session closed".*"client":"unit7"'
check "the configuration is the new one" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHANNEL(KEEP)' | grep -q 'MCAUSER(nobody)'"
cp before.mqsc test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "SIGHUP: back to the old one" "$from" 5 '"LKG0409I"'
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do live "again$n" simple KEEP; done
# Two catalogs that have as many commands: what was built of the one that was not taken is not used for the other.
sed "s/USERSRC(CHANNEL)/USERSRC(NOACCESS)/" before.mqsc >test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "rules that would close twelve are held" "$from" 5 '"LKG0410E".*again'
sed "s/SUB)/SUB,PUB)/" before.mqsc >test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "rules that were not taken do not come back with the next SIGHUP" "$from" 5 '"LKG0409I"'
sleep 0.5 # time for a wrong close to show
expect_no_log "nobody is closed by rules that were not taken" "$from" '"session closed"'
sed "/START CHANNEL(KEEP)/d" before.mqsc >test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "a channel that is no longer started: held, since all its sessions would end" "$from" 5 '"LKG0410E".*channel KEEP'
expect_no_log "held: the channel runs" "$from" '"LKG0201I"'
sed "s/DEFINE CHANNEL(KEEP)/DEFINE CHANNEL(KEEP) MAXINST(100)/" before.mqsc >test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "a channel that would listen anew: held" "$from" 5 '"LKG0410E".*channel KEEP'

# --- a list always acts, with an alarm ---
from=$(lines)
certs crl --out ca --issuer ca --number 5 --revoke simple.crt
publish ca
expect_log "a list that revokes twelve sessions acts at once" "$from" 5 '"session closed".*"step":"revocation".*"client":"again12"'
expect_log "and gives an alarm" "$from" 5 '"LKG0419W".*"channel":"KEEP","closed":1[2-9],"left":[01][,}]'
cp before.mqsc test.mqsc
from=$(lines)
kill -HUP "$broker"
expect_log "SIGHUP that closes nobody" "$from" 5 '"LKG0409I"'
# --- the stranger of the beginning: on a slow machine there is more than one window, but none of the forty is lost ---
expect_log "the window of the stranger has ended" 0 15 '"LKG9789W".*"suppressed":[0-9]*,"seconds":[0-9]*,"step":"handshake"'
told=$(grep -c '"TLS handshake failed".*"peer":"127.0.0.9"' "$log")
more=$(sed -n 's/.*"LKG9789W".*"suppressed":\([0-9]*\),.*"step":"handshake".*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
[ $((told + more)) = 40 ] && [ "$more" -gt 0 ] && ok || bad "told and counted" "$told told, $more counted"
stop_broker "graceful stop"
finish
