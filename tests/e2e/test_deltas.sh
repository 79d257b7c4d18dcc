#!/bin/bash
# Delta lists that the broker fetches, named by freshestCRL of a certificate (RFC 5280 4.2.1.15) and of a complete list (5.2.6):
# who is listed in a delta alone does not come in and does not stay; a delta that fails, hangs or lies where nobody may be asked
# changes nothing. Certificates and lists are made by openssl.
. "$(dirname "$0")/fetch_lib.sh"

mkdir -p web2/status
"$RESPONDER" web2 ca port2 2>responder2.err &
pids+=($!)
for _ in $(seq 250); do [ -s port2 ] && break; sleep 0.02; done
slow=http://127.0.0.1:$(cat port2)

named() { # NAME COMPLETE [DELTA]: a certificate that names where its lists lie
  certs csr --out "$1" --subject "O=fleet,CN=$1"
  {
    printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n'
    printf 'crlDistributionPoints=URI:%s\n' "$2"
    [ $# -lt 3 ] || printf 'freshestCRL=URI:%s\n' "$3"
  } >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -days 30 -extfile "$1.ext" -out "$1.crt" 2>openssl.err || bad "openssl x509" "$(cat openssl.err)"
  cp "$1.crt" "$1-chain.crt"
}
# list NAME NUMBER complete|complete=URL|delta=BASE REVOKED...: made by openssl, put into web whole or not at all
list() {
  local name=$1 number=$2 kind=$3 revoked
  shift 3
  : >index.txt
  for revoked in "$@"; do
    printf 'R\t351231235959Z\t260101000000Z\t%s\tunknown\t/CN=%s\n' "$(serial "$revoked" | tr a-f A-F)" "$revoked" >>index.txt
  done
  printf '%04X\n' "$number" >crlnumber
  {
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ncertificate=%s.crt\nprivate_key=%s.key\n' "${signer:-ca}" "${signer:-ca}"
    printf 'default_md=sha256\ndefault_crl_days=3\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n'
    case $kind in
    complete=*) printf 'freshestCRL=URI:%s\n' "${kind#*=}" ;;
    delta=*) printf '2.5.29.27=critical,DER:0201%02X\n' "${kind#*=}" ;;
    esac
  } >ca.cnf
  openssl ca -config ca.cnf -gencrl -out made.crl 2>openssl.err || bad "openssl ca" "$(cat openssl.err)"
  mv made.crl "web/$name.crl"
}

for name in by-cert by-cert-revoked; do named "$name" "$web/plain.crl" "$web/leaf-delta.crl"; done
for name in by-list by-list-later; do named "$name" "$web/complete.crl"; done
for name in fails fails-too; do named "$name" "$web/fails.crl"; done
named fenced "$web/fenced.crl"
for name in hangs hangs-too; do named "$name" "$web/hangs.crl"; done
certs csr --out pinned --subject "O=fleet,CN=pinned"
printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\nfreshestCRL=URI:%s\n' "$web/pinned.crl" >pinned.ext
openssl x509 -req -in pinned.csr -signkey pinned.key -days 30 -extfile pinned.ext -out pinned.crt 2>openssl.err || bad "openssl x509" "$(cat openssl.err)"
cp pinned.crt pinned-chain.crt
check "keystore: pin" ks import-trust --pinned --alias pinned store.p12 pinned.crt
list plain 5 complete
list leaf-delta 6 delta=5 by-cert-revoked
list complete 5 "complete=$web/list-delta.crl"
list list-delta 6 delta=5
list fails 5 "complete=$web/absent.crl"
list fenced 5 "complete=http://127.0.0.2:$(cat port)/delta.crl"
list hangs 5 "complete=$slow/delta.crl"
list place 5 "complete=$web/place-delta.crl"
mv web/place.crl place.crl
{
  echo "ALTER QMGR REVALLOW('127.0.0.1:$(cat port)','127.0.0.1:$(cat port2)')"
  fleet_rules
  printf "SET CHLAUTH(CERT) TYPE(SSLPEERMAP) SSLPEER('CN=pinned') SSLFPRT('%s') USERSRC(MAP) MCAUSER('fleet')\n" \
    "$(openssl x509 -in pinned.crt -noout -fingerprint -sha256 | sed 's/.*=//')"
  for name in CERT LIST FAILS FENCED HANGS; do channel "$name" "CRLFETCH(CDP)"; done
  channel NOPLACE "CRLFETCH(CDP) REVPARK(0) CRLFILE('$work/place.crl')"
} >test.mqsc
start_broker -f test.mqsc --workers 2 || { bad "start" "$(cat broker.err)"; finish; }

