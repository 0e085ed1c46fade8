# SPDX-License-Identifier: 0BSD
# What `make check` builds and runs. T selects by a part of the path: make check T=heap, make check T=gcc32/tests/frames.

SCRIPT_TESTS := $(wildcard tests/*/*.t)

# The kernel's own tests run in every kernel, all others in the gcc release build.
OTHER_KERNELS := $(filter-out i386,$(KERNELS))
KERNEL_TESTS := $(wildcard tests/qemu/floors.t tests/qemu/panic.t tests/qemu/monitor.t)
# Several CPUs: where each width has lock ranks checked, by one compiler each.
SMP_KERNELS := i386-debug x86_64-clang-debug
WRAPPED_TESTS := $(foreach k,$(OTHER_KERNELS),$(KERNEL_TESTS:%=$(BUILD)/$k/%)) \
    $(foreach k,$(SMP_KERNELS),$(BUILD)/$k/tests/qemu/smp.t)
$(foreach k,$(OTHER_KERNELS),$(eval $(KERNEL_TESTS:%=$(BUILD)/$k/%) $(BUILD)/$k/tests/qemu/smp.t: $(BUILD)/$k/kernel.elf))
$(WRAPPED_TESTS):
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nKERNEL=%s exec sh %s\n' $< '$(@:$(<D)/%=%)' >$@
	@chmod +x $@

# clang-tidy and cppcheck, over eight sources a test. tests/house/lint.t sees that none is left out.
LINT_FILES_EACH := 8
LINT_PARTS := $(shell expr \( $(words $(filter %.c,$(OUR_C))) + $(LINT_FILES_EACH) - 1 \) / $(LINT_FILES_EACH))
LINT_TESTS := $(foreach k,$(shell seq $(LINT_PARTS)),$(BUILD)/lint/tests/house/lint-$k.t)
$(LINT_TESTS): | compile_commands.json
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec tools/lint --tap --part %s/%s\n' $(@:$(BUILD)/lint/tests/house/lint-%.t=%) $(LINT_PARTS) >$@.new
	@chmod +x $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# On -cpu max, which has LA57, a 64-bit kernel runs with five levels; here with four. panic.t names its modes itself.
FOUR_LEVEL := $(filter-out %/panic.t,$(KERNEL_TESTS))
FOUR_LEVEL_TESTS := $(foreach k,x86_64 x86_64-debug,$(FOUR_LEVEL:tests/qemu/%.t=$(BUILD)/$k/4-level/tests/qemu/%.t))
$(foreach k,x86_64 x86_64-debug,$(eval $(FOUR_LEVEL:tests/qemu/%.t=$(BUILD)/$k/4-level/tests/qemu/%.t): $(BUILD)/$k/kernel.elf))
$(FOUR_LEVEL_TESTS):
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nKERNEL=%s QEMU_CPU=max,-la57 exec sh tests/qemu/%s\n' $< '$(@F)' >$@
	@chmod +x $@

ALL_TESTS := $(HOSTED_TESTS) $(SCRIPT_TESTS) $(LINT_TESTS) $(WRAPPED_TESTS) $(FOUR_LEVEL_TESTS)
TESTS = $(if $(T),$(foreach t,$(ALL_TESTS),$(if $(findstring $(T),$t),$t)),$(ALL_TESTS))

# What scripts look at, by their folder; tests of the house look at everything.
SCRIPT_NEEDS_qemu := $(KERNEL_WIDTHS:%=$(BUILD)/%/kernel.elf) $(BUILD)/i486/kernel.elf $(BUILD)/i386/example.elf $(TOOLS)
# Kernels linked elsewhere are for the one test that boots them.
LAYOUTS := $(foreach a,0x00100000 0x80100000 0xC0100000,$(BUILD)/i386-at-$a/kernel.elf $(BUILD)/i386-at-$a/example.elf) \
    $(foreach a,0x00100000 0xFFFFFFFF80100000,$(BUILD)/x86_64-at-$a/kernel.elf) \
    $(BUILD)/x86_64-pie-at-0xFFFFC00000100000/kernel.elf
SCRIPT_NEEDS_layouts := $(LAYOUTS)
SCRIPT_NEEDS_tools := $(TOOLS)
SCRIPT_NEEDS_examples := $(EXAMPLES)
SCRIPT_NEEDS_sim := $(foreach v,$(SMP_VARIANTS),$(BUILD)/$v/tests/kva/random_smp $(BUILD)/$v/tests/kva/stacks_smp $(BUILD)/$v/tests/kva/waiting_smp)
SCRIPT_NEEDS_models := $(SCRIPT_NEEDS_sim)
SCRIPT_NEEDS_all := $(KERNELS:%=$(BUILD)/%/kernel.elf) $(BUILD)/i486/kernel.elf $(EXAMPLE_KERNELS:%=$(BUILD)/%/example.elf) $(TOOLS) $(BENCHES) $(EXAMPLES) $(call archives,clang64,$(seen)) $(BUILD)/gcc32/libsim.a
script_needs = $(or $(SCRIPT_NEEDS_$(basename $(notdir $1))),$(SCRIPT_NEEDS_$(call floor_of,$1)),$(SCRIPT_NEEDS_all))

.PHONY: check check-long check-build
check: ## build everything with both compilers and run all tests: make check T=heap
	@tools/setup $(if $(ASHLAR_LONG),check-long,check)
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS)) check-build T='$(T)'
	@tools/check-run -j $(JOBS) $(TESTS)

check-long: export ASHLAR_LONG := 1
check-long: check ## the same with ten times the seeds and sizes

check-build: $(filter $(BUILD)/%,$(TESTS)) $(sort $(foreach t,$(filter tests/%,$(TESTS)),$(call script_needs,$t)))
