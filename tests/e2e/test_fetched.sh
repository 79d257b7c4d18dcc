#!/bin/bash
# Revocation data that the broker fetches: lists by AUTHINFO and by distribution points, answers of OCSP responders, what
# happens while somebody waits for them, and what a live session does when they change.
. "$(dirname "$0")/fetch_lib.sh"

for name in good revoked late; do leaf "$name"; done
for name in cdp cdp-revoked; do leaf "$name" --crl-url "$web/cdp.crl"; done
leaf spent --crl-url "$web/spent.crl"
leaf private --crl-url "http://127.0.0.2:$(cat port)/cdp.crl"
leaf aia --ocsp-url "$web/ocsp"
publish() { # NAME NUMBER ARGUMENTS...: a list, whole or not at all
  local name=$1 number=$2
  shift 2
  certs crl --out "$name" --issuer ca --number "$number" "$@"
  cp "$name.crl" web/.new
  mv web/.new "web/$name.crl"
}
script() {
  cat <<CONFIG
ALTER QMGR REVALLOW('127.0.0.1:$(cat port)')
DEFINE AUTHINFO(LIST) AUTHTYPE(CRLURL) CRLURL('$web/listed.crl')
DEFINE AUTHINFO(RESPONDER) AUTHTYPE(OCSP) OCSPURL('$web/ocsp')
CONFIG
  fleet_rules
  channel LISTED "REVINFO(LIST)"
  channel CDP "CRLFETCH(CDP)"
  channel FENCED "CRLFETCH(CDP)"
  channel SPENT "CRLFETCH(CDP) REVCHECK(IFAVAIL)"
  channel REQUIRED "REVINFO(RESPONDER) REVCHECK(IFAVAIL) OCSPAUTH(REQUIRED) REVWAIT(2)"
  channel WARN "REVINFO(RESPONDER) REVCHECK(IFAVAIL) OCSPAUTH(WARN) REVWAIT(2)"
  channel OPTIONAL "REVINFO(RESPONDER) REVCHECK(IFAVAIL) OCSPAUTH(OPTIONAL) REVWAIT(2)"
  channel AIA "OCSPFETCH(AIA)"
  channel CLOSE "REVINFO(RESPONDER) REVLIVE(CLOSE)"
  channel GRACE "REVINFO(RESPONDER) REVSTALE(7200) REVWAIT(2)"
  channel SHORT "REVINFO(RESPONDER) REVSTALE(1800) REVWAIT(2)"
  channel NARROW "REVINFO(RESPONDER) REVPARK(2) REVWAIT(10)"
}
script >test.mqsc
publish listed 1 --revoke revoked.crt
publish cdp 1 --revoke cdp-revoked.crt
publish spent 1 --revoke spent.crt --this-update -2d --next-update -1d
umask 0
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
umask 077
check "the socket is its owner's, whatever the umask" test "$(stat -c %a data/admin.sock)" = 600
check "the folder of what was fetched is its owner's, and of use to him" test "$(stat -c %a data/revocation)" = 700

enter() { # CHANNEL NAME: one connection
  timeout 20 mosquitto_pub -V 5 -h localhost -p "$(port_of "$1")" --cafile ca.crt --cert "$2-chain.crt" --key "$2.key" -i "$2" \
    -t "f/$2" -m 1 -q 1
}
admitted() { # ROW CHANNEL NAME: twice, since a device comes back
  check "$1" enter "$2" "$3"
  check "$1: again" enter "$2" "$3"
}
turned_away() { # ROW CHANNEL NAME REASON
  local from
  from=$(lines)
  refused "$1" "" enter "$2" "$3"
  expect_log "$1: said so" "$from" 5 "\"connection refused\".*\"channel\":\"$2\".*\"step\":\"revocation\".*\"certificate\":\"$4\""
  from=$(lines)
  refused "$1: again" "" enter "$2" "$3"
  expect_log "$1: said so again" "$from" 5 "\"connection refused\".*\"channel\":\"$2\".*\"step\":\"revocation\".*\"certificate\":\"$4\""
}

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
turned_away "an address that is private and not allowed" FENCED private crl-missing
expect_log "an address that is private: why" 0 5 '"LKG0453W".*127.0.0.2'
check "status of what a certificate named" mqsc "DISPLAY AUTHSTATUS(*)"
grep -q 'ORIGIN(CERTIFICATE)' out && ok || bad "status of what a certificate named: shown" "$(cat out)"

