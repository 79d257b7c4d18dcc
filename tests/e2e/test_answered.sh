#!/bin/bash
# What OCSP responders answer, or do not: under each OCSPAUTH, to who waits and to who lives by it, and after a restart.
. "$(dirname "$0")/fetch_lib.sh"

for name in good late; do leaf "$name"; done
leaf aia --ocsp-url "$web/ocsp"
{
  cat <<CONFIG
ALTER QMGR REVALLOW('127.0.0.1:$(cat port)')
DEFINE AUTHINFO(RESPONDER) AUTHTYPE(OCSP) OCSPURL('$web/ocsp')
CONFIG
  fleet_rules
  channel REQUIRED "REVINFO(RESPONDER) REVCHECK(IFAVAIL) OCSPAUTH(REQUIRED) REVWAIT(2)"
  channel WARN "REVINFO(RESPONDER) REVCHECK(IFAVAIL) OCSPAUTH(WARN) REVWAIT(2)"
  channel OPTIONAL "REVINFO(RESPONDER) REVCHECK(IFAVAIL) OCSPAUTH(OPTIONAL) REVWAIT(2)"
  channel AIA "OCSPFETCH(AIA)"
  channel CLOSE "REVINFO(RESPONDER) REVLIVE(CLOSE)"
  channel GRACE "REVINFO(RESPONDER) REVSTALE(7200) REVWAIT(2)"
  channel SHORT "REVINFO(RESPONDER) REVSTALE(1800) REVWAIT(2)"
  channel NARROW "REVINFO(RESPONDER) REVPARK(2) REVWAIT(10)"
} >test.mqsc
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }

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

# RFC 6960 4.2.2.2.1: a delegate that no list speaks of; where nothing more is demanded than what there is, it serves
leaf unchecked
says "$(serial unchecked)" unchecked
admitted "REVCHECK(IFAVAIL): a delegate that no list speaks of" REQUIRED unchecked
turned_away "REVCHECK(REQUIRED): a delegate that no list speaks of" GRACE unchecked ocsp-signer-unknown
expect_log "REVCHECK(REQUIRED): said what is missing" 0 5 \
  '"sentence":"the OCSP answer about .unchecked. does not count: no fresh CRL covers its responder .Responder., which has no id-pkix-ocsp-nocheck"'

[ "$(asked "POST $(serial o-REQUIRED-unknown) ")" = 1 ] && ok || bad "who does not know is not asked in a loop" \
  "$(asked "POST $(serial o-REQUIRED-unknown) ")" questions

id=$(logged 0 5 '"connection refused".*"channel":"REQUIRED".*"certificate":"ocsp-unreachable".*CN=o-REQUIRED-down' | field refusal)
check "explain asks nobody" "$LOCKGATE" explain --dir data --refusal "$id"
grep -q "would need an answer of '$web/ocsp'" out && ok || bad "explain: what it would need" "$(cat out)"

# --- the responder that a certificate names ---
admitted "a responder of a certificate: good" AIA aia
leaf aia2 --ocsp-url "$web/ocsp"
check "REVALLOW without it" mqsc "ALTER QMGR REVALLOW('192.0.2.7')"
turned_away "a responder that REVALLOW does not allow" AIA aia2 'ocsp-[a-z]*'
check "REVALLOW with it" mqsc "ALTER QMGR REVALLOW('127.0.0.1:$(cat port)')"
check "what REVALLOW allows now is asked at once, whatever its back-off" enter AIA aia2

# --- a live session: revoked closes, silence does not but under REVLIVE(CLOSE) ---
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

# --- a restart begins with what was known, though nobody answers ---
touch web/down
rm -f "$log"
start_broker -f test.mqsc --workers 2 || { bad "start again" "$(cat broker.err)"; finish; }
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
