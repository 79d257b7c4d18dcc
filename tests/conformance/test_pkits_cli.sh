#!/usr/bin/env bash
# test_pkits_cli.sh - every tenth PKITS case through `lockgate cert verify`: the command's exit code is the suite's verdict.
# Goal: files, options and exit codes carry the question as it was meant; the library's run has all 249.
set -u
: "${LOCKGATE:?}" "${SOURCE:?}"
data=${LOCKGATE_TESTDATA:-$SOURCE/../shared/x509-data}/pkits
[ -f "$data/cases.json" ] || { echo "skipped: no pkits in the test data (set LOCKGATE_TESTDATA)"; exit 77; }
command -v python3 >/dev/null || { echo 'skipped: no python3 here'; exit 77; }

python3 - "$data" "$LOCKGATE" <<'EOF'
import json, subprocess, sys
data, lockgate = sys.argv[1:]
unsupported = {"4.1.4", "4.1.5"}  # DSA
cases = json.load(open(data + "/cases.json"))
rows = failed = 0
for case in cases[::10] + [case for case in cases if case.get("initial_policy_set")][::4]:
    certs = [data + "/certs/" + name for name in case["certs"]]
    command = [lockgate, "cert", "verify", "--at", "2015-03-05T12:00:00Z", "--purpose", "any", "--require-crl", "yes",
               "--json", "--trust", certs[0]]
    for name in certs[1:-1]:
        command += ["--untrusted", name]
    for name in case["crls"]:
        command += ["--crl", data + "/crls/" + name]
    for name in case.get("initial_policy_set") or []:
        command += ["--policy", "2.16.840.1.101.3.2.1.48." + name.rsplit("-", 1)[1]]
    for key, option in (("initial_explicit_policy", "--explicit-policy"),
                        ("initial_policy_mapping_inhibit", "--inhibit-mapping"),
                        ("initial_inhibit_any_policy", "--inhibit-any")):
        command += [option] if case.get(key) else []
    run = subprocess.run(command + ["--", certs[-1]], capture_output=True, text=True)
    want = 0 if case["should_validate"] and case["id"] not in unsupported else 1
    said = {"verdict": "?"}
    try:
        said = json.loads(run.stdout)
    except ValueError:
        pass
    rows += 1
    if run.returncode != want or said["verdict"] != ("accept" if want == 0 else "refuse"):
        failed += 1
        print(case["id"], case["title"], "exit", run.returncode, "not", want, run.stdout[:300], run.stderr[:300])
print(f"{rows} cases through the command, {failed} failed")
sys.exit(failed != 0 or rows < 25)
EOF
