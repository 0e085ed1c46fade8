/* SPDX-License-Identifier: 0BSD */
/* site.c - where the image lies, and what follows from it for kernel space.
 *
 *     the image is                       kernel space goes from ... to the top, where nobody says how large it is
 *     in the usual part, at the top      512 MiB below it (128 MiB with little RAM)
 *     anywhere else from 1 GiB on        the image's home
 *     below 1 GiB                        512 MiB below it (128 MiB): the home is apart, among user addresses
 *     64-bit: in the upper half, or      the start of the upper half
 *             below 1 GiB
 *
 * The home stays as the root in use maps it, and nothing else does: so image, windows and stack have to lie in it.
 */
#include "boot/site.h"

#include "arch/formats.h"
#include "base/bits.h"
#include "base/check.h"

#define UNIT_BYTES ((uintptr_t)4 << 20)
#define LOW_BYTES ((uintptr_t)1024 << 20)
#define SPACE_LEAST_BYTES ((size_t)128 << 20)
#define SPACE_USUAL_BYTES ((size_t)512 << 20)
#define SMALL_RAM_FRAMES (SPACE_LEAST_BYTES >> ASHLAR_PAGE_SHIFT)

/* Addresses from the first to the last: an end may be the end of all. */
struct stretch {
    uintptr_t first;
    uintptr_t last;
};

COLD static struct stretch stretch_of(uintptr_t address, size_t bytes)
{
    return (struct stretch){address, address + (bytes - 1u)};
}

COLD static bool is_within(struct stretch inner, struct stretch outer)
{
    return inner.first >= outer.first && inner.last <= outer.last && inner.first <= inner.last;
}

/* --- the home ------------------------------------------------------------------- */

COLD static void check_within_home(struct stretch home, const char *name, uintptr_t address, size_t bytes)
{
    ASHLAR_CHECK(is_within(stretch_of(address, bytes), home),
                 "boot: %s_address is %p, with %s_bytes 0x%zx: not within the home, %p to %p, which alone stays mapped "
                 "(home_address, home_bytes)",
                 name, (void *)address, name, bytes, (void *)home.first, (void *)home.last);
}

COLD static struct stretch usual_home(const struct ashlar_boot *boot)
{
    struct stretch image = stretch_of(boot->image_address, boot->image_bytes);
    struct stretch windows = boot->windows_bytes != 0 ? stretch_of(boot->windows_address, boot->windows_bytes) : image;
    struct stretch home = {image.first < windows.first ? image.first : windows.first,
                           image.last > windows.last ? image.last : windows.last};
    return (struct stretch){home.first & ~(UNIT_BYTES - 1u), home.last | (UNIT_BYTES - 1u)};
}

COLD static struct stretch find_home(const struct ashlar_boot *boot)
{
    struct stretch home = stretch_of(boot->home_address, boot->home_bytes);
    if (boot->home_bytes == 0) {
        home = usual_home(boot);
    }
    ASHLAR_CHECK((home.first | (home.last + 1u)) % UNIT_BYTES == 0 && home.first <= home.last,
                 "boot: home_address is %p and home_bytes 0x%zx: not multiples of 4 MiB, such as %p and 0x%zx",
                 (void *)boot->home_address, boot->home_bytes, (void *)usual_home(boot).first,
                 (size_t)(usual_home(boot).last - usual_home(boot).first + 1u));
    check_within_home(home, "image", boot->image_address, boot->image_bytes);
    if (boot->windows_bytes != 0) {
        check_within_home(home, "windows", boot->windows_address, boot->windows_bytes);
    }
    if (boot->stack_address != 0) {
        check_within_home(home, "stack", boot->stack_address, boot->stack_bytes);
    }
    return home;
}

/* --- kernel space ----------------------------------------------------------------- */

COLD static uintptr_t top_of(const struct ashlar_paging *paging)
{
    return ashlar_paging_address(paging, ashlar_paging_last_page(paging)) | (ASHLAR_PAGE_BYTES - 1u);
}

/* So many bytes up to the top. */
COLD static uintptr_t start_for(const struct ashlar_paging *paging, size_t bytes)
{
    return top_of(paging) - (bytes - 1u);
}

COLD static uintptr_t usual_start(const struct ashlar_boot *boot, struct stretch home, size_t ram_frames)
{
    const struct ashlar_paging *paging = boot->paging;
    if (ashlar_paging_virtual_bits(paging) > 32u) {
        return ashlar_paging_address(paging, (ashlar_vpn)ashlar_paging_kernel_slot(paging)
                                                 << ashlar_slot_shift(paging));
    }
    uintptr_t start = start_for(paging, ram_frames > SMALL_RAM_FRAMES ? SPACE_USUAL_BYTES : SPACE_LEAST_BYTES);
    return home.first >= LOW_BYTES && home.first < start ? home.first : start;
}

COLD static uintptr_t kernel_start(const struct ashlar_boot *boot, struct stretch home, size_t ram_frames)
{
    size_t bytes = boot->kernel_space_bytes;
    if (bytes == 0) {
        return usual_start(boot, home, ram_frames);
    }
    ASHLAR_CHECK(bytes % UNIT_BYTES == 0 && bytes >= SPACE_LEAST_BYTES &&
                     bytes >> ASHLAR_PAGE_SHIFT <= (ashlar_paging_last_page(boot->paging) + 1u) / 4u * 3u,
                 "boot: kernel_space_bytes is 0x%zx: not a multiple of 4 MiB from 128 MiB to three quarters of all",
                 bytes);
    return start_for(boot->paging, bytes);
}

COLD void ashlar_boot_site(const struct ashlar_boot *boot, size_t ram_frames, struct ashlar_space_options *space)
{
    const struct ashlar_paging *paging = boot->paging;
    struct stretch home = find_home(boot);
    uintptr_t start = kernel_start(boot, home, ram_frames);
    ASHLAR_CHECK(home.first >= start || home.last < LOW_BYTES || home.first >= usual_start(boot, home, ram_frames),
                 "boot: image_address is %p, its home %p to %p: neither below 1 GiB nor in the upper half, from %p on",
                 (void *)boot->image_address, (void *)home.first, (void *)home.last, (void *)start);
    ASHLAR_CHECK(home.first >= start || home.last < LOW_BYTES,
                 "boot: kernel_space_bytes is 0x%zx: it leaves out the image at %p; 0x%zx has it",
                 boot->kernel_space_bytes, (void *)boot->image_address, (size_t)(top_of(paging) - home.first + 1u));
    space->kernel_first = ashlar_paging_page(paging, start);
    space->home_first = ashlar_paging_page(paging, home.first);
    space->home_pages = ((home.last - home.first) >> ASHLAR_PAGE_SHIFT) + 1u;
    space->image_first = ashlar_paging_page(paging, boot->image_address);
    space->image_pages = (boot->image_bytes + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT;
    space->windows_first = ashlar_paging_page(paging, boot->windows_address);
    space->windows_pages = (boot->windows_bytes + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT;
}
