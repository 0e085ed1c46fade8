# SPDX-License-Identifier: 0BSD
# What `make check` builds and runs. T selects by a part of the path: make check T=heap, make check T=gcc32/tests/frames.

SCRIPT_TESTS := $(wildcard tests/*/*.t)

# The kernel's own tests run in every kernel, all others in the gcc release build.
OTHER_KERNELS := $(filter-out i386,$(KERNELS))
KERNEL_TESTS := $(wildcard tests/qemu/floors.t tests/qemu/panic.t tests/qemu/monitor.t)
WRAPPED_TESTS := $(foreach k,$(OTHER_KERNELS),$(KERNEL_TESTS:%=$(BUILD)/$k/%))
$(foreach k,$(OTHER_KERNELS),$(eval $(KERNEL_TESTS:%=$(BUILD)/$k/%): $(BUILD)/$k/kernel.elf))
$(WRAPPED_TESTS):
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nKERNEL=%s exec sh %s\n' $< '$(@:$(<D)/%=%)' >$@
	@chmod +x $@

ALL_TESTS := $(HOSTED_TESTS) $(SCRIPT_TESTS) $(WRAPPED_TESTS)
TESTS = $(if $(T),$(foreach t,$(ALL_TESTS),$(if $(findstring $(T),$t),$t)),$(ALL_TESTS))

# Scripts look at everything that is built.
SCRIPT_NEEDS := $(KERNELS:%=$(BUILD)/%/kernel.elf) $(TOOLS) $(BENCHES) $(EXAMPLES)

.PHONY: check check-long check-build
check: ## build everything with both compilers and run all tests: make check T=heap
	@tools/setup check
	@$(MAKE) --no-print-directory -j$(JOBS) check-build T='$(T)'
	@tools/check-run -j $(JOBS) $(TESTS)

check-long: export ASHLAR_LONG := 1
check-long: check ## the same with ten times the seeds and sizes

check-build: $(filter $(BUILD)/%,$(TESTS)) $(if $(filter tests/%,$(TESTS)),$(SCRIPT_NEEDS))
