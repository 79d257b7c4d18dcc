#!/usr/bin/env bash
# test_device.sh - `lockgate device add` and `lockgate passwd`: everything is written or nothing is changed.
. "$(dirname "$0")/lib.sh"
: "${ONBOARDED:?}"
add() { local name=$1; shift; "$LOCKGATE" device add "$name" --dir data --keystore data/gate.p12 --passphrase file:pw "$@"; }
issued() { local name=$1; shift; add "$name" --ca-cert ca.crt --ca-key ca.key "$@"; }
passwd() { "$LOCKGATE" passwd "$@" --dir data; }
# unchanged ROW CODE WORD COMMAND...: refused, and the data folder is what it was
unchanged() {
  local before
  before=$(state_of data)
  want "$@"
  holds "$1: nothing changed" test "$before" = "$(state_of data)"
}

echo 'correct horse' >pw
mkdir -m 700 data
"$LOCKGATE_CERTS" root --out root --cn 'Plant Root' || exit 1
"$LOCKGATE_CERTS" root --out strange --cn 'Strange Root' || exit 1
"$LOCKGATE_CERTS" ca --out ca --issuer root --cn 'Plant CA' || exit 1
"$LOCKGATE_CERTS" leaf --out gate --issuer ca --cn gate.example --server || exit 1
"$LOCKGATE_CERTS" csr --out request --cn whatever || exit 1
"$LOCKGATE" keystore create data/gate.p12 --passphrase file:pw || exit 1

# Before the keystore has what it takes.
unchanged 'no anchor' 1 'would be refused' issued d1
"$LOCKGATE" keystore import-trust data/gate.p12 root.crt --anchor --alias root --passphrase file:pw >/dev/null || exit 1
unchanged 'no server key' 1 'what should the device trust' add d1 --self-signed
"$LOCKGATE" keystore import data/gate.p12 gate.key gate-chain.crt --alias gate --passphrase file:pw >/dev/null || exit 1

# Usage.
want 'help' 0 'both gates' "$LOCKGATE" device add --help
want 'no name' 2 'expected NAME' "$LOCKGATE" device add --dir data
unchanged 'neither kind' 2 'say one of --self-signed' add d1
unchanged 'both kinds' 2 'say one of --self-signed' issued d1 --self-signed
unchanged 'half a CA' 2 'belong together' add d1 --ca-cert ca.crt
unchanged 'request without a CA' 2 '--csr needs' add d1 --self-signed --csr request.csr
unchanged 'request and key type' 2 '--csr brings its own' issued d1 --csr request.csr --key-type ec256
for name in 'a b' '../x' "o'brien" '-x' '.x' 'a*' ''; do
  unchanged "name '$name'" 2 '' add "$name" --self-signed
done
unchanged 'days' 2 '--days wants' issued d1 --days 0
unchanged 'port' 2 '--port wants' issued d1 --port 70000
unchanged 'key type' 2 '--key-type wants' issued d1 --key-type dsa
want 'no data folder' 1 'none' "$LOCKGATE" device add d1 --dir none --keystore data/gate.p12 --passphrase file:pw --self-signed

# What does not fit together.
unchanged 'key of another CA' 1 'ca.crt' add d1 --ca-cert ca.crt --ca-key root.key
unchanged 'leaf as a CA' 1 'no CA certificate' add d1 --ca-cert gate.crt --ca-key gate.key
unchanged 'CA that nobody trusts' 1 'would be refused' add d1 --ca-cert strange.crt --ca-key strange.key
unchanged 'absent CA' 1 'no such file' add d1 --ca-cert none.crt --ca-key ca.key
unchanged 'request that is none' 1 'no certification request' issued d1 --csr ca.crt
unchanged 'wrong passphrase' 1 'wrong passphrase' env P=no "$LOCKGATE" device add d1 --dir data --keystore data/gate.p12 \
  --passphrase env:P --self-signed

# Issued by a CA.
want 'issued' 0 'device-d1' issued d1 --host broker.example --port 8884
for file in device.key password mosquitto_pub mosquitto_sub; do
  holds "mode of $file" test "$(stat -c %a "data/device-d1/$file")" = 600
done
holds 'mode of users' test "$(stat -c %a data/users)" = 600
holds 'mode of the login key' test "$(stat -c %a data/login.key)" = 600
want 'its certificate is accepted' 0 'ACCEPTED' "$LOCKGATE" cert verify --keystore data/gate.p12 --passphrase file:pw \
  data/device-d1/device.crt
want 'the server is trusted' 0 'ACCEPTED' "$LOCKGATE" cert verify --trust data/device-d1/server-ca.crt --purpose server gate-chain.crt
holds 'user' grep -q '^d1:enabled:hmac' data/users
holds 'the password itself is nowhere' sh -c '! grep -rqF "$(cat data/device-d1/password)" data/users data/devices.mqsc'
holds 'settings' grep -q "LOCKGATE_PORT='8884'" data/device-d1/client.env
holds 'settings hold no secret' sh -c '! grep -qF "$(cat data/device-d1/password)" data/device-d1/client.env'
holds 'rule by name and issuer' grep -q "SSLCERTI('CN=Plant CA')" data/devices.mqsc
holds 'authority' grep -q "PRINCIPAL('d1') AUTHADD(PUB,SUB)" data/devices.mqsc
unchanged 'the same again' 1 'is there already' issued d1
unchanged 'the same, put elsewhere' 1 "already a user 'd1'" issued d1 --out elsewhere

