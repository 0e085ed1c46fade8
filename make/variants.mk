# SPDX-License-Identifier: 0BSD
# The hosted builds. Each floor becomes an archive of its own, and a test of a floor is linked with that floor and
# those below it: so each link shows that the floor stands without the ones above.

HOSTED_VARIANTS := gcc64 clang64 gcc32

COMPILER_gcc64 := $(GCC)
FLAGS_gcc64 := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DASHLAR_DEBUG=1

COMPILER_clang64 := $(CLANG)
FLAGS_clang64 := -O2 -g -DASHLAR_DEBUG=0 -Wthread-safety

COMPILER_gcc32 := $(GCC)
FLAGS_gcc32 := -m32 -O1 -g -DASHLAR_DEBUG=1

# Only for tests/*/*_threads.c.
COMPILER_tsan := $(CLANG)
FLAGS_tsan := -O1 -g -fsanitize=thread -DASHLAR_DEBUG=1 -Wthread-safety

# Only for tests/*/*_smp.c: every access of a shared word is a yield of the simulated machine's scheduler. Notes of frames
# are taken where the space floor calls the frames floor.
YIELD := -DASHLAR_DEBUG=1 -DASHLAR_YIELD_HEADER=\"yield.h\"
COMPILER_yield64 := $(GCC)
FLAGS_yield64 := -O2 -g $(YIELD)
COMPILER_yield32 := $(GCC)
FLAGS_yield32 := -m32 -O2 -g $(YIELD)
SMP_VARIANTS := yield64 yield32
comma := ,
WRAPPED := $(addprefix -Wl$(comma)--wrap=ashlar_frames_,take take_request take_bulk give give_bulk)
LINK_yield64 := $(WRAPPED)
LINK_yield32 := $(WRAPPED)

# Tools, benches, examples.
COMPILER_host := $(GCC)
FLAGS_host := -O2 -g -DASHLAR_DEBUG=0

ALL_VARIANTS := $(HOSTED_VARIANTS) tsan $(SMP_VARIANTS) host

