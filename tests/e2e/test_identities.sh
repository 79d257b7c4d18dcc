#!/bin/bash
# Several certificates on one port, renewed while it runs, each with an OCSP response of a real responder.
command -v openssl >/dev/null || { echo "openssl is not installed"; exit 77; }
. "$(dirname "$0")/lib.sh"

certs root --out root --cn "Test Root"
certs leaf --out ec --issuer root --cn main-ec --server --dns main.example --not-before -3d
certs leaf --out rsa --issuer root --cn main-rsa --server --dns main.example --key rsa2048
certs leaf --out other --issuer root --cn other-ec --server --dns '*.other.example'
certs leaf --out new --issuer root --cn main-new --server --dns main.example --not-before -1d
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check "keystore" ks create store.p12
for name in ec rsa other; do check "keystore: $name" ks import --alias $name store.p12 $name.crt $name.key; done
check "keystore: anchor" ks import-trust --anchor store.p12 root.crt

# A responder that knows these four.
: >index.txt
for name in ec rsa other new; do
  printf 'V\t350101000000Z\t\t%s\tunknown\t/CN=%s\n' "$(openssl x509 -in $name.crt -noout -serial | cut -d= -f2)" $name >>index.txt
done
responder=0 ocsp_port=0
for try in 1 2 3 4 5; do
  ocsp_port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
  openssl ocsp -port $ocsp_port -index index.txt -CA root.crt -rsigner root.crt -rkey root.key -nmin 600 >ocsp.out 2>&1 &
  responder=$!
  until=$(($(now_ms) + 10000))
  while kill -0 "$responder" 2>/dev/null && ! grep -qi waiting ocsp.out && [ "$(now_ms)" -lt $until ]; do sleep 0.02; done
  if kill -0 "$responder" 2>/dev/null; then break; fi
done
pids+=("$responder")

mkdir -m 700 data
cat >test.mqsc <<END
DEFINE AUTHINFO(RESPONDER) AUTHTYPE(OCSP) OCSPURL('http://127.0.0.1:$ocsp_port/')
DEFINE CHANNEL(TLS) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLCAUTH(OPTIONAL) STAPLE(YES) REVINFO(RESPONDER) +
  SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass')
START CHANNEL(TLS)
END
start_broker -f test.mqsc || { bad "start" "$(cat broker.err)"; finish; }
port=$(port_of TLS)
for name in ec rsa other; do
  expect_log "LKG0203I: $name" 0 1 "\"LKG0203I\".*\"label\":\"$name\".*\"names\":\"[*a-z.]*example\".*\"expires\":\"20"
  expect_log "LKG0205I: $name" 0 10 "\"LKG0205I\".*\"label\":\"$name\""
done
expect_log "the first is the default" 0 1 '"LKG0203I".*"label":"ec".*"default":true'

displays() { "$LOCKGATE" mqsc --dir data -c "DISPLAY CHSTATUS(TLS)" >display.out && grep -qF -- "$1" display.out; }
check "CHSTATUS: what is served" displays "CERTLABL(ec rsa other)"
check "CHSTATUS: with a response" displays "STAPLED(3)"
check "CHSTATUS: asked for by name" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHSTATUS(TLS) STAPLED CERTXDATE CERTXTIME WHERE(STAPLED EQ 3)' | tee asked.out |
	grep -qF 'STAPLED(3)' && ! grep -q KEYSTORE asked.out"
check "CHSTATUS: until when" displays "CERTXDATE($(openssl x509 -in ec.crt -noout -enddate | cut -d= -f2 | date -u -f - +%Y-%m-%d))"

