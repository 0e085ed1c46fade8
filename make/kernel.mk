# SPDX-License-Identifier: 0BSD
# The reference kernel, by both compilers, release and debug. No header of the host is seen: -nostdinc, and the
# compiler's own freestanding ones.

KERNELS := i386 i386-debug i386-clang i386-clang-debug

KERNEL_C := $(wildcard kernel/*.c port/x86/*.c)
KERNEL_S := $(wildcard kernel/*.S)
KERNEL_ALL := $(LIBRARY_C) $(ADAPTER_C) $(KERNEL_C) $(KERNEL_S)

KERNEL_FLAGS := -march=i686 -ffreestanding -nostdinc -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only \
    -ffunction-sections -O2 -g $(WARNINGS) -Iinclude -Isrc -Ikernel -Iport/x86

# Does the compiler ($1) know the flag ($2)?
knows = $(shell $1 $2 -Werror -ffreestanding -c -x c /dev/null -o /dev/null 2>/dev/null && echo '$2')

KERNEL_GCC = $(GCC) -m32 -std=c11 $(KERNEL_FLAGS) -isystem $(shell $(GCC) -print-file-name=include 2>/dev/null) \
    -mpreferred-stack-boundary=2 -fcallgraph-info=su $(call knows,$(GCC) -m32,-fstack-clash-protection)
KERNEL_CLANG = $(CLANG) --target=i686-elf -std=c11 $(KERNEL_FLAGS) -Wthread-safety \
    -isystem $(shell $(CLANG) -print-resource-dir 2>/dev/null)/include \
    $(call knows,$(CLANG) --target=i686-elf,-fstack-clash-protection)
LINK_GCC = $(GCC) -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-T,$1 $2
LINK_CLANG = ld.lld -nostdlib -static -T $1 $(subst -Wl$(comma),,$2)
comma := ,

# examples/kernel: the library's objects, and of the rest what its file says. What nobody calls is left out.
EXAMPLE_OBJECTS := $(LIBRARY_C:.c=.o) $(ADAPTER_C:.c=.o) port/x86/hooks.o port/x86/window.o kernel/string.o \
    examples/kernel/main.o examples/kernel/start.S.o

# kernel(variant, compiler, linker, debug). The compiler is asked for its flags once a variant, when first needed.
define kernel
COMMAND_$1 = $$(eval COMMAND_$1 := $$($2) -DASHLAR_DEBUG=$4)$$(COMMAND_$1)

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
	@$$(COMMAND_$1) -MMD -MP -c $$< -o $$@

KERNEL_OBJECTS_$1 := $$(patsubst %.S,$(BUILD)/$1/%.S.o,$$(patsubst %.c,$(BUILD)/$1/%.o,$(KERNEL_ALL)))
$(BUILD)/$1/kernel.elf: kernel/i386.ld $$(KERNEL_OBJECTS_$1)
	@echo '  LINK $$@'
	@$$(call $3,kernel/i386.ld) -o $$@ $$(KERNEL_OBJECTS_$1)

$(BUILD)/$1/example.elf: examples/kernel/link.ld $$(addprefix $(BUILD)/$1/,$$(EXAMPLE_OBJECTS))
	@echo '  LINK $$@'
	@$$(call $3,$$<,-Wl$$(comma)--gc-sections -Wl$$(comma)-Map=$$@.map) -o $$@ $$(addprefix $(BUILD)/$1/,$$(EXAMPLE_OBJECTS))

-include $$(KERNEL_OBJECTS_$1:.o=.d) $(BUILD)/$1/examples/kernel/main.d
endef
$(eval $(call kernel,i386,KERNEL_GCC,LINK_GCC,0))
$(eval $(call kernel,i386-debug,KERNEL_GCC,LINK_GCC,1))
$(eval $(call kernel,i386-clang,KERNEL_CLANG,LINK_CLANG,0))
$(eval $(call kernel,i386-clang-debug,KERNEL_CLANG,LINK_CLANG,1))

.PHONY: kernel kernels
kernel: $(BUILD)/i386/kernel.elf ## build build/i386/kernel.elf (gcc, release)
kernels: $(KERNELS:%=$(BUILD)/%/kernel.elf) ## build all kernels: both compilers, release and debug
