# SPDX-License-Identifier: 0BSD
# lib.sh - what the scripts here share: run the kernel, look at what it said, tell it as TAP.
#
# Run from the repository root, by prove or alone: sh tests/qemu/panic.t

KERNEL=${KERNEL:-build/i386/kernel.elf}

# kernel_of MODE: the image that runs in it, of the same compiler and kind as $KERNEL.
kernel_of() {
    kind=$(basename "$(dirname "$KERNEL")")
    kind=${kind#i386}
    kind=${kind#x86_64}
    case $1 in
    i386 | pae) echo "build/i386$kind/kernel.elf" ;;
    *) echo "build/x86_64$kind/kernel.elf" ;;
    esac
}

OUT=$(mktemp) || exit 1
trap 'rm -f "$OUT"' EXIT
count=0
failures=0

# ok STATUS TEXT
ok() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
        tr -d '\r' <"$OUT" | tail -n 25 | sed 's/^/# /'
    fi
}

# skip TEXT REASON
skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# boots STATUS TEXT qemu-run's arguments...: the kernel ends with this status.
boots() {
    wanted=$1
    text=$2
    shift 2
    tools/qemu-run "$@" >"$OUT" 2>&1
    got=$?
    [ "$got" -eq "$wanted" ] || echo "# status $got, wanted $wanted"
    [ "$got" -eq "$wanted" ]
    ok $? "$text"
}

# says PATTERN TEXT: the last run printed a line that matches.
says() {
    grep -q -- "$1" "$OUT"
    ok $? "$2"
}

# kernel_test NAME qemu-run's options...: the assertions of one group of tests inside the kernel become ours.
kernel_test() {
    name=$1
    shift
    tools/qemu-run "$@" "$KERNEL" "test=$name" >"$OUT" 2>&1
    status=$?
    tr -d '\r' <"$OUT" | sed -n 's/^ok [0-9]* - /0 /p; s/^not ok [0-9]* - /1 /p' >"$OUT.tap"
    while read -r result text; do
        ok "$result" "$name: $text"
    done <"$OUT.tap"
    rm -f "$OUT.tap"
    [ "$status" -eq 0 ]
    ok $? "$name: the kernel ended well ($*)"
}

# host_has GIB: memory to spare, for a machine that is large.
host_has() {
    available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    [ "${available:-0}" -ge $(($1 * 1024 * 1024)) ]
}

done_testing() {
    echo "1..$count"
    [ "$failures" -eq 0 ]
    exit $?
}
