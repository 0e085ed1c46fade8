/* SPDX-License-Identifier: 0BSD */
/* fields.c - what the caller said, checked before anything is done with it.
 *
 * A wrong address or size that passes here would be found much later, as memory that two have. So what the caller says is
 * compared with what the CPU shows: the root in use, walked by the format that is named, has to lead from the image's first
 * and last byte to where they lie in RAM, and from each page of the stack to somewhere; and the stack that this
 * very function runs on is the one that is named. A wrong format does not pass that: its walk ends elsewhere. It may
 * meet any number on the way, so a link is followed only to frames that the CPU can address.
 *
 * Each message names the field, its value, the rule, and a value that would do. docs/porting.md has all of them.
 */
#include "boot/fields.h"

#include "arch/entry.h"
#include "arch/formats.h"
#include "base/check.h"
#include "tables/policy.h"

#define FEATURES_KNOWN                                                                                                 \
    (ASHLAR_FEATURE_NX | ASHLAR_FEATURE_GLOBAL | ASHLAR_FEATURE_LARGE | ASHLAR_FEATURE_GIB | ASHLAR_FEATURE_PAT |      \
     ASHLAR_FEATURE_PCID | ASHLAR_FEATURE_INVLPG_LEAVES_GLOBAL | ASHLAR_FEATURE_ONE_PAGE_SIZE)
#define WIDTH_SHIFT 24u
#define WIDTH_LEAST 12u
#define WIDTH_MOST 52u
#define CPU_WINDOWS 12u /* that port.h asks for: eight of threads, four of interrupts */

/* --- the map and the CPU ---------------------------------------------------------- */

COLD static void check_map(const struct ashlar_memmap *map)
{
    ASHLAR_CHECK(map != NULL && map->entries != NULL && map->capacity != 0,
                 "boot: map is %p: no map, or one without storage; ashlar_memmap_init makes one", (const void *)map);
    ASHLAR_CHECK(!map->finalized, "boot: map is %p: finalized already; boot does that, and adds to it before",
                 (const void *)map);
}

COLD static void check_paging(const struct ashlar_paging *paging)
{
    static const struct ashlar_paging *const known[] = {&ashlar_paging_two_level, &ashlar_paging_pae,
                                                        &ashlar_paging_pae_l1tf, &ashlar_paging_4level,
                                                        &ashlar_paging_5level};
    const char *usual = sizeof(uintptr_t) == 4u ? "ashlar_paging_two_level" : "ashlar_paging_4level";
    bool is_known = false;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        is_known = is_known || paging == known[i];
    }
    ASHLAR_CHECK(is_known, "boot: paging is %p: none of the library's formats, such as &%s", (const void *)paging,
                 usual);
    ASHLAR_CHECK(paging->virtual_bits <= sizeof(uintptr_t) * 8u,
                 "boot: paging is %s, in a kernel of %u bits: &%s is one of those that it can have", paging->name,
                 (unsigned)sizeof(uintptr_t) * 8u, usual);
    ASHLAR_CHECK(paging->levels == ashlar_paging_levels(paging),
                 "boot: paging is %s, but this library is built for %s alone (ASHLAR_PAGING_FIXED)", paging->name,
                 paging_fold(paging)->name);
}

COLD static void check_features(const struct ashlar_boot *boot)
{
    unsigned bits = boot->features >> WIDTH_SHIFT;
    ashlar_phys root = ashlar_port_get_root();
    unsigned unknown = boot->features & ((1u << WIDTH_SHIFT) - 1u) & ~FEATURES_KNOWN;
    ASHLAR_CHECK(unknown == 0, "boot: features is 0x%x: bits 0x%x of it are no ASHLAR_FEATURE_; 0x%x has none such",
                 boot->features, unknown, boot->features ^ unknown);
    ASHLAR_CHECK(bits == 0 || (bits >= WIDTH_LEAST && bits <= WIDTH_MOST),
                 "boot: features is 0x%x: %u physical address bits; 12 to 52 can be, and 0 is the format's own",
                 boot->features, bits);
    ASHLAR_CHECK(root >> ASHLAR_PAGE_SHIFT < ashlar_paging_frame_limit(boot->paging, boot->features),
                 "boot: features is 0x%x: %u physical address bits, but the root in use lies at 0x%llx; 0 is the "
                 "format's own",
                 boot->features, bits, (unsigned long long)root);
}

