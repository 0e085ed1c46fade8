# SPDX-License-Identifier: 0BSD
.PHONY: bench bench-policies
bench: ## measure: hosted benches, and instructions counted in QEMU, into build/bench/*.csv
	@tools/setup bench
	@$(MAKE) --no-print-directory $(BENCHES) $(BUILD)/i386/kernel.elf $(BUILD)/x86_64/kernel.elf $(BUILD)/i386/metered.elf \
	    $(BUILD)/x86_64/metered.elf $(BUILD)/i386/example.elf
	@tools/bench $(BENCHES)

bench-policies: ## boot each paging mode and sharing policy, and show what growth costs: a table and build/bench/policies.svg
	@tools/setup bench-policies
	@$(MAKE) --no-print-directory $(BUILD)/i386/kernel.elf $(BUILD)/x86_64/kernel.elf
	@tools/bench-policies
