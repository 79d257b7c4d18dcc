#!/bin/bash
# Revocation lists that the broker fetches: by AUTHINFO and by distribution points, what a live session and one that would be
# resumed do when they change, what is not taken, and what is known after a restart.
. "$(dirname "$0")/fetch_lib.sh"

for name in good revoked; do leaf "$name"; done
for name in cdp cdp-revoked; do leaf "$name" --crl-url "$web/cdp.crl"; done
leaf spent --crl-url "$web/spent.crl"
leaf private --crl-url "http://127.0.0.2:$(cat port)/cdp.crl"
publish() { # NAME NUMBER ARGUMENTS...: a list, whole or not at all
  local name=$1 number=$2
  shift 2
  certs crl --out "$name" --issuer ca --number "$number" "$@"
  cp "$name.crl" web/.new
  mv web/.new "web/$name.crl"
}
{
  cat <<CONFIG
ALTER QMGR REVALLOW('127.0.0.1:$(cat port)')
DEFINE AUTHINFO(LIST) AUTHTYPE(CRLURL) CRLURL('$web/listed.crl')
CONFIG
  fleet_rules
  channel LISTED "REVINFO(LIST)"
  channel CDP "CRLFETCH(CDP)"
  channel FENCED "CRLFETCH(CDP)"
  channel OFF "REVINFO(LIST) CRLFETCH(NONE)"
  channel SPENT "CRLFETCH(CDP) REVCHECK(IFAVAIL)"
} >test.mqsc
publish listed 1 --revoke revoked.crt
publish cdp 1 --revoke cdp-revoked.crt
publish spent 1 --revoke spent.crt --this-update -2d --next-update -1d
umask 0
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
umask 077
check "the socket is its owner's, whatever the umask" test "$(stat -c %a data/admin.sock)" = 600
check "the folder of what was fetched is its owner's, and of use to him" test "$(stat -c %a data/revocation)" = 700

# --- lists by AUTHINFO ---
admitted "a list of an AUTHINFO: not on it" LISTED good
turned_away "a list of an AUTHINFO: on it" LISTED revoked revoked
[ "$(asked 'GET listed.crl')" = 1 ] && ok || bad "one fetch for all of them" "$(asked 'GET listed.crl') fetches"
id=$(logged 0 5 '"connection refused".*"channel":"LISTED"' | field refusal)
check "explain" "$LOCKGATE" explain --dir data --refusal "$id"
grep -q 'revocation *REFUSED *certificate' out && ok || bad "explain: revoked" "$(cat out)"
check "status of a list" mqsc "DISPLAY AUTHSTATUS(LIST)"
grep -q 'STATUS(GOOD)' out && ok || bad "status of a list: good" "$(cat out)"

# --- distribution points ---
admitted "a distribution point: not on its list" CDP cdp
turned_away "a distribution point: on its list" CDP cdp-revoked revoked
[ "$(asked 'GET cdp.crl')" = 1 ] && ok || bad "one fetch of a distribution point" "$(asked 'GET cdp.crl') fetches"
turned_away "a list that is late: on it, also who makes it be fetched" SPENT spent revoked
turned_away "fetching is turned off, and the check is not" OFF good crl-missing
turned_away "an address that is private and not allowed" FENCED private crl-missing
expect_log "an address that is private: why" 0 5 '"LKG0453W".*127.0.0.2'
check "status of what a certificate named" mqsc "DISPLAY AUTHSTATUS(*)"
grep -q 'ORIGIN(CERTIFICATE)' out && ok || bad "status of what a certificate named: shown" "$(cat out)"

# --- a list that turns a live session into a revoked one, and one that would be resumed ---
leaf res
# ARGUMENTS: one CONNECT of MQTT 3.1.1. In the background: it ends with the broker's end of the connection, or by end_client.
s_client() {
  exec timeout 10 openssl s_client -connect "127.0.0.1:$(port_of LISTED)" -tls1_3 -cert res-chain.crt -key res.key -ign_eof "$@" \
    < <(printf '\020\017\000\004MQTT\004\002\000\074\000\003res') >res.out 2>&1
}
end_client() {
  kill "$client" 2>/dev/null
  wait "$client" 2>/dev/null
}
s_client -sess_out res.session &
client=$!
until_seen test -s res.session
end_client
[ -s res.session ] && ok || bad "a ticket" "there is none: $(tail -n 5 res.out)"
rm res.out
s_client -sess_in res.session &
client=$!
until_seen grep -qsE '^(Reused|New), ' res.out
end_client
grep -q '^Reused' res.out && ok || bad "a session resumes while its certificate is good" "$(grep -m 3 -E 'Reused|New|error' res.out)"
list_says() { # ROW WORDS: why the last fetch of the list failed
  until_seen eval "mqsc 'DISPLAY AUTHSTATUS(LIST)' >out; grep -q 'WHY(.*$2' out"
  grep -q "WHY(.*$2" out && ok || bad "$1" "$(cat out)"
}
live LISTED good
publish listed 2 --revoke revoked.crt --revoke good.crt --revoke res.crt
from=$(lines)
check "REFRESH of lists" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_log "a fetched list closes the session" "$from" 10 \
  '"session closed".*"channel":"LISTED".*"certificate":"revoked".*"client":"good"'
from=$(lines)
s_client -sess_in res.session &
client=$!
expect_log "who is revoked does not resume" "$from" 5 '"connection refused".*"channel":"LISTED".*"certificate":"revoked".*CN=res,'
end_client
echo nonsense >web/listed.crl
from=$(lines)
check "REFRESH with a list that is none" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_log "a list that is none is reported" "$from" 10 '"LKG0453W"'
turned_away "a list that is none takes nothing away" LISTED good revoked
check "status of a failed list" mqsc "DISPLAY AUTHSTATUS(LIST)"
grep -q 'STATUS(FAILED)' out && ok || bad "status of a failed list: failed" "$(cat out)"
publish listed 1 --revoke revoked.crt
check "REFRESH with an older list" mqsc "REFRESH SECURITY TYPE(SSL)"
list_says "an older list is not taken" 'what came is not newer than the list that is held'
turned_away "an older list brings nobody back" LISTED good revoked
certs root --out fake --cn "Fleet CA"
certs crl --out forged --issuer fake --number 9
cp forged.crl web/listed.crl
check "REFRESH with a list that somebody else signed" mqsc "REFRESH SECURITY TYPE(SSL)"
list_says "a list that somebody else signed is not taken" 'was not signed by its issuer'
turned_away "a list that somebody else signed brings nobody back" LISTED good revoked

stop_broker "graceful stop"

# --- a restart begins with what was known, though nobody answers ---
touch web/down
rm -f "$log"
start_broker -f test.mqsc --workers 2 || { bad "start again" "$(cat broker.err)"; finish; }
turned_away "a list from disk: on it" LISTED revoked revoked
turned_away "a list from disk: the newest one" LISTED good revoked
stop_broker "graceful stop"
finish