# Self-signed.
want 'self-signed' 0 'device-d2' add d2 --self-signed --key-type ed25519
want 'pinned' 0 'pin:d2: pin' "$LOCKGATE" keystore list data/gate.p12 --passphrase file:pw
holds 'rule by fingerprint' grep -q 'SSLFPRT' data/devices.mqsc
want 'its certificate is accepted' 0 'is pinned' "$LOCKGATE" cert verify --keystore data/gate.p12 --passphrase file:pw \
  data/device-d2/device.crt
holds 'the topic object stands once' test "$(grep -c 'DEFINE TOPIC' data/devices.mqsc)" = 1

# By request: the key stays with the device.
want 'request' 0 'given' issued d3 --csr request.csr --out given
holds 'no key is made' test ! -e given/device.key
want 'its certificate is accepted' 0 "certificate 'd3'" "$LOCKGATE" cert verify --keystore data/gate.p12 --passphrase file:pw \
  given/device.crt

# The rules do what they are for, by the broker's own judge.
judged() { "$ONBOARDED" data/devices.mqsc data/gate.p12 file:pw "$@"; }
want 'issued device is let in' 0 'admitted as d1, publishes own: yes, publishes other: no' judged data/device-d1/device.crt d1
want 'pinned device is let in' 0 'admitted as d2, publishes own: yes, publishes other: no' judged data/device-d2/device.crt d2
want 'device with its own key is let in' 0 'admitted as d3' judged given/device.crt d3
"$LOCKGATE_CERTS" leaf --out nobody --issuer ca --cn nobody || exit 1
"$LOCKGATE_CERTS" self-signed --out double --cn d2 || exit 1
"$LOCKGATE_CERTS" ca --out rival --issuer root --cn 'Rival CA' || exit 1
"$LOCKGATE_CERTS" leaf --out stolen --issuer rival --cn d1 || exit 1
want 'device without a rule' 1 'refused' judged nobody-chain.crt nobody
want 'same name, self-signed' 1 'refused' judged double.crt d2
want 'same name from another CA' 1 'refused' judged stolen-chain.crt d1

# Something fails while the files are written: what was written is taken back.
if [ "$(id -u)" != 0 ]; then
  chmod 500 data
  unchanged 'folder that cannot be written' 1 '' add d4 --self-signed
  chmod 700 data
fi
mv data/devices.mqsc kept && mkdir data/devices.mqsc
unchanged 'rules that cannot be read' 1 'devices.mqsc' add d4 --self-signed
rmdir data/devices.mqsc && mv kept data/devices.mqsc
chmod 644 data/users
unchanged 'users that others may read' 1 'chmod 600' add d4 --self-signed
chmod 600 data/users
cp data/users kept && echo 'no such line' >>data/users
unchanged 'users with a bad line' 1 'data/users:4:' add d4 --self-signed
mv kept data/users
exec 7>data/.lockgate-change
flock 7
unchanged 'somebody else is at it' 1 'somebody else' add d4 --self-signed
exec 7>&-
want 'and now' 0 'device-d4' add d4 --self-signed

# passwd
want 'passwd help' 0 'Usage: lockgate passwd' "$LOCKGATE" passwd --help
want 'passwd without a folder' 2 '--dir is missing' "$LOCKGATE" passwd add bob
want 'add' 0 'lg1-' passwd add bob
unchanged 'add again' 1 "already a user 'bob'" passwd add bob
want 'rotate' 0 'lg1-' passwd rotate bob --keep-days 1
unchanged 'keep days' 2 '--keep-days wants' passwd rotate bob --keep-days many
want 'disable' 0 '' passwd disable bob
holds 'disabled' grep -q '^bob:disabled:' data/users
want 'enable' 0 '' passwd enable bob
holds 'enabled' grep -q '^bob:enabled:' data/users
want 'replace into a file' 0 '' passwd replace bob --out bob.pw
holds 'mode of the password file' test "$(stat -c %a bob.pw)" = 600
touch open && chmod 644 open
unchanged 'into a file that others read' 1 'others may read it' passwd replace bob --out open
echo 'chosen by a human' >chosen
want 'chosen' 0 '' passwd add eve --password file:chosen
holds 'chosen is hashed' grep -q '^eve:enabled:argon2id' data/users
unchanged 'a chosen one looks generated' 1 'cannot be used' passwd replace eve --password file:bob.pw
unchanged 'a password as an argument' 1 'not given as an argument' passwd replace eve --password hunter2
unchanged 'disable nobody' 1 "no user 'nobody'" passwd disable nobody
want 'remove' 0 '' passwd remove bob
holds 'removed' sh -c '! grep -q ^bob: data/users'
unchanged 'a name that is none' 1 '' passwd add 'a:b'
finish
