#!/usr/bin/env bash
# test_ca.sh - `lockgate ca`: what it makes, openssl verifies and the broker's judge lets in; what it revoked is refused.
# Every refusal leaves the folder as it was.
. "$(dirname "$0")/lib.sh"
lg() { "$LOCKGATE" "$@"; }
ca() { lg ca "$@"; }
# as COMMAND FOLDER ARGUMENTS...: with the passphrase of the CA's key
as() { local what=$1; shift; lg ca "$what" "$@" --passphrase file:pw; }
# unchanged ROW CODE WORD COMMAND...: a refusal that changes nothing in the folder
unchanged() {
  local before row=$1
  before=$(state_of pki)
  want "$@"
  holds "$row: nothing changed" test "$before" = "$(state_of pki)"
}

echo 'correct horse' >pw
echo 'other battery' >pw2

# --- words ---
want 'help' 0 'What it is not' ca --help
for word in HSM OCSP audited; do want "help says what it is not: $word" 0 "$word" ca --help; done
for command in init sign revoke crl; do want "help of $command" 0 "Usage: lockgate ca $command" ca "$command" --help; done
want 'no command' 2 'a command is missing' ca
want 'unknown command' 2 "there is no command 'renew'" ca renew

# --- init ---
want 'init without a name' 2 '--cn is missing' as init pki
want 'init without a folder' 2 'expected FOLDER' as init --cn Root
want 'init with no days' 2 '--days wants' as init pki --cn Root --days 0
want 'init with too many days' 2 '--days wants' as init pki --cn Root --days 36501
want 'init with no URL' 2 'is no URL' as init pki --cn Root --crl-url 'nowhere'
holds 'nothing was made' test ! -e pki
want 'init' 0 'is the root' as init pki --cn 'Pilot Root' --org Plant --days 3000 --crl-url http://crl.example/ca.crl
for file in ca.p12 ca.db; do holds "mode of $file" test "$(stat -c %a pki/$file)" = 600; done
holds 'mode of the folder' test "$(stat -c %a pki)" = 700
holds 'the key is sealed' sh -c '! grep -q "PRIVATE KEY" pki/*'
unchanged 'init over a folder' 1 'is there already' as init pki --cn Other
want 'openssl reads the root' 0 'CN = Pilot Root' openssl x509 -in pki/ca.crt -noout -subject -ext basicConstraints
want 'the root issues no CA' 0 'pathlen:0' openssl x509 -in pki/ca.crt -noout -ext basicConstraints
want 'init --rsa' 0 '' as init rsa --cn 'RSA Root' --rsa
want 'the root is RSA' 0 'rsaEncryption' openssl x509 -in rsa/ca.crt -noout -text
want 'a folder that is none' 1 'is no folder of a CA' as sign . --cn x --key-out x.key --out x.crt
holds 'and gets no lock' test ! -e .lockgate-change
want 'an absent folder' 1 'is no folder of a CA' as sign nowhere --cn x --key-out x.key --out x.crt

# --- sign, with a new key ---
want 'a device' 0 'CN=pump-1' as sign pki --cn pump-1 --key-out pump-1.key --out pump-1.crt
holds 'mode of the key' test "$(stat -c %a pump-1.key)" = 600
want 'openssl verifies it' 0 'OK' openssl verify -x509_strict -CAfile pki/ca.crt -purpose sslclient pump-1.crt
want 'key and certificate' 0 "$(openssl pkey -in pump-1.key -pubout)" openssl x509 -in pump-1.crt -noout -pubkey
want 'the list has an address' 0 'http://crl.example/ca.crl' openssl x509 -in pump-1.crt -noout -ext crlDistributionPoints
want 'for clients only' 0 'TLS Web Client Authentication' openssl x509 -in pump-1.crt -noout -ext extendedKeyUsage
want 'no server' 1 'REFUSED' lg cert verify --trust pki/ca.crt --purpose server pump-1.crt
want 'the broker lets it in' 0 'ACCEPTED' lg cert verify --trust pki/ca.crt pump-1.crt
want 'a server' 0 'CN=broker.example' as sign pki --cn broker.example --server --dns broker.example --ip 192.0.2.7 \
  --key-out server.key --out server.crt --days 100 --crl-url http://other.example/ca.crl
