#!/usr/bin/env bash
# test_keystore.sh - `lockgate keystore`: each accept with its refusals, each refusal with its words and nothing changed.
. "$(dirname "$0")/lib.sh"
ks() { "$LOCKGATE" keystore "$@"; }
# on COMMAND FILE ARGUMENTS...: with the keystore's passphrase
on() { local what=$1; shift; ks "$what" "$@" --passphrase file:pw; }

echo 'correct horse' >pw
echo 'other battery' >pw2
echo secret >exposed && chmod 644 exposed
"$LOCKGATE_CERTS" root --out root --cn 'Plant Root' || exit 1
"$LOCKGATE_CERTS" ca --out ca --issuer root --cn 'Plant CA' || exit 1
"$LOCKGATE_CERTS" leaf --out gate --issuer ca --cn gate.example --server || exit 1
"$LOCKGATE_CERTS" leaf --out old --issuer ca --cn old.example --not-before -3d --not-after -1d || exit 1
"$LOCKGATE_CERTS" self-signed --out device --cn sensor-7 || exit 1

# The table of commands.
want 'no command' 2 'a command is missing' "$LOCKGATE"
want 'help' 0 'two gates' "$LOCKGATE" --help
want 'unknown command' 2 "there is no command 'frobnicate'" "$LOCKGATE" frobnicate
want 'no keystore command' 2 'a command is missing' ks
want 'unknown keystore command' 2 "there is no command 'open'" ks open
want 'version' 0 'lockgate 0' "$LOCKGATE" version
want 'version takes nothing' 2 'too much' "$LOCKGATE" version now
want '--version' 0 'lockgate 0' "$LOCKGATE" --version
for command in create list import import-trust export rename remove passwd check; do
  want "help of $command" 0 "Usage: lockgate keystore $command" ks "$command" --help
done

# create
want 'create' 0 '' on create k.p12
holds 'mode of a new keystore' test "$(stat -c %a k.p12)" = 600
want 'create over a file' 1 'is there already' on create k.p12
want 'create without a file' 2 'expected FILE' on create
want 'create in no folder' 1 'none/k.p12' on create none/k.p12
want 'unknown option' 2 "unknown option '--colour'" on create --colour x.p12
want 'option without value' 2 'wants a value' ks create x.p12 --passphrase
want 'option twice' 2 'is given twice' on create x.p12 --passphrase file:pw

# Where passphrases come from.
want 'passphrase as an argument' 1 'not given as an argument' ks list k.p12 --passphrase hunter2
holds 'and is not repeated' sh -c '! grep -q hunter2 out err'
want 'passphrase file absent' 1 'no such file' ks list k.p12 --passphrase file:none
want 'passphrase file exposed' 1 'chmod 600' ks list k.p12 --passphrase file:exposed
want 'environment' 0 '' env P='correct horse' "$LOCKGATE" keystore list k.p12 --passphrase env:P
want 'environment not set' 1 'is not set' ks list k.p12 --passphrase env:NOT_SET_AT_ALL
want 'descriptor' 0 '' sh -c '"$LOCKGATE" keystore list k.p12 --passphrase fd:5 5<pw'
want 'nobody to ask' 1 'no passphrase' setsid "$LOCKGATE" keystore list k.p12

# import
want 'key, certificate, chain' 0 '1 imported' on import k.p12 gate.key gate-chain.crt --alias Gate
want 'taken alias' 1 "already an entry 'gate'" on import k.p12 gate.key gate-chain.crt --alias gate
want 'self-signed CA by the way' 1 'say --anchor' on import k.p12 root.crt
want 'anchor' 0 '1 imported' on import k.p12 root.crt --anchor --alias root
want 'pin' 0 '1 imported' on import k.p12 device.crt --pinned --alias sensor-7
want 'untrusted' 0 '1 imported' on import k.p12 ca.crt --alias 'some ca'
want 'anchor and pin at once' 2 'exclude each other' on import k.p12 ca.crt --anchor --pinned
want 'source absent' 1 'no such file' on import k.p12 none.pem
want 'source is something else' 1 'neither PEM nor' on import k.p12 pw
want 'key of another' 1 'belongs to none of the certificates' on import k.p12 device.key ca.crt --alias stray
want 'key alone' 0 '1 imported' on import k.p12 device.key --alias stray
want 'wrong passphrase' 1 'wrong passphrase, or the file was altered' ks list k.p12 --passphrase file:pw2
state=$(sha256sum k.p12)
want 'no alias' 1 'name behind' on import k.p12 device.crt --pinned --alias pin:
holds 'a refused import changes nothing' test "$state" = "$(sha256sum k.p12)"