LIBRARY_C := $(wildcard $(FLOORS:%=src/%/*.c))
SIM_C := $(wildcard sim/*.c)
ADAPTER_C := $(wildcard adapters/*.c)
SUPPORT_C := $(wildcard tests/*.c)
TEST_C := $(wildcard tests/*/*.c)
TEST_C := $(filter-out tests/must_fail/%,$(TEST_C))
BENCH_C := $(wildcard bench/*.c)
TOOL_C := $(wildcard tools/*.c)
EXAMPLE_C := $(wildcard examples/*.c)
OUR_C := $(sort $(LIBRARY_C) $(SIM_C) $(ADAPTER_C) $(SUPPORT_C) $(TEST_C) $(BENCH_C) $(TOOL_C) $(EXAMPLE_C) \
    $(wildcard kernel/*.c kernel/*/*.c kernel/*/*/*.c port/*/*.c kernel/*/*.h kernel/*/*/*.h port/*/*.h include/ashlar/*.h src/*/*.h sim/*.h tests/*.h tests/*/*.h \
    adapters/*.h examples/*/*.c examples/*/*.h))

# UPTO_<floor>: it and all below, the highest first.
seen :=
$(foreach f,$(FLOORS),$(eval seen := $f $(seen))$(eval UPTO_$f := $(seen)))
# Adapters stand beside the floors, on memmap.
UPTO_adapters := $(UPTO_memmap)

upto = $(or $(UPTO_$1),$(seen))
has_sources = $(wildcard src/$1/*.c)

HOSTED_FLAGS := -D_GNU_SOURCE -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free

# archives(variant, floors)
archives = $(foreach f,$2,$(if $(call has_sources,$f),$(BUILD)/$1/lib$f.a)) \
    $(if $(ADAPTER_C),$(BUILD)/$1/libadapters.a) $(if $(SIM_C),$(BUILD)/$1/libsim.a)
support = $(SUPPORT_C:%.c=$(BUILD)/$1/%.o)

# What is compiled again when the command changes, and only then.
define flags_stamp
$(BUILD)/$1/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$2' | cmp -s - $$@ || echo '$2' > $$@
endef

# archive(variant, name, sources)
define archive
$(BUILD)/$1/lib$2.a: $(patsubst %.c,$(BUILD)/$1/%.o,$3)
	@rm -f $$@
	@ar rcs $$@ $$^
endef

# program(variant, output, source, floors)
define program
$2: $(BUILD)/$1/$(3:.c=.o) $(call support,$1) $(call archives,$1,$4)
	@mkdir -p $$(@D)
	@echo '  LINK $$@'
	@$(COMPILER_$1) $(FLAGS_$1) $(LINK_$1) -o $$@ $(BUILD)/$1/$(3:.c=.o) $(call support,$1) \
	    -Wl,--start-group $(call archives,$1,$4) -Wl,--end-group -pthread
endef

define variant
COMPILE_$1 := $(COMPILER_$1) -std=c11 $(FLAGS_$1) $(WARNINGS) $(INCLUDES)
$(call flags_stamp,$1,$(COMPILER_$1) -std=c11 $(FLAGS_$1) $(WARNINGS) $(INCLUDES) / $(HOSTED_FLAGS))

$(BUILD)/$1/src/%.o $(BUILD)/$1/adapters/%.o: FREESTANDING := yes

$(BUILD)/$1/%.o: %.c $(BUILD)/$1/flags
	@mkdir -p $$(@D)
	@echo '  CC   $$@'
	@$$(COMPILE_$1) $$(if $$(FREESTANDING),-ffreestanding,$(HOSTED_FLAGS)) \
	    -MMD -MP -c $$< -o $$@

$(foreach f,$(FLOORS),$(if $(call has_sources,$f),$(eval $(call archive,$1,$f,$(wildcard src/$f/*.c)))))
$(eval $(call archive,$1,adapters,$(ADAPTER_C)))
$(eval $(call archive,$1,sim,$(SIM_C)))
endef
$(foreach v,$(ALL_VARIANTS),$(eval $(call variant,$v)))

# Tests: build/<variant>/tests/<floor>/<name>.
floor_of = $(word 2,$(subst /, ,$1))
$(foreach v,$(HOSTED_VARIANTS) tsan $(SMP_VARIANTS),$(foreach t,$(TEST_C),\
    $(eval $(call program,$v,$(BUILD)/$v/$(t:.c=),$t,$(call upto,$(call floor_of,$t))))))
HOSTED_TESTS := $(foreach v,$(HOSTED_VARIANTS),$(patsubst %.c,$(BUILD)/$v/%,$(filter-out %_smp.c,$(TEST_C)))) \
    $(foreach v,$(SMP_VARIANTS),$(patsubst %.c,$(BUILD)/$v/%,$(filter %_smp.c,$(TEST_C)))) \
    $(patsubst %.c,$(BUILD)/tsan/%,$(filter %_threads.c,$(TEST_C)))

# Tools stand at build/host/NAME, benches at build/host/bench/NAME, examples at build/host/examples/NAME.
TOOLS := $(TOOL_C:tools/%.c=$(BUILD)/host/%)
BENCHES := $(BENCH_C:%.c=$(BUILD)/host/%)
EXAMPLES := $(EXAMPLE_C:%.c=$(BUILD)/host/%)
$(foreach t,$(TOOL_C),$(eval $(call program,host,$(t:tools/%.c=$(BUILD)/host/%),$t,$(seen))))
$(foreach t,$(BENCH_C) $(EXAMPLE_C),$(eval $(call program,host,$(t:%.c=$(BUILD)/host/%),$t,$(seen))))

.PHONY: tools
tools: $(TOOLS) ## build the hosted tools into build/host/

-include $(foreach v,$(ALL_VARIANTS),$(patsubst %.c,$(BUILD)/$v/%.d,$(LIBRARY_C) $(SIM_C) $(ADAPTER_C) $(SUPPORT_C) $(TEST_C) \
    $(BENCH_C) $(TOOL_C) $(EXAMPLE_C)))