want 'names of the server' 0 'DNS:broker.example, IP Address:192.0.2.7' openssl x509 -in server.crt -noout -ext subjectAltName
want 'its own address of the list' 0 'other.example' openssl x509 -in server.crt -noout -ext crlDistributionPoints
want 'openssl verifies the server' 0 'OK' openssl verify -x509_strict -CAfile pki/ca.crt -purpose sslserver server.crt
want 'for both' 0 'CN=both' as sign pki --cn both --client --server --dns both.example --key-out both.key --out both.crt
want 'for both: as a client' 0 'ACCEPTED' lg cert verify --trust pki/ca.crt both.crt
want 'for both: as a server' 0 'ACCEPTED' lg cert verify --trust pki/ca.crt --purpose server both.crt
want 'RSA signs too' 0 'CN=pump-r' as sign rsa --cn pump-r --rsa --key-out pump-r.key --out pump-r.crt
want 'openssl verifies RSA' 0 'OK' openssl verify -x509_strict -CAfile rsa/ca.crt pump-r.crt
want 'no list, no address' 0 'No extensions' openssl x509 -in pump-r.crt -noout -ext crlDistributionPoints
unchanged 'over a certificate' 1 'pump-1.crt: is there already' as sign pki --cn x --key-out x.key --out pump-1.crt
unchanged 'over a key' 1 'pump-1.key: is there already' as sign pki --cn x --key-out pump-1.key --out x.crt
unchanged 'one file for both' 2 'the same file' as sign pki --cn x --key-out x.crt --out x.crt
unchanged 'neither request nor key' 2 'say one of' as sign pki --cn x --out x.crt
unchanged 'no name' 2 '--cn is missing' as sign pki --key-out x.key --out x.crt
unchanged 'no place' 2 '--out is missing' as sign pki --cn x --key-out x.key
want 'a CA for a month' 0 'is the root' as init month --cn Month --days 30
want 'as long as the CA' 0 'CN=x' as sign month --cn x --key-out month-x.key --out month-x.crt
end_of() { openssl x509 -in "$1" -noout -enddate; }
holds 'and no longer' test "$(end_of month-x.crt)" = "$(end_of month/ca.crt)"
want 'said, it is refused' 1 'outlive its CA' as sign month --cn y --key-out month-y.key --out month-y.crt --days 365
mkdir -m 700 over && sed -n 1,4p month/ca.db >over/ca.db && chmod 600 over/ca.db
"$LOCKGATE_CERTS" root --out over/ca --cn Over --not-before -10d --not-after -1d || exit 1
lg keystore create over/ca.p12 --passphrase file:pw && lg keystore import over/ca.p12 over/ca.crt over/ca.key --passphrase file:pw || exit 1
want 'a CA that has expired' 1 'the CA has expired' as sign over --cn x --key-out over-x.key --out over-x.crt
unchanged 'longer than its CA' 1 'outlive its CA' as sign pki --cn x --key-out x.key --out x.crt --days 3001
unchanged 'a name that is none' 1 'cannot be made' as sign pki --cn x --server --dns 'a b' --key-out x.key --out x.crt
unchanged 'an address that is none' 1 'cannot be made' as sign pki --cn x --server --ip 1.2.3 --key-out x.key --out x.crt
unchanged 'wrong passphrase' 1 'wrong passphrase' ca sign pki --cn x --key-out x.key --out x.crt --passphrase file:pw2
unchanged 'a folder that is not there' 1 'no such file' as sign pki --cn x --key-out none/x.key --out x.crt
unchanged 'certificate cannot be written' 1 'no such file' as sign pki --cn x --key-out x.key --out none/x.crt
holds 'no key is left behind' test ! -e x.key

# --- sign, for a request ---
openssl req -new -newkey rsa:2048 -nodes -keyout meter.key -subj '/C=DE/O=Plant/OU=Hall 3/CN=meter-9' -out meter.csr 2>/dev/null || exit 1
openssl req -in meter.csr -outform DER -out meter.der || exit 1
openssl req -new -newkey rsa:1024 -nodes -keyout short.key -subj /CN=short -out short.csr 2>/dev/null || exit 1
openssl req -new -key meter.key -subj / -out nameless.csr 2>/dev/null || exit 1
openssl req -new -key meter.key -subj /CN=greedy -addext basicConstraints=critical,CA:TRUE -addext subjectAltName=DNS:bank.example \
  -out greedy.csr 2>/dev/null || exit 1
want 'a request' 0 'CN=meter-9,OU=Hall 3,O=Plant,C=DE' as sign pki --csr meter.csr --out meter.crt
want 'openssl verifies it as well' 0 'OK' openssl verify -x509_strict -CAfile pki/ca.crt meter.crt
want 'the name is the request'"'"'s' 0 'C = DE, O = Plant, OU = Hall 3, CN = meter-9' openssl x509 -in meter.crt -noout -subject
want 'another name' 0 'subject=CN = other' sh -c '"$LOCKGATE" ca sign pki --csr meter.der --cn other --out other.crt --passphrase file:pw &&
  openssl x509 -in other.crt -noout -subject'
