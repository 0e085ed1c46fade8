#!/bin/sh
# SPDX-License-Identifier: 0BSD
# PCIDs, as far as a machine without them cannot show: Bochs has Intel's CPUs of several years, and is as strict as they are
# about CR4.PCIDE, the root's low bits and the bit that keeps translations (it forgets them all the same: whether the right
# ones are kept, the simulated machine shows). Only in check-long.
. tests/qemu/lib.sh

[ -n "${ASHLAR_LONG:-}" ] || { echo '1..0 # SKIP Bochs: only in check-long, a minute for each CPU'; exit 0; }
command -v bochs >/dev/null || { echo '1..0 # SKIP Bochs: it needs the packages bochs, bochs-term, bochsbios and vgabios'; exit 0; }
ISO=$(mktemp --suffix=.iso) || exit 1
trap 'rm -f "$OUT" "$ISO"' EXIT

# image WORDS...: the 64-bit kernel, which does that and ends
image() {
    tools/make-iso --default 1 "$ISO" "$(kernel_of pae)" "$(kernel_of la57)" "$@" audit space exit >"$OUT" 2>&1
    ok $? "an image that does $*"
}

# runs MODEL CPUS TEXT: it ends well on this CPU, and keeps translations
runs() {
    tools/bochs-run --cpu "$1" --smp "$2" --timeout 300 "$ISO" >"$OUT" 2>&1
    ok $? "$1, number of CPUs $2: $3"
    says '^4-level paging, .* PCID ' "$1: has PCIDs"
    says "^$2 CPU" "$1: $2 of them"
    says 'every invariant of every floor holds' "$1: the floors are sound"
    says ' [1-9][0-9]* roots loaded that kept what the CPU knew' "$1: roots are loaded that keep translations"
    ! grep -q '^not ok\|panic:' "$OUT"
    ok $? "$1: nothing failed, nobody panicked"
}

image test=space,process
runs corei7_haswell_4770 1 "spaces and processes"
says ' L1TF ' "Haswell has L1TF"
runs broadwell_ult 2 "spaces and processes"
runs corei7_skylake_x 2 "spaces and processes"
image test=smp,races
runs corei7_icelake_u 2 "shootdowns, processes that are moved, races"
! grep -q ' L1TF ' "$OUT"
ok $? "Ice Lake says that it has no L1TF"
image test=smp
runs corei7_haswell_4770 4 "shootdowns between four"
image panic=because
tools/bochs-run --timeout 300 "$ISO" >"$OUT" 2>&1
[ $? -eq 1 ] && grep -q 'panic: because' "$OUT"
ok $? "a panic ends with status 1"
tools/bochs-run --timeout 1 "$ISO" >"$OUT" 2>&1
[ $? -eq 124 ]
ok $? "no end within its time is status 124"
done_testing
