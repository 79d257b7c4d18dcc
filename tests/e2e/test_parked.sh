#!/bin/bash
# Connections that wait at the gate for revocation data: who vanishes, whose channel stops or whose rules change meanwhile;
# fifty that wait for one list; a foreign responder; and sessions whose answer runs out.
. "$(dirname "$0")/fetch_lib.sh"

mkdir crl
for name in a b c d e f keep close foreign foreign-revoked; do leaf "$name"; done
leaf many --crl-url "$web/many.crl"

# openssl's own responder, over an index of its own making
have_openssl=yes
{
  for name in foreign foreign-revoked; do
    number=$(serial "$name" | tr a-f A-F)
    if [ "$name" = foreign ]; then printf 'V\t301231235959Z\t\t%s\tunknown\t/CN=%s\n' "$number" "$name"
    else printf 'R\t301231235959Z\t260101000000Z\t%s\tunknown\t/CN=%s\n' "$number" "$name"; fi
  done
} >index.txt
openssl ocsp -index index.txt -port 0 -rsigner ca.crt -rkey ca.key -CA ca.crt -ndays 1 >openssl.out 2>&1 &
pids+=($!)
for _ in $(seq 250); do grep -q ACCEPT openssl.out && break; sleep 0.02; done
foreign=$(sed -n 's/^ACCEPT.*:\([0-9]*\) .*/\1/p' openssl.out)
[ -n "$foreign" ] || { have_openssl=no; foreign=9; }

{
  cat <<CONFIG
ALTER QMGR REVALLOW('127.0.0.0/8')
DEFINE AUTHINFO(RESPONDER) AUTHTYPE(OCSP) OCSPURL('$web/ocsp')
DEFINE AUTHINFO(FOREIGN) AUTHTYPE(OCSP) OCSPURL('http://127.0.0.1:$foreign/')
DEFINE AUTHINFO(LIST) AUTHTYPE(CRLURL) CRLURL('$web/slow.crl')
CONFIG
  fleet_rules
  channel ONE "REVINFO(RESPONDER) REVPARK(1) REVWAIT(1)"
  channel WAITS "REVINFO(RESPONDER) REVWAIT(15) CRLFILE('$work/crl')"
  channel MANY "CRLFETCH(CDP) REVWAIT(15)"
  channel KEEP "REVINFO(RESPONDER)"
  channel CLOSE "REVINFO(RESPONDER) REVLIVE(CLOSE)"
  channel FOREIGN "REVINFO(FOREIGN)"
} >test.mqsc
certs root --out other --cn "Another CA"
certs crl --out crl/other --issuer other --number 1
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }
held() { # COUNT: so many requests are held since `mark`
  for _ in $(seq 500); do [ "$(tail -n +"$((mark + 1))" web/requests 2>/dev/null | grep -c HELD)" -ge "$1" ] && return; sleep 0.02; done
  bad "requests held" "fewer than $1"
}
hang() { mark=$(wc -l <web/requests 2>/dev/null || echo 0); touch web/hang; }

# --- who vanishes has its place until its letter is home, and no longer than REVWAIT ---
hang
enter ONE a >a.out 2>&1 &
client=$!
held 1
kill "$client" 2>/dev/null
wait "$client" 2>/dev/null
refused "the place is taken" "" enter ONE b
expect_log "the place is taken: said so" 0 5 '"LKG9559E".*"channel":"ONE"'
from=$(lines)
expect_log "who vanished is refused by REVWAIT" 0 5 '"connection refused".*"channel":"ONE".*"certificate":"ocsp-unreachable".*no answer came within REVWAIT'
rm web/hang
for _ in $(seq 100); do enter ONE c >/dev/null 2>&1 && break; sleep 0.05; done
check "the place is free again" enter ONE c

# --- a channel that stops ---
hang
enter WAITS f >f.out 2>&1 &
client=$!
held 1
check "STOP while one waits" mqsc "STOP CHANNEL(WAITS)"
wait "$client"
[ $? != 0 ] && ok || bad "who waited is gone with its channel" "it was let in"
rm web/hang
check "START again" mqsc "START CHANNEL(WAITS)"
check "the channel serves again" enter WAITS f

# --- the rules change ---
hang
enter WAITS b >b.out 2>&1 &
client=$!
held 1
from=$(lines)
check "NOACCESS while one waits" mqsc "SET CHLAUTH(WAITS) TYPE(SSLPEERMAP) SSLPEER('CN=b') USERSRC(NOACCESS)"
expect_log "who waited is refused by the new rule, at once" "$from" 3 '"connection refused".*"channel":"WAITS".*"step":"chlauth".*"client":"b"'
wait "$client"
rm web/hang