COLD static void check_cpus(const struct ashlar_boot *boot)
{
    size_t windows = boot->windows_bytes >> ASHLAR_PAGE_SHIFT;
    ASHLAR_CHECK(boot->max_cpus != 0 && boot->max_cpus <= ASHLAR_MAX_CPUS,
                 "boot: max_cpus is %u: not 1 to %u (ASHLAR_MAX_CPUS)", boot->max_cpus, ASHLAR_MAX_CPUS);
    ASHLAR_CHECK(boot->max_cpus == 1 || boot->kick != NULL,
                 "boot: max_cpus is %u, but there is no kick: no CPU could make another one forget a translation; 1 "
                 "needs none",
                 boot->max_cpus);
    ASHLAR_CHECK(boot->windows_bytes == 0 || windows / CPU_WINDOWS >= boot->max_cpus,
                 "boot: max_cpus is %u, and windows_bytes 0x%zx: %zu windows are for %zu CPUs, with 12 each; 0x%zx "
                 "would do",
                 boot->max_cpus, boot->windows_bytes, windows, windows / CPU_WINDOWS,
                 (size_t)boot->max_cpus * CPU_WINDOWS * ASHLAR_PAGE_BYTES);
}

COLD static void check_hooks(const struct ashlar_boot *boot)
{
    bool block = boot->waiting.block != NULL, wake = boot->waiting.wake != NULL;
    ASHLAR_CHECK(block == wake, "boot: waiting has %s without %s: both or none", block ? "block" : "wake",
                 block ? "wake" : "block");
    ASHLAR_CHECK(
        boot->policy == ASHLAR_SHARING_AUTO || ashlar_sharing_is_built(boot->policy),
        "boot: policy is %u, %s: it is not built in (ASHLAR_SHARING_BUILT is 0x%x); 0, AUTO, takes one that is",
        (unsigned)boot->policy, ashlar_sharing_text(boot->policy), ASHLAR_SHARING_BUILT);
}

/* --- addresses ----------------------------------------------------------------------- */

COLD static void check_pair(const char *name, uintptr_t address, size_t bytes)
{
    ASHLAR_CHECK(address == 0 || bytes != 0, "boot: %s_address is %p, but %s_bytes is 0: both or none", name,
                 (void *)address, name);
}

/* What the root in use says of an address, as far as that can be followed. */
COLD static bool translate(const struct ashlar_boot *boot, uintptr_t address, ashlar_phys *physical)
{
    const struct ashlar_paging *paging = boot->paging;
    ashlar_vpn page = ashlar_paging_page(paging, address);
    ashlar_phys table = ashlar_port_get_root();
    ashlar_pfn limit = ashlar_paging_frame_limit(paging, boot->features);
    unsigned level = ashlar_paging_levels(paging);
    uint64_t entry = 0;
    bool is_link = ashlar_paging_address_is_valid(paging, address);
    ashlar_port_pin();
    while (is_link && table >> ASHLAR_PAGE_SHIFT < limit) {
        char *window = ashlar_port_open_frame((ashlar_pfn)(table >> ASHLAR_PAGE_SHIFT));
        entry = ashlar_entry_load(paging, window + (table & (ASHLAR_PAGE_BYTES - 1u)),
                                  ashlar_entry_index(paging, level, page));
        ashlar_port_close_frame(window);
        is_link = ashlar_entry_is_link(paging, level, entry);
        level -= is_link;
        table = (ashlar_phys)ashlar_entry_frame(paging, entry) << ASHLAR_PAGE_SHIFT;
    }
    ashlar_port_unpin();
    ashlar_pfn within = page & (((ashlar_pfn)1 << ashlar_entry_shift(paging, level)) - 1u);
    *physical = (ashlar_phys)(ashlar_entry_leaf_frame(paging, level, entry) + within) << ASHLAR_PAGE_SHIFT |
                (address & (ASHLAR_PAGE_BYTES - 1u));
    return !is_link && ashlar_entry_is_leaf(paging, level, entry); /* a link that leads too far is none */
}