# --- OCSP: each answer under each OCSPAUTH; every row asks about a certificate of its own ---
says default good
for channel in REQUIRED WARN OPTIONAL; do
  for word in good revoked unknown later forged stale down; do
    name=o-$channel-$word
    leaf "$name"
    if [ "$word" = down ]; then touch web/down; else says "$(serial "$name")" "$word"; fi
    row="OCSPAUTH($channel), answer $word"
    from=$(lines)
    case $channel-$word in
      *-good) admitted "$row" $channel "$name" ;;
      *-revoked) turned_away "$row" $channel "$name" revoked ;;
      REQUIRED-unknown) turned_away "$row" $channel "$name" ocsp-unknown ;;
      REQUIRED-*) turned_away "$row" $channel "$name" 'ocsp-[a-z]*' ;;
      *) check "$row" enter $channel "$name" ;;
    esac
    case $channel-$word in
      WARN-good | WARN-revoked | REQUIRED-* | OPTIONAL-*) expect_no_log "$row: no warning" "$from" '"LKG9717W"' ;;
      WARN-*) expect_log "$row: warned" "$from" 5 "\"LKG9717W\".*\"client\":\"$name\"" ;;
    esac
    rm -f web/down
  done
done
[ "$(asked "POST $(serial o-REQUIRED-good) ")" = 1 ] && ok || bad "an answer serves for the next connection" \
  "$(asked "POST $(serial o-REQUIRED-good) ") questions"

# --- a responder that hangs: who waits is judged without an answer when REVWAIT is over, and lives by the first one that comes ---
subscribe() { # CHANNEL NAME
  mosquitto_sub -V 5 -h localhost -p "$(port_of "$1")" --cafile ca.crt --cert "$2-chain.crt" --key "$2.key" -i "$2" \
    -t "f/$2" -q 1 -k 60 >"$2.out" 2>"$2.err" &
  pids+=($!)
  last=$!
}
for channel in REQUIRED WARN OPTIONAL; do
  for name in hung unasked; do
    leaf "$name-$channel"
  done
  says "$(serial "unasked-$channel")" revoked
done
touch web/hang
from=$(lines)
hung=() unasked=()
for channel in REQUIRED WARN OPTIONAL; do # all at once: each of them waits for REVWAIT
  subscribe $channel "hung-$channel"
  hung+=("$last")
  subscribe $channel "unasked-$channel"
  unasked+=("$last")
done
for name in hung unasked; do
  expect_log "OCSPAUTH(REQUIRED), no answer: $name is refused" "$from" 10 \
    "\"connection refused\".*\"channel\":\"REQUIRED\".*\"step\":\"revocation\".*\"certificate\":\"ocsp-unreachable\".*CN=$name-REQUIRED,"
  for channel in WARN OPTIONAL; do
    expect_log "OCSPAUTH($channel), no answer: $name is let in" "$from" 10 "\"LKG0300I\".*\"client\":\"$name-$channel\""
  done
  expect_log "OCSPAUTH(WARN), no answer: $name is warned of" "$from" 5 "\"LKG9717W\".*\"client\":\"$name-WARN\""
done
expect_no_log "OCSPAUTH(OPTIONAL), no answer: no warning" "$from" '"LKG9717W".*"client":"[a-z]*-OPTIONAL"'
expect_no_log "no answer closes nobody" "$from" '"session closed"'
rm web/hang
for channel in WARN OPTIONAL; do
  expect_log "OCSPAUTH($channel): a first answer that says revoked closes who was let in without one" "$from" 10 \
    "\"session closed\".*\"step\":\"revocation\".*\"certificate\":\"revoked\".*\"client\":\"unasked-$channel\""
  turned_away "OCSPAUTH($channel): and does not come back" $channel "unasked-$channel" revoked
done
expect_no_log "a first answer that says good closes nobody" "$from" '"session closed".*"client":"hung-'
turned_away "OCSPAUTH(REQUIRED): who was refused without an answer is refused with it" REQUIRED unasked-REQUIRED revoked
admitted "OCSPAUTH(REQUIRED): or let in" REQUIRED hung-REQUIRED
kill "${hung[@]}" "${unasked[@]}" 2>/dev/null
wait "${hung[@]}" "${unasked[@]}" 2>/dev/null

# its nextUpdate was an hour ago; two hours of grace are enough, half an hour is not
for name in grace short; do
  leaf "$name"
  says "$(serial "$name")" stale
done
admitted "REVSTALE: an answer within its grace" GRACE grace
turned_away "REVSTALE: an answer past its grace" SHORT short ocsp-stale