want 'what a request asks for is not granted' 0 '' as sign pki --csr greedy.csr --out greedy.crt
want 'no CA by request' 0 'CA:FALSE' openssl x509 -in greedy.crt -noout -text
holds 'no name by request' sh -c '! openssl x509 -in greedy.crt -noout -text | grep -q bank.example'
signature=$(openssl asn1parse -in meter.csr | tail -1 | sed 's/ *\([0-9]*\):.*/\1/')
cp meter.der forged.der && printf '\377\000\377' | dd of=forged.der bs=1 seek=$((signature + 60)) conv=notrunc 2>/dev/null
unchanged 'a request that somebody else signed' 1 'not signed with its own key' as sign pki --csr forged.der --out x.crt
unchanged 'a short key' 1 'too short' as sign pki --csr short.csr --out x.crt
unchanged 'no name in it' 1 'say --cn' as sign pki --csr nameless.csr --out x.crt
unchanged 'no request' 1 'no certification request' as sign pki --csr meter.crt --out x.crt
unchanged 'request absent' 1 'no such file' as sign pki --csr none.csr --out x.crt
unchanged 'a kind of key and a request' 2 'brings its own' as sign pki --csr meter.csr --rsa --out x.crt
lg keystore export pki/ca.p12 ca --key --out stolen.pem --passphrase file:pw || exit 1
openssl req -new -key stolen.pem -subj /CN=mirror -out mirror.csr || exit 1
unchanged "the CA's own key" 1 "the CA's own key" as sign pki --csr mirror.csr --out x.crt

# --- the key of a CA and the keystore of a channel are two things ---
cp -r pki mixed
lg keystore import mixed/ca.p12 pki/ca.crt --anchor --alias root --passphrase file:pw >/dev/null || exit 1
want 'a keystore with an anchor in it' 1 "is a channel's keystore" as sign mixed --cn x --key-out x.key --out x.crt
cp pki/ca.p12 open.p12 && chmod 644 open.p12
want 'a key that others may read' 1 'chmod 600' as sign pki --key open.p12 --cn x --key-out x.key --out x.crt
cp rsa/ca.p12 foreign.p12
want 'the key of another CA' 1 'does not hold the key of' as sign pki --key foreign.p12 --cn x --key-out x.key --out x.crt
want 'init into a keystore' 1 'a file of its own' as init third --cn Third --key mixed/ca.p12
want 'init with the key elsewhere' 0 '' as init third --cn Third --key third.p12
holds 'the key is elsewhere' test -e third.p12 -a ! -e third/ca.p12
want 'and is found there' 0 'CN=x' as sign third --key third.p12 --cn x --key-out third-x.key --out third-x.crt

# --- revoke, crl ---
want 'an empty list' 0 'number 1, 0 revoked' as crl pki
want 'openssl verifies the list' 0 'verify OK' openssl crl -in pki/ca.crl -CAfile pki/ca.crt -noout
want 'with the list it comes in' 0 'ACCEPTED' lg cert verify --trust pki/ca.crt --crl pki/ca.crl --require-crl yes pump-1.crt
serial=$(openssl x509 -in server.crt -noout -serial | sed 's/serial=//')
unchanged 'no such reason' 2 "does not know 'boredom'" ca revoke pki pump-1.crt --reason boredom
unchanged 'no hold' 2 "does not know 'certificateHold'" ca revoke pki pump-1.crt --reason certificateHold
unchanged 'no such serial number' 1 'is not in' ca revoke pki 0102
unchanged 'no serial number' 1 'neither a file nor a serial' ca revoke pki pump-one
unchanged 'another CA' 1 'was not issued by this CA' ca revoke pki pump-r.crt
unchanged 'no certificate' 1 'holds no certificate' ca revoke pki pw
want 'revoke a file' 0 'revoked' ca revoke pki pump-1.crt --reason keyCompromise
want 'revoke a number' 0 'CN=broker.example' ca revoke pki "$serial"
unchanged 'revoked already' 1 'revoked already' ca revoke pki "$serial"
unchanged 'a list with a wrong passphrase' 1 'wrong passphrase' ca crl pki --passphrase file:pw2
unchanged 'a list over the key' 1 'not written over' as crl pki --out pki/ca.p12
unchanged 'a list over the database' 1 'not written over' as crl pki --out pki/ca.db
unchanged 'a list into nowhere' 1 'no such file' as crl pki --out none/ca.crl
want 'the next list' 0 'number 2, 2 revoked' as crl pki --days 3
cp pki/ca.db kept.db
sed -i 's/^crl-number .*/crl-number 1/' pki/ca.db
unchanged 'a list with a number that was given before' 1 'has number 2, but pki/ca.db knows of 1 only' as crl pki
want 'there is none to go back behind' 0 'number 2' as crl pki --out elsewhere.crl
cp kept.db pki/ca.db
"$LOCKGATE_CERTS" root --out foreign --cn 'Plant CA' && "$LOCKGATE_CERTS" crl --out foreign --issuer foreign --number 1 || exit 1
unchanged 'over the list of another CA' 1 'a list of another CA: not written over' as crl pki --out foreign.crl
holds 'it is still that' sh -c 'openssl crl -in foreign.crl -noout -issuer | grep -q "Plant CA"'
want 'openssl verifies it' 0 'verify OK' openssl crl -in pki/ca.crl -CAfile pki/ca.crt -noout
want 'the reason stands there' 0 'Key Compromise' openssl crl -in pki/ca.crl -noout -text
want 'the number stands there' 0 'X509v3 CRL Number' openssl crl -in pki/ca.crl -noout -text
holds 'three days' sh -c 'a=$(date -d "$(openssl crl -in pki/ca.crl -noout -lastupdate | cut -d= -f2)" +%s)
  b=$(date -d "$(openssl crl -in pki/ca.crl -noout -nextupdate | cut -d= -f2)" +%s); [ $((b - a)) = 259200 ]'