COLD static void check_image(const struct ashlar_boot *boot)
{
    const char *format = ashlar_paging_name(boot->paging);
    uintptr_t last = boot->image_address + (boot->image_bytes - 1u);
    ashlar_phys physical = 0, physical_last = 0;
    ASHLAR_CHECK(boot->image_bytes != 0, "boot: image_bytes is 0: the image at %p would be handed out as free memory",
                 (void *)boot->image_address);
    ASHLAR_CHECK(translate(boot, boot->image_address, &physical),
                 "boot: image_address is %p, where the root in use, read as %s (paging), maps nothing: the image's "
                 "virtual address is wrong, or the format",
                 (void *)boot->image_address, format);
    ASHLAR_CHECK(physical == boot->image_base,
                 "boot: image_base is 0x%llx, but the root in use, read as %s (paging), maps image_address, %p, to "
                 "0x%llx",
                 (unsigned long long)boot->image_base, format, (void *)boot->image_address,
                 (unsigned long long)physical);
    ASHLAR_CHECK(
        last >= boot->image_address && translate(boot, last, &physical_last) &&
            physical_last - physical == boot->image_bytes - 1u,
        "boot: image_bytes is 0x%zx: at its last byte, %p, the root in use does not map what follows the image "
        "in RAM; as many as the linker gave it would do",
        boot->image_bytes, (void *)last);
}

COLD static bool is_in(uintptr_t address, uintptr_t first, size_t bytes)
{
    return address - first < bytes;
}

#ifndef STACK_IN_USE
#define STACK_IN_USE() ((uintptr_t)__builtin_frame_address(0))
#endif

/* Where the root in use knows nothing of the stack, this is no kernel under that root: a simulated one, on its host's. */
COLD static void check_stack_in_use(const struct ashlar_boot *boot)
{
    uintptr_t here = STACK_IN_USE();
    ashlar_phys physical;
    ASHLAR_CHECK(is_in(here, boot->image_address, boot->image_bytes) ||
                     is_in(here, boot->stack_address, boot->stack_bytes) || !translate(boot, here, &physical),
                 "boot: stack_address is %p, with stack_bytes 0x%zx, but the stack in use is at %p: not within, nor in "
                 "the image, so it would be handed out as free memory",
                 (void *)boot->stack_address, boot->stack_bytes, (void *)here);
}

COLD static void check_stack(const struct ashlar_boot *boot)
{
    uintptr_t last = boot->stack_address + (boot->stack_bytes - 1u);
    ashlar_phys physical;
    check_pair("stack", boot->stack_address, boot->stack_bytes);
    ASHLAR_CHECK(boot->stack_bytes == 0 || boot->stack_address != 0,
                 "boot: stack_bytes is 0x%zx, but stack_address is 0: both or, for a stack in the image, none",
                 boot->stack_bytes);
    ASHLAR_CHECK(boot->stack_bytes == 0 || last >= boot->stack_address,
                 "boot: stack_address is %p, with stack_bytes 0x%zx: up to the last address there are 0x%zx",
                 (void *)boot->stack_address, boot->stack_bytes, (size_t)(0 - boot->stack_address));
    uintptr_t page = boot->stack_address & ~(uintptr_t)(ASHLAR_PAGE_BYTES - 1u);
    for (size_t left = boot->stack_bytes != 0 ? ((last - page) >> ASHLAR_PAGE_SHIFT) + 1u : 0; left != 0; left--) {
        ASHLAR_CHECK(translate(boot, page, &physical),
                     "boot: stack_address is %p, with stack_bytes 0x%zx, but at %p the root in use maps nothing",
                     (void *)boot->stack_address, boot->stack_bytes, (void *)page);
        page += ASHLAR_PAGE_BYTES;
    }
    check_stack_in_use(boot);
}

COLD void ashlar_boot_check_fields(const struct ashlar_boot *boot)
{
    check_map(boot->map);
    check_paging(boot->paging);
    check_features(boot);
    check_cpus(boot);
    check_hooks(boot);
    check_pair("home", boot->home_address, boot->home_bytes);
    check_pair("windows", boot->windows_address, boot->windows_bytes);
    check_image(boot);
    check_stack(boot);
}
