# SPDX-License-Identifier: 0BSD
.PHONY: bench
bench: ## measure: hosted benches, and instructions counted in QEMU, into build/bench/*.csv
	@tools/setup bench
	@$(MAKE) --no-print-directory $(BENCHES) $(BUILD)/i386/kernel.elf $(BUILD)/i386/example.elf
	@tools/bench $(BENCHES)
