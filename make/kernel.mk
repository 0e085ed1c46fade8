# SPDX-License-Identifier: 0BSD
# The reference kernel: an image for each width, by both compilers, release and debug. No header of the host is seen:
# -nostdinc, and the compiler's own freestanding ones. kernel/cpu/<width>/ has what the widths do not share.
#
# build/VARIANT-at-ADDRESS/kernel.elf is the same linked at another address, 1 MiB behind a multiple of 4 MiB; of its own it has
# one object, the one that turns paging on.

KERNEL_WIDTHS := i386 x86_64
KERNELS := $(foreach w,$(KERNEL_WIDTHS),$w $w-debug $w-clang $w-clang-debug)

# Where an image is linked, if nobody says it. On 64-bit beyond the last and the first 2 GiB: in the variant x86_64-pie.
IMAGE_i386 := 0xFFD00000
IMAGE_x86_64 := 0xFFFFFFFFFFD00000

KERNEL_C := $(wildcard kernel/*.c kernel/*/*.c port/x86/*.c)
kernel_sources = $(LIBRARY_C) $(ADAPTER_C) $(KERNEL_C) $(wildcard kernel/cpu/$1/*.c kernel/cpu/$1/*.S)

KERNEL_FLAGS := -ffreestanding -nostdinc -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only \
    -ffunction-sections -O2 -g $(WARNINGS) -Iinclude -Isrc -Ikernel -Iport
# Arguments in registers, as Linux has it on i386: smaller and faster.
FLAGS_i386 := -march=i686 -mtune=generic -mregparm=3 -Ikernel/cpu/i386
FLAGS_x86_64 := -mcmodel=kernel -mno-red-zone -Ikernel/cpu/x86_64
GCC_i386 = $(GCC) -m32 -mpreferred-stack-boundary=2
GCC_x86_64 = $(GCC) -m64
CLANG_i386 = $(CLANG) --target=i686-elf
CLANG_x86_64 = $(CLANG) --target=x86_64-elf

# The same width for an i486, which exchanges no 64-bit entry.
KERNEL_GCC_486 = $(subst -march=i686,-march=i486,$(call KERNEL_GCC,$1)) -DASHLAR_PAGING_FIXED=TWO_LEVEL

# Does the compiler ($1) know the flag ($2)?
knows = $(shell $1 $2 -Werror -ffreestanding -c -x c /dev/null -o /dev/null 2>/dev/null && echo '$2')

# For the width $1.
KERNEL_GCC = $(GCC_$1) -std=c11 $(KERNEL_FLAGS) $(FLAGS_$1) \
    -isystem $(shell $(GCC) -print-file-name=include 2>/dev/null) -fcallgraph-info=su \
    $(call knows,$(GCC_$1),-fstack-clash-protection)
KERNEL_CLANG = $(CLANG_$1) -std=c11 $(KERNEL_FLAGS) $(FLAGS_$1) -Wthread-safety \
    -isystem $(shell $(CLANG) -print-resource-dir 2>/dev/null)/include \
    $(call knows,$(CLANG_$1),-fstack-clash-protection)
# Code that is relative to where it stands, without a table of addresses: nothing of it is in reach of -mcmodel=kernel.
KERNEL_GCC_PIE = $(filter-out -fno-pic -fno-pie -mcmodel=kernel,$(KERNEL_GCC)) -fpie -include kernel/cpu/$1/hidden.h
# With the linker script $2, at the address $3, and further options of the linker, $4.
LINK_GCC = $(GCC_$1) -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack -Wl,-T,$2 \
    -Wl,--defsym=IMAGE_ADDRESS=$3 $(addprefix -Xlinker ,$4)
LINK_CLANG = ld.lld -nostdlib -static -z max-page-size=4096 -T $2 --defsym=IMAGE_ADDRESS=$3 $4

# examples/kernel: the library's objects, and of the rest what its file says. What nobody calls is left out.
EXAMPLE_OBJECTS := $(LIBRARY_C:.c=.o) $(ADAPTER_C:.c=.o) port/x86/hooks.o port/x86/window.o kernel/io/string.o \
    examples/kernel/main.o examples/kernel/start.S.o
EXAMPLE_KERNELS := $(filter i386%,$(KERNELS))

METER := --wrap=ashlar_port_irq_save --wrap=ashlar_port_irq_restore
# kernel(variant, width, compiler, linker, debug). The compiler is asked for its flags once a variant, when first needed.
define kernel
COMMAND_$1 = $$(eval COMMAND_$1 := $$(call $3,$2) -DASHLAR_DEBUG=$5)$$(COMMAND_$1)

$(BUILD)/$1/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$$(COMMAND_$1)' | cmp -s - $$@ || echo '$$(COMMAND_$1)' > $$@

$(BUILD)/$1/%.o: %.c $(BUILD)/$1/flags
	@mkdir -p $$(@D)
	@echo '  CC   $$@'
	@$$(COMMAND_$1) -MMD -MP -c $$< -o $$@

$(BUILD)/$1/%.S.o: %.S $(BUILD)/$1/flags
	@mkdir -p $$(@D)
	@echo '  AS   $$@'
	@$$(COMMAND_$1) -DIMAGE_ADDRESS=$$(IMAGE_$2) -MMD -MP -c $$< -o $$@

$(BUILD)/$1-at-%/boot.o: kernel/cpu/$2/boot.S $(BUILD)/$1/flags
	@mkdir -p $$(@D)
	@echo '  AS   $$@'
	@$$(COMMAND_$1) -DIMAGE_ADDRESS=$$* -MMD -MP -c $$< -o $$@

$(BUILD)/$1-at-%/start.o: examples/kernel/start.S $(BUILD)/$1/flags
	@mkdir -p $$(@D)
	@echo '  AS   $$@'
	@$$(COMMAND_$1) -DIMAGE_ADDRESS=$$* -MMD -MP -c $$< -o $$@

KERNEL_OBJECTS_$1 := $$(patsubst %.S,$(BUILD)/$1/%.S.o,$$(patsubst %.c,$(BUILD)/$1/%.o,$$(call kernel_sources,$2)))
$(BUILD)/$1/kernel.elf: kernel/cpu/$2/kernel.ld kernel/cpu/image.ld $$(KERNEL_OBJECTS_$1)
	@echo '  LINK $$@'
	@$$(call $4,$2,$$<,$$(IMAGE_$2)) -o $$@ $$(KERNEL_OBJECTS_$1)

MOVED_OBJECTS_$1 := $$(filter-out %/boot.S.o,$$(KERNEL_OBJECTS_$1))
$(BUILD)/$1-at-%/kernel.elf: kernel/cpu/$2/kernel.ld kernel/cpu/image.ld $$(MOVED_OBJECTS_$1) $(BUILD)/$1-at-%/boot.o
	@echo '  LINK $$@'
	@$$(call $4,$2,$$<,$$*) -o $$@ $$(MOVED_OBJECTS_$1) $$(@D)/boot.o

# The same, but for the hooks that turn interrupts off and on: they are counted.
$(BUILD)/$1/metered.elf: kernel/cpu/$2/kernel.ld kernel/cpu/image.ld $$(KERNEL_OBJECTS_$1) $(BUILD)/$1/kernel/bench/metered/meter.o
	@echo '  LINK $$@'
	@$$(call $4,$2,$$<,$$(IMAGE_$2),$(METER)) -o $$@ $$(KERNEL_OBJECTS_$1) $(BUILD)/$1/kernel/bench/metered/meter.o

$(BUILD)/$1/example.elf: examples/kernel/link.ld $$(addprefix $(BUILD)/$1/,$$(EXAMPLE_OBJECTS))
	@echo '  LINK $$@'
	@$$(call $4,$2,$$<,$$(IMAGE_$2),--gc-sections -Map=$$@.map) -o $$@ $$(addprefix $(BUILD)/$1/,$$(EXAMPLE_OBJECTS))

MOVED_EXAMPLE_$1 := $$(addprefix $(BUILD)/$1/,$$(filter-out %/start.S.o,$$(EXAMPLE_OBJECTS)))
$(BUILD)/$1-at-%/example.elf: examples/kernel/link.ld $$(MOVED_EXAMPLE_$1) $(BUILD)/$1-at-%/start.o
	@echo '  LINK $$@'
	@$$(call $4,$2,$$<,$$*,--gc-sections) -o $$@ $$(MOVED_EXAMPLE_$1) $$(@D)/start.o

-include $$(KERNEL_OBJECTS_$1:.o=.d) $(BUILD)/$1/examples/kernel/main.d
endef
$(foreach w,$(KERNEL_WIDTHS),\
    $(eval $(call kernel,$w,$w,KERNEL_GCC,LINK_GCC,0)) \
    $(eval $(call kernel,$w-debug,$w,KERNEL_GCC,LINK_GCC,1)) \
    $(eval $(call kernel,$w-clang,$w,KERNEL_CLANG,LINK_CLANG,0)) \
    $(eval $(call kernel,$w-clang-debug,$w,KERNEL_CLANG,LINK_CLANG,1)))
$(eval $(call kernel,i486,i386,KERNEL_GCC_486,LINK_GCC,0))
$(eval $(call kernel,x86_64-pie,x86_64,KERNEL_GCC_PIE,LINK_GCC,0))

# The folder of the kernel for the width $1 that is linked at the address $2.
image_model = $(shell case $2 in (0x[fF][fF][fF][fF][fF][fF][fF][fF][89a-fA-F]*) ;; (0x??????????*) echo -pie ;; esac)
kernel_at = $(BUILD)/$1$(if $2,$(call image_model,$1,$2)-at-$2)

.PHONY: kernel kernels
kernel: $(KERNEL_WIDTHS:%=$(BUILD)/%/kernel.elf) ## build build/i386/kernel.elf and build/x86_64/kernel.elf (gcc, release)
kernels: $(KERNELS:%=$(BUILD)/%/kernel.elf) ## build all kernels: both compilers, release and debug
