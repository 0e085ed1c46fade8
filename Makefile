# SPDX-License-Identifier: 0BSD
# Ashlar's build. `make help` lists the targets.
#
#   build/<variant>/   objects, floor archives and programs of one way to compile (make/variants.mk)
#   build/i386*/, build/x86_64*/   kernels: kernel.elf (make/kernel.mk)
#   build/host/NAME    tools
#   build/log/         what each test said in the last `make check`
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
SHELL := /bin/sh

GCC := gcc
CLANG := clang
PYTHON := python3
BUILD := build

# What `make run` boots: a paging mode (i386, pae, x86_64, la57), CPUs, RAM, the address at which the image is linked (the top
# where none is given).
# T is a part of a test's path that `make check` selects by.
MODE := i386
CPUS := 1
POLICY := auto
MEM := 1G
IMAGE :=
T :=
JOBS := 2

FLOORS := $(shell sed 's/\#.*//; s/[[:space:]].*//; /./!d' src/FLOORS)

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wvla -Wcast-qual -Wcast-align \
    -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Werror
INCLUDES := -Iinclude -Isrc -Isim -Itests

include make/variants.mk
include make/kernel.mk
include make/check.mk
include make/bench.mk

.PHONY: all run iso clean help format lint mutate compile_commands.json setup FORCE

all: kernel tools ## build the kernel (gcc, release) and the tools

RUN_KERNEL = $(call kernel_at,$(if $(filter i386 pae,$(MODE)),i386,x86_64),$(IMAGE))/kernel.elf
run: ## install what is missing, build, boot in QEMU and show the tour: make run MODE=pae CPUS=4 MEM=64M POLICY=lazy IMAGE=0xC0100000
	@tools/setup run
	@$(MAKE) --no-print-directory kernel $(RUN_KERNEL)
	@tools/qemu-run --mode $(MODE) --smp $(CPUS) --mem $(MEM) --timeout 600 $(RUN_KERNEL) policy=$(POLICY) tour

iso: ## build/ashlar.iso: a GRUB image that boots the 32-bit and the 64-bit kernel
	@tools/setup iso
	@$(MAKE) --no-print-directory kernel
	@tools/make-iso $(BUILD)/ashlar.iso $(KERNEL_WIDTHS:%=$(BUILD)/%/kernel.elf)
	@echo '  ISO  $(BUILD)/ashlar.iso'

mutate: ## break the code on purpose, one place at a time, and list what no test noticed: make mutate FLOOR=heap
	@tools/setup mutate
	@tools/mutate $(if $(FLOOR),--floor $(FLOOR)) $(MUTATE)

format: ## lay out all C sources by .clang-format
	@tools/setup check
	clang-format -i $(OUR_C)

lint: compile_commands.json ## clang-tidy and cppcheck over all C sources
	@tools/setup check
	@tools/lint

compile_commands.json: ## how each file is compiled, for clangd and clang-tidy
	@$(PYTHON) tools/compile-commands > $@.new && mv $@.new $@

setup: ## install the Debian packages that all targets need
	@tools/setup all

clean: ## remove build/
	rm -rf $(BUILD) compile_commands.json

help: ## this list
	@echo 'make TARGET; the targets:'
	@sed -n 's/^\([a-z_.-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | sort -u | \
	    while IFS='|' read -r target text; do printf '  %-22s %s\n' "$$target" "$$text"; done

print-%:
	@echo '$($*)'