# --- a list that comes another way settles it, though the responder hangs ---
hang
enter WAITS d >d.out 2>&1 &
client=$!
enter WAITS e >e.out 2>&1 &
client_e=$!
held 2
from=$(lines)
certs crl --out list --issuer ca --number 1 --revoke e.crt
cp list.crl crl/.new && mv crl/.new crl/ca.crl
expect_log "a list on disk lets in who waits" "$from" 5 '"LKG0300I".*"client":"d"'
expect_log "a list on disk refuses who is on it" "$from" 5 '"connection refused".*"channel":"WAITS".*"certificate":"revoked".*CN=e,'
wait "$client" "$client_e"

# --- lists say good: a responder that hangs holds nobody up for long, nor twice; one that knows more is heard ---
leaf patient
check "a good list, and the responder hangs" enter WAITS patient
from=$(now_ms)
check "the same again" enter WAITS patient
[ $(($(now_ms) - from)) -lt 1500 ] && ok || bad "the same again: at once" "$(($(now_ms) - from)) ms"
rm web/hang
leaf sooner
says "$(serial sooner)" revoked
turned_away "a responder knows of a revocation sooner than the list" WAITS sooner revoked
leaf later
live WAITS later
from=$(lines)
says "$(serial later)" revoked
check "a refresh asks" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_log "a responder hears of it while a session lives by a list" "$from" 5 '"session closed".*"certificate":"revoked".*"client":"later"'

# --- fifty wait for one list ---
certs crl --out many --issuer ca --number 2 --revoke-serial 77
cp many.crl web/
hang
many=()
for i in $(seq 50); do
  enter MANY many "m$i" >/dev/null 2>&1 &
  many+=($!)
done
held 1
rm web/hang
in=0
for client in "${many[@]}"; do wait "$client" && in=$((in + 1)); done
[ "$in" = 50 ] && ok || bad "fifty that wait for one list come in" "$in did"
[ "$(asked 'GET many.crl')" = 1 ] && ok || bad "fifty wait for one fetch" "$(asked 'GET many.crl') fetches"

# --- openssl's responder ---
if [ "$have_openssl" = yes ]; then
  check "openssl says good" enter FOREIGN foreign
  check "openssl says good: again" enter FOREIGN foreign
  from=$(lines)
  refused "openssl says revoked" "" enter FOREIGN foreign-revoked
  expect_log "openssl says revoked: said so" "$from" 5 '"connection refused".*"channel":"FOREIGN".*"certificate":"revoked"'
else
  echo "openssl ocsp does not listen here: $(head -c 200 openssl.out)"
fi

# --- an answer that runs out while the responder is silent ---
for name in keep close; do says "$(serial $name)" brief; done
live KEEP keep
live CLOSE close
touch web/down
expect_log "REVLIVE(CLOSE): an answer that ran out closes" 0 12 '"session closed".*"certificate":"ocsp-stale".*"client":"close"'
expect_no_log "REVLIVE(KEEP): it does not" 0 '"session closed".*"client":"keep"'
rm web/down

# --- a dry run asks nobody ---
asked_before=$(wc -l <web/requests)
check "RUNCHECK" mqsc "DISPLAY CHLAUTH(KEEP) MATCH(RUNCHECK) SSLPEER('CN=x,O=fleet') ADDRESS('127.0.0.1')"
grep -q "would need an answer of '$web/ocsp'" out && ok || bad "RUNCHECK says what it would need" "$(cat out)"
[ "$(wc -l <web/requests)" = "$asked_before" ] && ok || bad "RUNCHECK asks nobody" "$(tail -n 1 web/requests)"

# --- what is in use stays ---
refused "DELETE of a source in use" "there is no such AUTHINFO" mqsc "DELETE AUTHINFO(RESPONDER)"
refused "a second responder" "more than one" mqsc "ALTER CHANNEL(KEEP) REVINFO(RESPONDER,FOREIGN)"
refused "a source that is not there" "no such AUTHINFO" mqsc "ALTER CHANNEL(KEEP) REVINFO(NOBODY)"
refused "a network that is none" "REVALLOW" mqsc "ALTER QMGR REVALLOW('10.0.0.0/99')"
refused "a file that is not there" "REVCAFILE /nowhere/x.pem: no such file" mqsc "ALTER QMGR REVCAFILE('/nowhere/x.pem')"
echo garbage >roots.pem
refused "a file of no roots" "holds no certificate" mqsc "ALTER QMGR REVCAFILE('$work/roots.pem')"
{ cat ca.key; echo garbage; } >roots.pem
refused "a file of something else" "holds no certificate" mqsc "ALTER QMGR REVCAFILE('$work/roots.pem')"
cat ca.crt >>roots.pem
check "a file with a root in it" mqsc "ALTER QMGR REVCAFILE('$work/roots.pem')"
check "a source that nobody uses" mqsc "DELETE AUTHINFO(LIST)"
stop_broker "graceful stop"
finish