# --- named by certificates ---
turned_away "RFC 5280 4.2.1.15 listed in the delta alone, and the first to come" CERT by-cert-revoked revoked
admitted "RFC 5280 4.2.1.15 not listed" CERT by-cert
[ "$(asked 'GET leaf-delta.crl')" = 1 ] && ok || bad "one fetch of a delta" "$(asked 'GET leaf-delta.crl') fetches"
admitted "a pin: nothing is fetched" CERT pinned
[ "$(asked 'GET pinned.crl')" = 0 ] && ok || bad "a pin: nothing is fetched" "$(asked 'GET pinned.crl') fetches"

# --- named by a complete list; live sessions ---
live LIST by-list
live LIST by-list-later
[ "$(asked 'GET list-delta.crl')" = 1 ] && ok || bad "one fetch of a list's delta" "$(asked 'GET list-delta.crl') fetches"
list list-delta 7 delta=5 by-list
from=$(lines)
check "REFRESH of deltas" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_log "RFC 5280 5.2.6 a session that the delta alone revokes is closed" "$from" 10 \
  '"session closed".*"channel":"LIST".*"certificate":"revoked".*"client":"by-list"'
expect_no_log "the other one stays" "$from" '"session closed".*"client":"by-list-later"'
turned_away "RFC 5280 5.2.6 nor does it come back" LIST by-list revoked
says_of() { # ROW URL WORDS: why the last fetch failed
  until_seen eval "mqsc 'DISPLAY AUTHSTATUS(*)' | tr '\n' ' ' | sed 's/AMQ/\n&/g' >out; grep -q 'URL($2).*WHY(.*$3' out"
  grep -q "URL($2).*WHY(.*$3" out && ok || bad "$1" "$(cat out)"
}
list list-delta 6 delta=5
check "REFRESH with an older delta" mqsc "REFRESH SECURITY TYPE(SSL)"
says_of "an older delta is not taken" "$web/list-delta.crl" 'not newer than the list that is held'
refused "an older delta brings nobody back" "" enter LIST by-list
certs root --out fake --cn "Fleet CA"
signer=fake list list-delta 9 delta=5
check "REFRESH with a forged delta" mqsc "REFRESH SECURITY TYPE(SSL)"
says_of "a forged delta is not taken" "$web/list-delta.crl" 'was not signed by its issuer'
list complete 9 delta=5
check "REFRESH with a delta where the complete list lay" mqsc "REFRESH SECURITY TYPE(SSL)"
says_of "RFC 5280 5.2.4 a delta is no complete list" "$web/complete.crl" 'a delta list, and a complete one is held'
turned_away "neither brings anybody back" LIST by-list revoked
check "nor keeps anybody out" enter LIST by-list-later

# --- deltas that are not to be had ---
from=$(lines)
live FAILS fails
expect_log "a delta that is not there: said so" "$from" 5 '"LKG0453W".*absent.crl.*HTTP status 404'
check "a delta that is not there keeps nobody out" enter FAILS fails-too
check "REFRESH" mqsc "REFRESH SECURITY TYPE(SSL)"
says_of "it is tried again" "$web/absent.crl" 'HTTP status 404'
expect_no_log "a delta that is not there closes nothing" "$from" '"session closed".*"channel":"FAILS"'
check "nor later" enter FAILS fails-too
from=$(lines)
check "a delta at a private address keeps nobody out" enter FENCED fenced
expect_log "a delta at a private address is not asked for" "$from" 5 '"LKG0453W".*127.0.0.2.*not one that is allowed'
check "RFC 5280 6.3.3 nobody may wait: in without a delta" enter NOPLACE fails
[ "$(asked 'GET place-delta.crl')" = 0 ] && ok || bad "nobody may wait: nothing is asked" "$(asked 'GET place-delta.crl') fetches"
touch web2/hang
begun=$(now_ms)
check "a delta that hangs keeps nobody out" enter HANGS hangs
took=$(($(now_ms) - begun))
[ "$took" -ge 1500 ] && [ "$took" -lt 8000 ] && ok || bad "the first to come waits two seconds for it" "$took ms"
begun=$(now_ms)
check "a delta that hangs keeps nobody out later" enter HANGS hangs-too
took=$(($(now_ms) - begun))
[ "$took" -lt 1500 ] && ok || bad "others do not wait" "$took ms"
[ "$(grep -c HELD web2/requests)" = 1 ] && ok || bad "it was asked once" "$(cat web2/requests)"
stop_broker "graceful stop"

# --- a restart begins with what was known ---
touch web/down
rm -f "$log"
start_broker -f test.mqsc --workers 2 || { bad "start again" "$(cat broker.err)"; finish; }
turned_away "a delta from disk" LIST by-list revoked
turned_away "a delta from disk, of a certificate" CERT by-cert-revoked revoked
check "the others come in" enter LIST by-list-later
stop_broker "graceful stop"
finish
