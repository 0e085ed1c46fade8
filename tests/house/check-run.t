#!/bin/sh
# SPDX-License-Identifier: 0BSD
# What tools/check-run makes of tests that fail, crash, break off, skip or hang: none of them passes by accident.
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
here=$PWD
count=0
failures=0

# tally WANTED-STATUS WANTED-LAST-LINE TEXT SCRIPT...: run scripts, each a shell text, as tests; '' is nothing runnable.
tally() {
    wanted_status=$1 wanted_line=$2 text=$3
    shift 3
    rm -rf "$folder/run" && mkdir -p "$folder/run" && ln -s "$here/tools" "$folder/run/tools"
    number=0
    for script in "$@"; do
        number=$((number + 1))
        [ -z "$script" ] || printf '#!/bin/sh\n%s\n' "$script" >"$folder/run/$number.t"
        [ -n "$script" ] || printf 'neither a program nor a script\n' >"$folder/run/$number.t"
    done
    (cd "$folder/run" && ASHLAR_TIMEOUT=2 tools/check-run -j 2 ./*.t) >"$folder/out" 2>&1
    status=$?
    line=$(tail -n 1 "$folder/out")
    count=$((count + 1))
    if [ "$status" -eq "$wanted_status" ] && [ "$line" = "$wanted_line" ]; then
        echo "ok $count - $text"
    else
        echo "not ok $count - $text: status $status, last line: $line"
        failures=$((failures + 1))
    fi
}

good='echo "ok 1 - a"; echo "ok 2 - b"; echo 1..2'
tally 0 '2 passed, 0 failed' 'what passes' "$good"
tally 1 '3 passed, 1 failed' 'a failed assertion' "$good" 'echo "not ok 1 - a"; echo "ok 2"; echo 1..2; exit 1'
tally 1 '2 passed, 1 failed' 'a bad status without a failed assertion' "$good; exit 3"
tally 1 '3 passed, 1 failed' 'a crash' "$good" 'echo "ok 1"; kill -SEGV $$'
tally 1 '3 passed, 1 failed' 'a plan that was not kept' "$good" 'echo "ok 1"; echo 1..5'
tally 1 '3 passed, 1 failed' 'no plan' "$good" 'echo "ok 1"'
tally 1 '3 passed, 1 failed' 'a test that does not end' "$good" 'echo "ok 1"; echo 1..1; sleep 20'
tally 0 '2 passed, 0 failed, 1 skipped' 'a skipped assertion' 'echo "ok 1 - a"; echo "ok 2 - b # SKIP no RAM"; echo "ok 3"; echo 1..3'
tally 0 '2 passed, 0 failed, 1 skipped' 'a skipped test' "$good" 'echo "1..0 # SKIP no QEMU"'
tally 1 '2 passed, 1 failed' 'bailing out does not stop the others' 'echo "Bail out! no kernel"; exit 1' "sleep 1; $good"
tally 1 '2 passed, 1 failed' 'nor does what cannot be run' '' "$good"
echo "1..$count"
[ "$failures" -eq 0 ]