# list
want 'list' 0 'Gate: key, EC P-256, 2 certificates' on list k.p12
want 'list: anchor' 0 'root: anchor' on list k.p12
want 'list: pin' 0 'pin:sensor-7: pin' on list k.p12
want 'list: untrusted' 0 'some ca: untrusted' on list k.p12
want 'list --json' 0 '"alias":"pin:sensor-7","kind":"pin"' on list k.p12 --json
head -c 300 k.p12 >cut.p12
cp k.p12 flipped.p12 && printf 'X' | dd of=flipped.p12 bs=1 seek=500 conv=notrunc 2>/dev/null
cp k.p12 shared.p12 && chmod 666 shared.p12
want 'truncated keystore' 1 'cut short' on list cut.p12
want 'altered keystore' 1 'wrong passphrase, or the file was altered' on list flipped.p12
want 'foreign file' 1 'no PKCS#12' on list root.crt
want 'absent keystore' 1 'no such file' on list none.p12
want 'keystore that others may write' 1 'chmod go-w' on list shared.p12

# import-trust
want 'trust: which?' 2 'one of --anchor and --pinned' on import-trust k.p12 root.crt
want 'trust: what?' 2 '--alias must name' on import-trust k.p12 --anchor
want 'mark an entry' 0 '' on import-trust k.p12 --alias 'some ca' --anchor
want 'marked' 0 'some ca: anchor' on list k.p12
want 'mark a key' 1 'only an untrusted certificate' on import-trust k.p12 --alias gate --pinned
want 'trust with a key in it' 1 'private key' on import-trust k.p12 old.key old.crt --anchor --alias x
want 'trust from a file' 0 '1 imported' on import-trust k.p12 ca.crt --anchor --alias ca

# rename, remove
want 'rename' 0 '' on rename k.p12 gate Front
want 'rename onto another' 1 "already an entry 'ROOT'" on rename k.p12 front ROOT
want 'rename an anchor into a pin' 1 'pinned certificates only' on rename k.p12 ca pin:ca
want 'rename what is not there' 1 "no entry 'nobody'" on rename k.p12 nobody x
want 'remove' 0 '' on remove k.p12 stray
state=$(sha256sum k.p12)
want 'remove what is not there' 1 "no entry 'nobody'" on remove k.p12 ca nobody
holds 'a refused removal removes nothing' test "$state" = "$(sha256sum k.p12)"

# export
want 'export' 0 'BEGIN CERTIFICATE' on export k.p12 front
holds 'export gives the chain' test "$(grep -c BEGIN out)" = 2
holds 'export gives no key' sh -c '! grep -q PRIVATE out'
want 'export leaf' 0 '' on export k.p12 front --leaf
holds 'export leaf' test "$(grep -c BEGIN out)" = 1
want 'export a key to the terminal' 2 'needs --out' on export k.p12 front --key
want 'export a key' 0 '' on export k.p12 front --key --out front.pem
holds 'mode of an exported key' test "$(stat -c %a front.pem)" = 600
touch open.pem && chmod 644 open.pem
want 'export a key where others read' 1 'others may read it' on export k.p12 front --key --out open.pem
want 'export a key that is none' 1 'no private key' on export k.p12 root --key --out r.pem
want 'export what is not there' 1 "no entry 'nobody'" on export k.p12 nobody
want 'and back again' 0 '1 imported' on import k.p12 front.pem --alias back

# passwd
want 'passwd' 0 '' on passwd k.p12 --new-passphrase file:pw2
want 'old passphrase' 1 'wrong passphrase' on list k.p12
want 'new passphrase' 0 'Front: key' ks list k.p12 --passphrase file:pw2
want 'and back' 0 '' ks passwd k.p12 --passphrase file:pw2 --new-passphrase file:pw

# check
want 'check' 0 '' on check k.p12
want 'check later' 1 'expired on' on check k.p12 --at 2040-01-01T00:00:00Z
want 'check --json' 1 '"code":"expired"' on check k.p12 --at 2040-01-01 --json
want 'expired certificate' 0 '1 imported' on import k.p12 old.key old-chain.crt --alias old
want 'expired certificate' 1 "error: old: the certificate 'old.example' expired" on check k.p12
want 'no such time' 2 '--at wants a time' on check k.p12 --at 2026-02-31T00:00:00Z
finish