client() { echo Q | timeout 15 openssl s_client -connect "127.0.0.1:$port" "$@" 2>&1; }
serves() { # ROW CN ARGUMENTS...
  local row=$1 cn=$2
  shift 2
  client "$@" >client.out
  if grep -qE "^ *0 s:.*CN *= *$cn\$" client.out; then ok; else bad "$row" "not $cn: $(grep -E 's:|rror' client.out | head -c 600)"; fi
}
stapled() { # ROW ARGUMENTS...
  local row=$1
  shift
  client -status "$@" >client.out
  if grep -q 'Cert Status: good' client.out; then ok; else bad "$row" "$(grep -iE 'ocsp|rror' client.out | head -c 600)"; fi
}
serves "ECDSA by default" main-ec -noservername
serves "RSA for who knows no ECDSA" main-rsa -noservername -sigalgs RSA-PSS+SHA256
serves "RSA in 1.2 by the suite" main-rsa -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -servername main.example
serves "by name" other-ec -servername a.other.example
serves "an unknown name: the default" main-ec -servername nobody.example
stapled "stapled in 1.3" -servername main.example -tls1_3
stapled "stapled in 1.2" -servername main.example -tls1_2
stapled "stapled, RSA" -servername main.example -sigalgs RSA-PSS+SHA256
stapled "stapled, by name" -servername a.other.example
client -servername main.example >client.out
check "not asked for, not sent" sh -c "! grep -q 'OCSP Response Data' client.out"

# A renewal: the new key beside the old ones, no connection and no command to the channel but the refresh.
from=$(lines)
check "import" ks import --alias new store.p12 new.crt new.key
check "refresh" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_log "it is in force" "$from" 5 '"LKG0203I".*"label":"new"'
expect_no_log "it is in force: the others are no news" "$from" '"LKG0203I".*"label":"(ec|rsa|other)"'
serves "the newer one serves" main-new -servername main.example
serves "and RSA as before" main-rsa -servername main.example -sigalgs RSA-PSS+SHA256
expect_log "with a response of its own" "$from" 10 '"LKG0205I".*"label":"new"'
stapled "stapled, renewed" -servername main.example

# A refresh asks for a newer response, though half of the present one's time is not over.
of_when() { client -status -servername main.example | grep -m 1 'This Update'; }
before=$(of_when)
sleep 1.1
check "refresh for the response" mqsc "REFRESH SECURITY TYPE(SSL)"
until=$(($(now_ms) + 10000))
while [ "$(of_when)" = "$before" ] && [ "$(now_ms)" -lt $until ]; do sleep 0.1; done
check "a newer response is served" test -n "$before" -a "$(of_when)" != "$before"

# The responder goes: what there is stays, through a refresh too.
kill "$responder"
wait "$responder" 2>/dev/null
from=$(lines)
check "refresh without a responder" mqsc "REFRESH SECURITY TYPE(SSL)"
expect_no_log "refresh without a responder: a certificate as before is no news" "$from" '"LKG0203I"'
stapled "stapled without a responder" -servername main.example

# CERTLABL is compared as a list.
check "stop" mqsc "STOP CHANNEL(TLS)"
check "two labels" mqsc "ALTER CHANNEL(TLS) CERTLABL('rsa','other')"
check "start" mqsc "START CHANNEL(TLS)"
port=$(port_of TLS)
serves "the default is the first label" main-rsa -noservername
refused "the second label of a running channel" "STOP CHANNEL" mqsc "ALTER CHANNEL(TLS) CERTLABL('rsa','ec')"
check "shown as a list" sh -c "'$LOCKGATE' mqsc --dir data -c 'DISPLAY CHANNEL(TLS) CERTLABL' | grep -q \"CERTLABL('rsa','other')\\|CERTLABL(rsa,other)\""
expect_log "no responder: said once, with the reason" "$from" 10 '"LKG0206W".*"label":"rsa".*"one_is_served":false'

# A hello that is none.
from=$(lines)
exec 7<>"/dev/tcp/127.0.0.1/$port"
printf '\x16\x03\x01\x00\x04\x01\xff\xff\xff' >&7
check "an alert and the end" sh -c "timeout 5 od -An -tx1 <&7 | grep -q '15 03 03 00 02 02 28'"
exec 7>&-
expect_log "by name" "$from" 5 '"failure":"hello"'
stop_broker "stop"
finish
