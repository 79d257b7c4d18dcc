#!/usr/bin/env bash
# test_cert_usage.sh - each wrong use of each option of `lockgate cert verify`: exit code 2, a word that helps, and no report.
# Goal: no option is ignored, guessed at or taken for another; --help and the manual know all of them.
manual=$(cd "$(dirname "$0")/../.." && pwd)/docs/manual.md
. "$(dirname "$0")/lib.sh"
refused() { # ROW WORD ARGUMENT… : exit code 2, WORD on standard error, nothing on standard output
  want "$1" 2 "$2" "$LOCKGATE" cert verify "${@:3}"
  [ ! -s out ] || row_failed "$1" 'something is on standard output'
}

"$LOCKGATE_CERTS" root --out root --cn 'Plant Root' || exit 1
"$LOCKGATE_CERTS" leaf --out d1 --issuer root --cn d1 || exit 1
"$LOCKGATE_CERTS" crl --out root --issuer root || exit 1
echo pw >pw
: >empty
mkdir folder
want 'all is well without' 0 ACCEPTED "$LOCKGATE" cert verify --trust root.crt d1.crt

lists='--trust --pinned --untrusted --crl --ocsp --policy'
texts='--at --purpose --host --keystore --passphrase --require-crl --ocsp-auth --stale'
flags='--explicit-policy --inhibit-mapping --inhibit-any --allow-sha1 --json'

"$LOCKGATE" cert verify --help >help || exit 1
sed -n '/^`lockgate cert verify` judges/,/^Device certificates are/p' "$manual" >section
for option in $lists $texts $flags; do
  holds "$option is in --help" grep -qE -- "^  $option( |$)" help
  holds "$option is in the manual" grep -qE -- "$option[\` ]" section
done
grep -oE '^  --[a-z0-9-]+' help | while read -r option; do
  case " $lists $texts $flags --help " in *" $option "*) ;; *) echo "$option" ;; esac
done >new
holds 'each option of --help has its rows here' test ! -s new

for option in $lists $texts; do
  refused "$option without a value" "$option wants a value" d1.crt --trust root.crt "$option"
done
for option in $texts; do
  refused "$option twice" "$option is given twice" --trust root.crt "$option" a "$option" b -- d1.crt
  refused "$option twice, the same" "$option is given twice" --trust root.crt "$option=a" "$option=a" d1.crt
done
for option in $flags; do
  refused "$option with a value" "$option takes no value" --trust root.crt "$option=no" d1.crt
done
for option in --trust --pinned --untrusted --crl --ocsp; do
  refused "$option: no such file" 'none: no such file' --trust root.crt "$option" none -- d1.crt
  refused "$option: the empty name" 'no such file' --trust root.crt "$option=" d1.crt
  refused "$option: an empty file" 'empty: empty' --trust root.crt "$option" empty -- d1.crt
  refused "$option: a key" 'd1.key: ' --trust root.crt "$option" d1.key -- d1.crt
done
for option in --trust --pinned --untrusted; do
  refused "$option: a good file, then one that is none" 'd1.key: ' --trust root.crt "$option" root.crt d1.key -- d1.crt
done
refused '--crl: a good file, then one that is none' 'd1.key: ' --trust root.crt --crl root.crl d1.key -- d1.crt
for option in --trust --pinned --untrusted --ocsp; do
  refused "$option: a folder" 'folder: ' --trust root.crt "$option" folder -- d1.crt
done
refused 'a folder without lists' 'no file is in this folder' --trust root.crt --crl folder -- d1.crt
refused 'LEAF: a folder' 'folder: ' --trust root.crt folder
refused 'LEAF: an empty file' 'empty: empty' --trust root.crt empty
refused 'LEAF: the empty name' 'no such file' --trust root.crt ''
refused 'LEAF: a list' 'root.crl: ' --trust root.crt root.crl

for word in '' Client clients 'client ' mail; do refused "--purpose '$word'" '--purpose wants' --trust root.crt --purpose "$word" d1.crt; done
for word in '' Yes required 1; do refused "--require-crl '$word'" '--require-crl wants' --trust root.crt --require-crl "$word" d1.crt; done
for word in '' no Warn; do refused "--ocsp-auth '$word'" '--ocsp-auth wants' --trust root.crt --ocsp-auth "$word" d1.crt; done
for word in '' -1 +1 ' 1' 1s 0x10 31536001 99999999999999999999; do
  refused "--stale '$word'" '--stale wants' --trust root.crt --crl root.crl "--stale=$word" d1.crt
done
for word in '' now 1795035200 2026-11-25T10:00Z 2026-11-25T10:00:00 2026-02-30T00:00:00Z 2026-13-01 2026-11-25T24:00:00Z \
  2026-11-25T10:60:00Z 2026-11-25T10:00:00+25:00 2026-11-25T10:00:00Zz 99999-01-01 ' 2026-11-25' 2026-1-5 \
  2026-11-25T1:00:00Z '2026-11-25T 1:00:00Z' 2026-11-25T10:00:00+2:00 0000-01-01T00:00:00+10:00 9999-12-31T23:59:59-10:00; do
  refused "RFC 3339 --at '$word'" '--at wants' --trust root.crt --at "$word" d1.crt
done
for word in '' gold 1 1.2.3. .1.2 3.1 1.40.1 1..2 1.2.x; do
  refused "--policy '$word'" '--policy wants' --trust root.crt "--policy=$word" d1.crt
done
for word in '' 'a b' a..b '*.example' münchen.example 1.2.3.999; do
  refused "--host '$word'" '--host wants' --trust root.crt "--host=$word" d1.crt
done

refused 'a keystore that is absent' 'none.p12: ' --keystore none.p12 --passphrase file:pw d1.crt
refused 'a keystore that is none' 'root.crt: ' --keystore root.crt --passphrase file:pw d1.crt
refused 'a passphrase from nowhere' 'passphrase' --keystore none.p12 --passphrase nowhere d1.crt
refused 'a passphrase without a keystore' 'give --keystore too' --trust root.crt --passphrase file:pw d1.crt
refused 'grace without a list' 'give --crl or --ocsp too' --trust root.crt --stale 60 d1.crt
want 'grace with a list' 0 ACCEPTED "$LOCKGATE" cert verify --trust root.crt --crl root.crl --stale 60 -- d1.crt
refused 'nothing trusted' 'nothing is trusted' --untrusted root.crt -- d1.crt
refused 'no LEAF' 'expected LEAF' --trust root.crt
refused 'two of them' 'is too much' --trust root.crt -- d1.crt d1.crt
refused 'an option behind --' 'is too much' --trust root.crt -- d1.crt --json
for word in -h -t --depth --trus --TRUST; do refused "unknown: $word" "unknown option '$word'" --trust root.crt d1.crt "$word"; done
finish
