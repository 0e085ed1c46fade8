#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The GRUB image: each kernel boots from it, through Multiboot 2; on UEFI as well where ASHLAR_LONG is set.
. tests/qemu/lib.sh

ISO=$(mktemp --suffix=.iso) || exit 1
trap 'rm -f "$OUT" "$ISO"' EXIT

# boots_cd ENTRY TEXT qemu-run's options...: that entry of the menu
boots_cd() {
    entry=$1
    what=$2
    shift 2
    tools/make-iso --default "$entry" "$ISO" "$(kernel_of pae)" "$(kernel_of la57)" \
        audit test=map,boot,space,process exit >"$OUT" 2>&1
    ok $? "$what: an image"
    boots 0 "$what: boots from it" --mem 256M --smp 2 --timeout 120 "$@" "$ISO"
    says '^2 CPUs' "$what: 2 CPUs"
    says 'every invariant of every floor holds' "$what: the floors are sound"
}
boots_cd 0 "32 bits"
says '^PAE paging' "32 bits: with PAE"
boots_cd 1 "64 bits"
says '^5-level paging' "64 bits: with 5 levels"
if [ -z "${ASHLAR_LONG:-}" ]; then
    skip "boots on UEFI" "it takes 10 s; set ASHLAR_LONG"
elif [ ! -e /usr/share/ovmf/OVMF.fd ] || [ ! -e /usr/lib/grub/x86_64-efi ]; then
    skip "boots on UEFI" "it needs the packages ovmf and grub-efi-amd64-bin"
else
    boots_cd 1 "UEFI, 64 bits" --uefi /usr/share/ovmf/OVMF.fd
fi
done_testing
