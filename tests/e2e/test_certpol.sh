#!/bin/bash
# CERTPOL and RSASSA-PSS with a real broker and a real client: devices of a CA that signs with PSS are let in for the policy that
# the channel asks for, refused for another one, and cut when the channel asks for another.
. "$(dirname "$0")/lib.sh"

cat >conf <<'CONF'
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[gold]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
certificatePolicies = 1.3.6.1.4.1.99999.1
[tin]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
certificatePolicies = 1.3.6.1.4.1.99999.2
CONF
pss=(-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out devices.key 2>/dev/null || {
  echo 'skipped: this openssl makes no such keys'; exit 77; }
openssl req -x509 -new -config conf -extensions root -subj '/CN=PSS Devices' -days 30 -key devices.key "${pss[@]}" -out devices.crt 2>/dev/null
for name in gold tin; do
  openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $name.key 2>/dev/null
  openssl req -new -config conf -subj "/CN=$name" -key $name.key "${pss[@]}" -out $name.csr 2>/dev/null
  openssl x509 -req -in $name.csr -CA devices.crt -CAkey devices.key -set_serial 7$((${#name})) -days 10 -extfile conf -extensions $name \
    "${pss[@]}" -out $name.crt 2>/dev/null
done
certs root --out root --cn 'Test Root'
certs leaf --out server --issuer root --cn localhost --server --dns localhost --ip 127.0.0.1

mkdir data
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >pass
ks() { local what=$1; shift; "$LOCKGATE" keystore "$what" --passphrase "file:$work/pass" "$@"; }
check 'keystore' ks create store.p12
check 'keystore: channel key' ks import --alias channel store.p12 server-chain.crt server.key
check 'keystore: anchor signed with PSS' ks import-trust --anchor --alias devices store.p12 devices.crt
{
  cat <<CONFIG
DEFINE CHANNEL(DEVICES) CHLTYPE(MQTT) PORT(0) LOCLADDR('127.0.0.1') SSLKEYR('$work/store.p12') SSLKEYP('file:$work/pass') +
  SSLCAUTH(REQUIRED) FAILDLAY(0) CERTPOL('1.3.6.1.4.1.99999.1')
SET CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*') USERSRC(NOACCESS) ACTION(REPLACE)
DEFINE TOPIC(ALL) TOPICSTR('devices')
CONFIG
  for name in gold tin; do
    printf "SET CHLAUTH(DEVICES) TYPE(SSLPEERMAP) SSLPEER('CN=%s') USERSRC(MAP) MCAUSER('%s')\n" $name $name
    printf "SET AUTHREC OBJTYPE(QMGR) PRINCIPAL('%s') AUTHADD(CONNECT)\n" $name
    printf "SET AUTHREC PROFILE(ALL) OBJTYPE(TOPIC) PRINCIPAL('%s') AUTHADD(PUB,SUB)\n" $name
  done
  echo 'START CHANNEL(DEVICES)'
} >test.mqsc
start_broker -f test.mqsc --workers 1 || { bad 'start' "$(cat broker.err)"; finish; }
port=$(port_of DEVICES)
client() { # NAME
  mosquitto_pub -V 5 -h localhost -p "$port" --cafile root.crt --cert "$1.crt" --key "$1.key" -i "$1" -t devices/x -m x -q 1
}
check 'the policy that is asked for' client gold
from=$(lines)
if client tin >/dev/null 2>&1; then bad 'another policy' 'was let in'; else ok; fi
expect_log 'another policy, by name' "$from" 5 "certificate 'tin' was not issued under an acceptable certificate policy"
check 'DISPLAY shows it' mqsc 'DISPLAY CHANNEL(DEVICES) CERTPOL'
if grep -q 'CERTPOL(1.3.6.1.4.1.99999.1)' out; then ok; else bad 'DISPLAY shows it' "$(cat out)"; fi
check 'the other one' mqsc "ALTER CHANNEL(DEVICES) CERTPOL('1.3.6.1.4.1.99999.2')"
check 'now the other is let in' client tin
if client gold >/dev/null 2>&1; then bad 'and the first is not' 'was let in'; else ok; fi
refused 'no identifier' 'CERTPOL holds object identifiers' mqsc "ALTER CHANNEL(DEVICES) CERTPOL('gold')"
check 'none' mqsc "ALTER CHANNEL(DEVICES) CERTPOL(' ')"
check 'both are let in' client gold
check 'both are let in' client tin
stop_broker 'end'
finish
