#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Memory maps that no firmware should give, handed in as a module to a machine of 64 MiB.
. tests/qemu/lib.sh

MAP=$(mktemp) || exit 1
trap 'rm -f "$OUT" "$MAP"' EXIT

# boots_on STATUS TEXT < map
boots_on() {
    cat >"$MAP"
    boots "$1" "$2" --mem 64M --module "$MAP" "$KERNEL" ${PAGING:-} map=module map audit test=frames
}

boots_on 1 "[fault 1] an empty map" <<'END'
# nothing
END
says 'panic: ' "it says why"
boots_on 1 "[fault 2] no usable RAM" <<'END'
0x0 0x9fc00 acpi
END
says 'panic: ' "it says why"
boots_on 1 "[fault 3] all reserved" <<'END'
0x0 0x4000000 usable
0x0 0x100000000 reserved
END
says 'panic: ' "it says why"
boots_on 0 "[fault 4] unsorted" <<'END'
0x3000000 0x1000000 usable
0x0 0x9fc00 usable
0x100000 0x2f00000 usable
END
boots_on 0 "[fault 5] [fault 6] duplicates and overlaps of one type" <<'END'
0x0 0x9fc00 usable
0x0 0x9fc00 usable
0x100000 0x2000000 usable
0x1000000 0x2000000 usable
END
boots_on 0 "[fault 7] usable overlaps reserved" <<'END'
0x0 0x4000000 usable
0x9fc00 0x60400 reserved
0x3fe0000 0x20000 reserved
END
boots_on 0 "[fault 8] [fault 9] [fault 10] zero length, a wrap, beyond the CPU's width" <<'END'
0x0 0x9fc00 usable
0x500000 0x0 usable
0x100000 0x3ee0000 usable
0xfffffffffffff000 0x2000 reserved
0xfff0000000000000 0x1000 usable
END
PAGING=paging=two-level
boots_on 0 "[fault 11] usable above 4 GiB without PAE" <<'END'
0x0 0x9fc00 usable
0x100000 0x3ee0000 usable
0x100000000 0x40000000 usable
END
PAGING=
boots_on 0 "[fault 12] [fault 15] [fault 18] edges inside a page, an unknown type, fragments of a page" <<'END'
0x234 0x9f9cc usable
0x100000 0x1000000 usable
0x1200800 0x100 4711
0x1301000 0x1000 usable
0x1303000 0x1000 usable
0x1400123 0x2000000 usable
END
boots_on 0 "[fault 13] [fault 14] the image and the module inside usable" <<'END'
0x1000 0x3fdf000 usable
0x9f000 0x61000 reserved
END
says 'module' "the module is not handed out"
{
    echo "0x100000 0x3ee0000 usable"
    i=0
    while [ $i -lt 400 ]; do
        printf '0x%x 0x1000 acpi\n' $((0x2000000 + i * 0x4000))
        i=$((i + 1))
    done
} >"$MAP.long"
boots_on 0 "[fault 201] 401 entries: storage is sized by what is given" <"$MAP.long"
says '^  0x000263c000 + 0x0000001000  acpi' "[fault 201] the last of them is there"
yes '1 1 2' | head -n 5400 >"$MAP"
boots 1 "[fault 16] more entries than there is room for" --mem 2M --module "$MAP" "$KERNEL" map=module map
says 'memory map of [0-9]* entries' "it says how many"
rm -f "$MAP.long"
boots_on 1 "[fault 205] RAM that is not there" <<'END'
0x0 0x9fc00 usable
0x100000 0x1ff00000 usable
END
says 'panic: .*0x1f[0-9a-f]* is listed as RAM, but does not keep' "it says where"
boots_on 0 "[fault 200] 640 KiB to 1 MiB listed as usable" <<'END'
0x0 0x3fe0000 usable
END
says '^  0x0000100000 + 0x00000[0-9a-f]*  kernel' "[fault 200] what is usable ends at 640 KiB"
boots_on 1 "[fault 17] the bookkeeping fits nowhere" <<'END'
0x200000 0x2000 usable
0x204000 0x2000 usable
END
says 'panic: .*[0-9]' "it says how much"
done_testing
