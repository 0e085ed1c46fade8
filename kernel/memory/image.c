/* SPDX-License-Identifier: 0BSD */
/* image.c - the kernel's own pages in any paging format: who may do what, and the windows behind them.
 *
 *     root -> ... -> directory -> | text r-x | constants r-- | data rw- | windows |
 *     root -> ... -> directory ---^ low, at addresses 0 to 4 MiB
 *
 * Entry n of the page table, or of two side by side where entries have 64 bits,
 * maps page n of the image's home to frame n. Linked a second time, below address
 * 4 MiB, the same table maps the image where it runs with paging off: that is
 * how boot.S gets from one format to another, and how other CPUs come up. The
 * low link is there at such moments only, unless the image is linked low itself.
 *
 * CR0.WP makes read-only hold in ring 0; execution is forbidden where the CPU
 * has NX and the entry a place for it. The tables lie in the image, so that the
 * windows work from the first lines of C.
 */
#include "memory/image.h"

#include "cpu/feature.h"
#include "x86/window.h"

#define ENTRY_READ 0x61u /* present, accessed, dirty: the MMU never writes it */
#define ENTRY_WRITE 0x63u
#define ENTRY_LINK 0x23u
#define NO_EXECUTE ((uint64_t)1 << 63)
#define HOME_PAGES ((unsigned)(IMAGE_HOME_BYTES / ASHLAR_PAGE_BYTES))
#define POOL_PAGES 16u

void paging_switch(uintptr_t root, uintptr_t cr4);

static _Alignas(ASHLAR_PAGE_BYTES) char pool[POOL_PAGES][ASHLAR_PAGE_BYTES];
static unsigned pool_taken;

static struct {
    const struct paging_mode *mode;
    char *root;
    char *pages; /* level 1 */
    uint64_t low_link;
} image;

static char *take_pages(unsigned count)
{
    char *first = pool[pool_taken];
    pool_taken += count;
    return first;
}

static uint64_t physical(const char *address)
{
    return (uintptr_t)address - IMAGE_OFFSET;
}

static unsigned index_of(uintptr_t address, unsigned level)
{
    unsigned bits = image.mode->index_bits;
    return (unsigned)(address >> (ASHLAR_PAGE_SHIFT + bits * (level - 1)) & ((1u << bits) - 1));
}

static void set_entry(char *table, unsigned index, uint64_t entry)
{
    if (image.mode->entry_bytes == 4) {
        ((volatile uint32_t *)(void *)table)[index] = (uint32_t)entry;
    } else {
        ((volatile uint64_t *)(void *)table)[index] = entry;
    }
}

static bool within(uintptr_t address, const char *from, const char *end)
{
    return address >= (uintptr_t)from && address < (uintptr_t)end;
}

static uint64_t page_entry(unsigned page)
{
    uintptr_t offset = (uintptr_t)page * ASHLAR_PAGE_BYTES;
    uintptr_t address = IMAGE_OFFSET + offset;
    uint64_t no_execute = feature_has(FEATURE_NX) ? NO_EXECUTE : 0;
    if (address < (uintptr_t)image_text_end) {
        return offset | ENTRY_READ;
    }
    if (address < (uintptr_t)image_rodata_end) {
        return offset | ENTRY_READ | no_execute;
    }
    return within(address, boot_stack_guard, boot_stack) ? 0 : offset | ENTRY_WRITE | no_execute;
}

static void fill_pages(void)
{
    unsigned first = (unsigned)(((uintptr_t)image_start - IMAGE_OFFSET) >> ASHLAR_PAGE_SHIFT);
    unsigned end = (unsigned)(((uintptr_t)image_end - IMAGE_OFFSET) >> ASHLAR_PAGE_SHIFT);
    for (unsigned page = first; page < end; page++) {
        set_entry(image.pages, page, page_entry(page));
    }
}

static uint64_t get_entry(const char *table, unsigned index)
{
    return image.mode->entry_bytes == 4 ? ((const volatile uint32_t *)(const void *)table)[index]
                                        : ((const volatile uint64_t *)(const void *)table)[index];
}

/* The table that this entry names; a new one if it names none. */
static char *table_below(char *table, unsigned level, uintptr_t address)
{
    unsigned index = index_of(address, level);
    if (get_entry(table, index) == 0) {
        set_entry(table, index,
                  physical(take_pages(1)) | (level == image.mode->levels ? image.mode->link : ENTRY_LINK));
    }
    return (char *)((uintptr_t)get_entry(table, index) / ASHLAR_PAGE_BYTES * ASHLAR_PAGE_BYTES + IMAGE_OFFSET);
}

/* Maps the home's pages from this address on. */
static void link_pages(uintptr_t address)
{
    char *table = image.root;
    unsigned count = HOME_PAGES * image.mode->entry_bytes / ASHLAR_PAGE_BYTES;
    for (unsigned level = image.mode->levels; level > 2; level--) {
        table = table_below(table, level, address);
    }
    for (unsigned i = 0; i < count; i++) {
        set_entry(table, index_of(address, 2) + i,
                  (physical(image.pages) + (uint64_t)i * ASHLAR_PAGE_BYTES) | ENTRY_LINK);
    }
}

void image_enter(const struct paging_mode *mode)
{
    if (image.root != NULL) {
        image_show_low(true);
    }
    feature_enable_nx();
    image.mode = mode;
    image.pages = take_pages(HOME_PAGES * mode->entry_bytes / ASHLAR_PAGE_BYTES);
    image.root = take_pages(1);
    fill_pages();
    link_pages(IMAGE_OFFSET);
    link_pages(0);
    image.low_link = get_entry(image.root, 0);
    paging_switch(image_root(), mode->cr4);
    image_show_low(false);
    ashlar_x86_windows_init(image_entry(WINDOWS_ADDRESS), mode->entry_bytes, WINDOWS_ADDRESS, feature_has(FEATURE_NX));
}

const struct paging_mode *image_mode(void)
{
    return image.mode;
}

uintptr_t image_root(void)
{
    return (uintptr_t)physical(image.root);
}

/* PAE's root is read when it is loaded, and only then. Where the image is in the same slot it stays. */
void image_show_low(bool show)
{
    if (index_of(IMAGE_OFFSET, image.mode->levels) == 0) {
        return;
    }
    set_entry(image.root, 0, show ? image.low_link : 0);
    if (x86_read_cr3() == image_root()) {
        x86_write_cr3(image_root());
    }
}

volatile void *image_entry(uintptr_t address)
{
    return image.pages + (address - IMAGE_OFFSET) / ASHLAR_PAGE_BYTES * image.mode->entry_bytes;
}

uintptr_t address_of_page(ashlar_vpn page)
{
    unsigned unused = KERNEL_WIDTH_BITS - image.mode->address_bits;
    return (uintptr_t)((intptr_t)(page << ASHLAR_PAGE_SHIFT << unused) >> unused);
}

/* What part of the image an address lies in, or NULL if it lies elsewhere. */
const char *image_place(uintptr_t address)
{
    if (within(address, boot_stack_guard, boot_stack)) {
        return "guard page of the boot stack";
    }
    if (within(address, boot_stack, boot_stack_top)) {
        return "boot stack";
    }
    if (within(address, image_start, image_text_end)) {
        return "kernel text (read-only)";
    }
    if (within(address, image_text_end, image_rodata_end)) {
        return "kernel constants (read-only)";
    }
    if (within(address, image_rodata_end, image_end)) {
        return "kernel data";
    }
    if (address - WINDOWS_ADDRESS < ASHLAR_X86_WINDOWS_BYTES) {
        return "windows";
    }
    return NULL;
}