[ "$(asked "POST $(serial o-REQUIRED-unknown) ")" = 1 ] && ok || bad "who does not know is not asked in a loop" \
  "$(asked "POST $(serial o-REQUIRED-unknown) ")" questions

id=$(logged 0 5 '"connection refused".*"channel":"REQUIRED".*"certificate":"ocsp-unreachable".*CN=o-REQUIRED-down' | field refusal)
check "explain asks nobody" "$LOCKGATE" explain --dir data --refusal "$id"
grep -q "would need an answer of '$web/ocsp'" out && ok || bad "explain: what it would need" "$(cat out)"

# --- the responder that a certificate names ---
admitted "a responder of a certificate: good" AIA aia

# --- a live session: revoked closes, silence does not but under REVLIVE(CLOSE) ---
live() { # CHANNEL NAME
  local from
  from=$(lines)
  subscribe "$1" "$2"
  expect_log "$2 lives on $1" "$from" 10 "\"LKG0300I\".*\"client\":\"$2\""
}
live REQUIRED late
session=$last
says "$(serial late)" revoked
live REQUIRED good
from=$(lines)
check "REFRESH when it is revoked" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_log "an answer that turns revoked closes the session" "$from" 10 \
  '"session closed".*"step":"revocation".*"certificate":"revoked".*"client":"late"'
expect_no_log "an answer that turns revoked closes nobody else" "$from" '"session closed".*"client":"good"'
kill "$session" 2>/dev/null
wait "$session" 2>/dev/null
from=$(lines)
touch web/down
# A question of the refresh before may still be on its way, and be answered: then nothing is asked anew.
for _ in 1 2 3 4 5; do
  check "REFRESH while the responder is silent" mqsc "REFRESH SECURITY TYPE(SSL)"
  logged "$from" 2 '"LKG0454W"' >/dev/null && break
done
expect_log "a responder that is silent is reported" "$from" 10 '"LKG0454W"'
expect_no_log "a silent responder closes nobody" "$from" '"session closed"'
rm web/down
turned_away "who was closed does not come back" REQUIRED late revoked

# --- a list that turns a live session into a revoked one, and one that would be resumed ---
leaf res
# ARGUMENTS: one CONNECT of MQTT 3.1.1. In the background: it ends with the broker's end of the connection, or by end_client.
s_client() {
  exec timeout 10 openssl s_client -connect "127.0.0.1:$(port_of LISTED)" -tls1_3 -cert res-chain.crt -key res.key -ign_eof "$@" \
    < <(printf '\020\017\000\004MQTT\004\002\000\074\000\003res') >res.out 2>&1
}
until_seen() { # COMMAND...: at most five seconds
  for _ in $(seq 250); do "$@" && return; sleep 0.02; done
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

# --- a responder that hangs holds up nobody else; who waits is bounded ---
for i in 1 2 3; do leaf "n$i"; done
held=$(asked HELD)
touch web/hang
for i in 1 2; do enter NARROW "n$i" >"n$i.out" 2>&1 & done
until [ "$(asked HELD)" -ge $((held + 2)) ]; do sleep 0.02; done
since=$(now_ms)
check "others come in while two wait" enter AIA aia
took=$(($(now_ms) - since))
[ "$took" -lt 3000 ] && ok || bad "others are not held up" "took $took ms"
from=$(lines)
refused "one more than REVPARK" "" enter NARROW n3
expect_log "one more than REVPARK: said so" "$from" 5 '"LKG9559E".*"connection refused".*"channel":"NARROW".*revocation data busy'
kill %?n1 2>/dev/null
rm web/hang
expect_log "who waited comes in" 0 10 '"LKG0300I".*"client":"n2"'
wait %?n2 2>/dev/null

stop_broker "graceful stop"
cp log.json first.json

# --- a restart begins with what was known, though nobody answers ---
touch web/down
rm -f "$log"
start_broker -f test.mqsc --workers 2 || { bad "start again" "$(cat broker.err)"; finish; }
turned_away "a list from disk: on it" LISTED revoked revoked
turned_away "a list from disk: the newest one" LISTED good revoked
admitted "an answer from disk: good" REQUIRED o-REQUIRED-good
turned_away "an answer from disk: revoked" REQUIRED late revoked
# stopping while somebody waits
rm web/down
held=$(asked HELD)
touch web/hang
enter NARROW n3 >n3.out 2>&1 &
until [ "$(asked HELD)" -gt "$held" ]; do sleep 0.02; done
stop_broker "stop while somebody waits"
finish