want 'openssl refuses it' 2 'certificate revoked' openssl verify -crl_check -CRLfile pki/ca.crl -CAfile pki/ca.crt pump-1.crt
want 'openssl lets the other in' 0 'OK' openssl verify -crl_check -CRLfile pki/ca.crl -CAfile pki/ca.crt meter.crt
want 'the broker refuses it' 1 'revoked' lg cert verify --trust pki/ca.crt --crl pki/ca.crl pump-1.crt
want 'the broker refuses the server' 1 'revoked' lg cert verify --trust pki/ca.crt --crl pki/ca.crl --purpose server server.crt
want 'the broker lets the other in' 0 'ACCEPTED' lg cert verify --trust pki/ca.crt --crl pki/ca.crl --require-crl yes meter.crt

# --- the database ---
holds 'one line each' test "$(grep -cE '^[0-9a-f]+ (valid|revoked) ' pki/ca.db)" = 6
holds 'the reason is noted' grep -qE ' revoked .* keyCompromise CN=pump-1$' pki/ca.db
cp -r pki bent
bend() { # ROW SED WORD
  cp pki/ca.db bent/ca.db && sed -i "$2" bent/ca.db
  want "$1" 1 "$3" as crl bent
}
bend 'a bad status' '0,/ valid /s// walid /' 'is not as it was written'
bend 'a bad date' '0,/Z /s// /' 'is not as it was written'
bend 'a bad reason' 's/keyCompromise/keyCompromised/' 'is not as it was written'
bend 'another version' '1s/1/2/' 'line 1'
bend 'no number' '2d' 'line 2'
bend 'a serial number twice' '$p' 'stands there twice'
bend 'upper case' '$s/^./F/' 'is not as it was written'
cp pki/ca.db bent/ca.db && truncate -s -1 bent/ca.db
want 'cut short' 1 'is not as it was written' as crl bent
cp pki/ca.db bent/ca.db && chmod 666 bent/ca.db
want 'a database that others may write' 1 'chmod go-w' as crl bent
: >bent/ca.db && chmod 600 bent/ca.db
want 'an empty database' 1 'is not as it was written' as crl bent

# --- two at a time ---
exec 9>pki/.lockgate-change
flock -n 9 || exit 1
unchanged 'somebody else is at it' 1 'somebody else' as sign pki --cn x --key-out x.key --out x.crt
unchanged 'revoke waits for nobody' 1 'somebody else' ca revoke pki meter.crt
exec 9>&-
for i in 1 2 3 4 5 6; do
  as sign pki --cn "twin-$i" --key-out "twin-$i.key" --out "twin-$i.crt" >/dev/null 2>&1 &
done
wait
holds 'each certificate is noted, each note has its certificate' \
  test "$(grep -c 'CN=twin-' pki/ca.db)" = "$(find . -maxdepth 1 -name 'twin-*.crt' | wc -l)"
holds 'at least one came through' test -n "$(find . -maxdepth 1 -name 'twin-*.crt')"
finish
