# rehost: P2V, V2V and V2P conversion. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules

BUILD ?= build
CC ?= cc
CLANG ?= clang
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=
PKG_CONFIG ?= pkg-config
FUZZ_SECONDS ?= 60
JOBS := $(shell nproc)

# V=1 shows whole commands.
Q := $(if $(V),,@)
say := @$(if $(V),:,printf '  %-3s %s\n')

PACKAGES := libguestfs hivex libxml-2.0 libarchive libdeflate libzstd liblz4 liblzma zlib jansson nettle gnutls libxxhash uuid libseccomp yaml-0.1
# Optional: faster deflate.
PACKAGES += $(shell $(PKG_CONFIG) --exists libisal && echo libisal)
PACKAGES += $(shell $(PKG_CONFIG) --exists libqrencode && echo libqrencode)
WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wno-unused-parameter -Wno-missing-field-initializers
# Project flags stay out of CFLAGS: a command-line CFLAGS= would cancel them.
REHOST_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -MMD -MP -pthread -fstack-protector-strong \
	$(WARNINGS) -Werror
PKG_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(PACKAGES)) $(if $(filter libisal,$(PACKAGES)),-DREHOST_ISAL) \
	$(if $(filter libqrencode,$(PACKAGES)),-DREHOST_QRENCODE)
AGENT_LIBS = $(shell $(PKG_CONFIG) --libs libnewt)
PKG_LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm

LIB_DIRS := core/base core/model formats net guest guest/files sources inspectors drivers-inject drivers-inject/linux drivers-inject/windows \
	converters converters/linux converters/windows outputs run run/batch run/image run/proof run/report run/serve run/verify
LIB_SOURCES := $(sort $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c)))
CLI_SOURCES := $(sort $(wildcard cli/*.c))
AGENT_SOURCES := $(sort $(wildcard boot-iso/agent/*.c))
TEST_SOURCES := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS ?= $(patsubst tests/fuzz/%.c,%,$(FUZZ_SOURCES))
FUNCTIONAL := $(sort $(wildcard tests/functional/*.sh))
E2E := $(sort $(wildcard tests/e2e/*.sh))
P2V := $(sort $(wildcard tests/p2v/*.sh))
BATCH := $(sort $(wildcard tests/batch/*.sh))
FLEET := $(sort $(wildcard tests/fleet/*.sh))
# Real guests that are built, converted and booted; make check takes those that differ most.
GUESTS := $(filter-out %/kill.sh,$(E2E))
CHECK_GUESTS := $(patsubst %,tests/e2e/%.sh,bios-ova uefi-ova btrfs luks)
PAGES := $(notdir $(sort $(wildcard docs/man/*.[1-8])))
MAN := $(PAGES:%=$(BUILD)/man/%)
COMPLETIONS := $(addprefix $(BUILD)/completion/,bash zsh fish)
SCRIPTS := boot-iso/build $(wildcard boot-iso/lib/*.sh) boot-iso/files/init boot-iso/files/udhcpc \
	tools/setup tools/sysroot-i386 .ci/run tests/run tests/fuzz/run samples/build \
	$(wildcard samples/lib/*.sh samples/guests/*) $(FUNCTIONAL) $(E2E) $(P2V) $(BATCH) $(FLEET) \
	$(wildcard tests/lib/*) tests/windows/make-image tests/support/check-initramfs $(wildcard tests/families/*.sh) $(filter-out bench/bench-copy,$(wildcard bench/bench-*)) tools/demo
SCRIPTS += tools/deb $(wildcard tests/package/*.sh)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)
AGENT_OBJECTS := $(AGENT_SOURCES:%.c=$(BUILD)/%.o)
TEST_PROGRAMS := $(TEST_SOURCES:%.c=$(BUILD)/%)
# What functional tests use, two of which may run at the same time. The others are built in other ways, by those who need them.
SUPPORT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(filter-out %/bad_sectors.c %/graft_init.c,$(wildcard tests/support/*.c)))
SOURCES := $(LIB_SOURCES) $(CLI_SOURCES) $(AGENT_SOURCES)
HEADERS := $(sort $(shell find $(LIB_DIRS) cli boot-iso/agent -maxdepth 1 -name '*.h'))
ALL_C := $(SOURCES) $(HEADERS) $(TEST_SOURCES) $(sort $(shell find tests -name '*.h' 2>/dev/null)) $(FUZZ_SOURCES) \
	tests/fuzz/mutate.c tests/fuzz/replay.c bench/copy-limit.c bench/p2v-link.c

.PHONY: all lib units demo check check-units check-guests lint asan fuzz fuzz32 bench bench-open bench-copy bench-convert bench-p2v bench-batch check-kill check-p2v check-batch check-fleet iso format metrics cover install \
	uninstall clean help setup-%

all: rehost $(MAN) $(COMPLETIONS) ## build ./rehost, its man pages and completions

lib: $(BUILD)/librehost.a

rehost: $(CLI_OBJECTS) $(BUILD)/librehost.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $(CLI_OBJECTS) $(BUILD)/librehost.a $(PKG_LIBS)

# The live ISO's program. Only the libraries that it uses come with it.
$(BUILD)/rehost-p2v: $(AGENT_OBJECTS) $(BUILD)/librehost.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -Wl,--as-needed -o $@ $(AGENT_OBJECTS) $(BUILD)/librehost.a $(PKG_LIBS) $(AGENT_LIBS)

$(BUILD)/libagent.a: $(filter-out %/main.o,$(AGENT_OBJECTS))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# For the tests of cli/: all but main().
$(BUILD)/libcli.a: $(filter-out %/main.o,$(CLI_OBJECTS))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/librehost.a: $(LIB_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(REHOST_CFLAGS) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libcli.a $(BUILD)/libagent.a $(BUILD)/librehost.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $< $(BUILD)/libcli.a $(BUILD)/libagent.a $(BUILD)/librehost.a $(PKG_LIBS) \
		-lcmocka

# What it takes into the program with .incbin, which no list of headers tells.
$(BUILD)/run/report/files.o: docs/findings.md $(wildcard run/report/*.html run/report/*.css run/report/*.js)

units: $(TEST_PROGRAMS) ## build the unit tests

setup-%:
	@tools/setup --for=$*

iso: setup-build setup-iso ## build the live ISO for P2V: build/iso/rehost-p2v.iso
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/rehost-p2v
	@boot-iso/build --agent $(BUILD)/rehost-p2v --out $(BUILD)/iso $(ISO_OPTIONS)

demo: setup-demo ## set up, build, make a sample guest, convert it, boot it
	@$(MAKE) --no-print-directory -j$(JOBS) rehost
	@tools/demo

check: setup-check ## set up, build and run all tests but the long ones
	@$(MAKE) --no-print-directory -j$(JOBS) rehost units fuzz-programs $(SUPPORT_PROGRAMS)
	@tools/check-layers
	@tests/run -j $(JOBS) $(TEST_PROGRAMS) $(CHECK_GUESTS) tests/e2e/kill.sh tests/batch/browser.sh $(FUNCTIONAL)

check-units: units ## run the unit tests
	@tests/run -j $(JOBS) $(TEST_PROGRAMS)

check-guests: setup-check rehost ## convert and boot all real guests (3 minutes each)
	@tests/run -j $(JOBS) $(GUESTS)

check-kill: setup-check rehost ## kill -9 at ten moments of every phase (about 40 minutes)
	@KILLS=10 REHOST_TEST_LIMIT=5000 tests/run tests/e2e/kill.sh

check-p2v: setup-check setup-iso rehost ## the live ISO in virtual machines, with faults (about 40 minutes)
	@BUILD=$(BUILD) REHOST_TEST_LIMIT=6000 tests/run $(P2V)

check-batch: setup-check rehost ## real and broken machines in one batch, killed ten times; its pages in a real browser (about an hour)
	@REHOST_TEST_LIMIT=5000 tests/run $(BATCH)

check-fleet: setup-check setup-fleet rehost ## 60 machines under Slurm on three nodes of loopback, with faults; 5000 empty units (about 25 minutes)
	@REHOST_TEST_LIMIT=5000 tests/run $(FLEET)

lint: setup-build setup-lint ## layers, headers alone, format, static analysis, shell scripts
	tools/check-layers
	@for h in $(HEADERS); do $(CC) $(filter-out -MMD -MP,$(REHOST_CFLAGS)) $(PKG_CFLAGS) -fsyntax-only -x c $$h \
		-Wno-pragma-once-outside-header || exit 1; done
	clang-format --dry-run -Werror $(ALL_C)
	@$(MAKE) --no-print-directory -j$(JOBS) tidy
	shellcheck -x $(wildcard $(SCRIPTS))

.PHONY: tidy
tidy: $(SOURCES:%.c=$(BUILD)/tidy/%.ok)

$(BUILD)/tidy/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	$(say) TIDY $<
	$(Q)clang-tidy --quiet $< -- -std=gnu17 -D_GNU_SOURCE -I. $(PKG_CFLAGS) > $@.log 2>&1 || \
		{ grep -E '(warning|error):' -A 4 $@.log; exit 1; }
	@mv $@.log $@

# -Wno-error: with sanitizers gcc warns of what cannot happen; the plain build is the strict one.
asan: setup-check ## all unit tests and fuzz inputs under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=build-asan \
		CFLAGS='-O1 -g -Wno-error -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' asan-units fuzz-programs
	@ASAN_OPTIONS=detect_leaks=1 tests/run -j $(JOBS) $(TEST_SOURCES:%.c=build-asan/%)
	@tests/functional/fuzz-corpus.sh build-asan

.PHONY: asan-units
asan-units: $(TEST_PROGRAMS)

# Plain programs replay inputs; FUZZ_ENGINE=-fsanitize=fuzzer makes them search for new ones.
FUZZ_PROGRAMS = $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/%)
FUZZ_ENGINE ?= $(BUILD)/tests/fuzz/replay.o
FUZZ_CFLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
fuzz: setup-build setup-fuzz ## run FUZZ_TARGETS (all) for FUZZ_SECONDS (60) each
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=build-fuzz CC='$(CLANG)' CFLAGS='$(FUZZ_CFLAGS)' \
		FUZZ_ENGINE=-fsanitize=fuzzer fuzz-programs
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_TARGETS:%=build-fuzz/tests/fuzz/%)

# The readers once more with pointers and sizes of 32 bits, from Debian's i386 packages in a folder of their own.
FUZZ32_TARGETS ?= fuzz_parallels fuzz_partition fuzz_probe fuzz_qcow1 fuzz_qcow2 fuzz_qcow2_note fuzz_qed fuzz_raw fuzz_vdi \
	fuzz_vhd fuzz_vhdx fuzz_vmdk fuzz_vmdk_descriptor fuzz_vmdk_esx fuzz_luks fuzz_unpack fuzz_cpio fuzz_xml
SYSROOT32 := $(CURDIR)/build-fuzz32/sysroot
LIBS32 := $(SYSROOT32)/usr/lib/i386-linux-gnu
fuzz32: setup-fuzz32 $(SYSROOT32) ## the same for FUZZ32_TARGETS (image readers), built for i386
	@PKG_CONFIG_SYSROOT_DIR=$(SYSROOT32) PKG_CONFIG_LIBDIR=$(LIBS32)/pkgconfig \
		$(MAKE) --no-print-directory -j$(JOBS) BUILD=build-fuzz32 CC='$(CLANG) -m32 --sysroot=$(SYSROOT32)' \
		CFLAGS='$(FUZZ_CFLAGS)' FUZZ_ENGINE=-fsanitize=fuzzer LIB_DIRS='core/base core/model formats' \
		PACKAGES='$(filter-out libguestfs hivex libisal libqrencode libseccomp gnutls yaml-0.1,$(PACKAGES))' FUZZ_TARGETS='$(FUZZ32_TARGETS)' \
		LDFLAGS='-Wl,--dynamic-linker=$(SYSROOT32)/lib/ld-linux.so.2 -Wl,--disable-new-dtags \
			-Wl,-rpath,$(SYSROOT32)/lib/i386-linux-gnu:$(LIBS32)' fuzz-programs
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ32_TARGETS:%=build-fuzz32/tests/fuzz/%)

$(SYSROOT32):
	@tools/sysroot-i386 $@

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

$(FUZZ_SOURCES:%.c=$(BUILD)/%): $(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/mutate.o \
		$(BUILD)/tests/fuzz/replay.o $(BUILD)/librehost.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $< $(BUILD)/tests/fuzz/mutate.o $(FUZZ_ENGINE) \
		$(filter %/libagent.a,$^) $(BUILD)/librehost.a $(PKG_LIBS)

$(BUILD)/tests/fuzz/fuzz_agent: $(BUILD)/libagent.a

bench: bench-open bench-copy bench-convert bench-p2v bench-batch ## all benchmarks against peers

bench-open: setup-demo setup-bench rehost ## opening and mapping a 2 TiB image of each format
	bench/bench-open

bench-copy: setup-check setup-bench rehost $(BUILD)/bench/copy-limit ## copies of all formats, and comparisons, against qemu-img's, as ratios
	BUILD=$(BUILD) bench/bench-copy $(BENCH_COPY)

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/librehost.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $< $(BUILD)/librehost.a $(PKG_LIBS)

bench-convert: setup-check setup-bench rehost ## conversions of all real guests against virt-v2v's: time as ratios, and who boots
	bench/bench-convert

bench-p2v: setup-check setup-bench rehost $(BUILD)/bench/p2v-link $(BUILD)/tests/support/p2v_client ## a machine's disk over the network against nbdcopy, ssh -R and virt-v2v
	BUILD=$(BUILD) bench/bench-p2v $(BENCH_P2V)

bench-batch: setup-check setup-bench rehost ## batches at -j 1 and -j 2: machines an hour, throughput, memory a machine
	bench/bench-batch $(BENCH_BATCH)

format: ## clang-format all C files
	clang-format -i $(ALL_C)

metrics: ## function lengths: median, 95th percentile, the longest
	@tools/metrics $(SOURCES)

cover: ## line coverage of the unit tests
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=build-cover CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage asan-units
	@tests/run $(TEST_SOURCES:%.c=build-cover/%)
	@tools/coverage build-cover

# Both are made by the program from its tables of commands and options.
$(BUILD)/man/%: docs/man/% docs/findings.md docs/manifest.md docs/p2v-iso.md rehost
	@mkdir -p $(@D)
	$(say) MAN $@
	$(Q)SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2> /dev/null || date +%s)} ./rehost --man=$< > $@.part
	@mv $@.part $@

$(COMPLETIONS): $(BUILD)/completion/%: rehost
	@mkdir -p $(@D)
	$(say) GEN $@
	$(Q)./rehost --completion=$* > $@.part
	@mv $@.part $@

# Debian's packages put these two elsewhere.
UNIT_DIR ?= $(PREFIX)/lib/systemd/system
ZSH_DIR ?= $(PREFIX)/share/zsh/site-functions
UNITS := $(sort $(wildcard run/*/*.service))
SCHEMAS := $(sort $(wildcard docs/*.schema.json))
DOCUMENTS := README.md CHANGELOG.md LICENSE $(sort $(wildcard docs/*.md docs/formats/*.md))
EXAMPLES := $(sort $(wildcard samples/batch/* samples/k8s/*))
# mode:file:where it goes
INSTALLED = 755:rehost:$(PREFIX)/bin/rehost \
	$(foreach p,$(PAGES),644:$(BUILD)/man/$p:$(PREFIX)/share/man/man$(patsubst .%,%,$(suffix $p))/$p) \
	644:$(BUILD)/completion/bash:$(PREFIX)/share/bash-completion/completions/rehost \
	644:$(BUILD)/completion/zsh:$(ZSH_DIR)/_rehost \
	644:$(BUILD)/completion/fish:$(PREFIX)/share/fish/vendor_completions.d/rehost.fish \
	$(foreach u,$(UNITS),644:$u:$(UNIT_DIR)/$(notdir $u)) \
	$(foreach f,$(SCHEMAS),644:$f:$(PREFIX)/share/rehost/schema/$(notdir $f)) \
	$(foreach f,$(DOCUMENTS),644:$f:$(PREFIX)/share/doc/rehost/$f) \
	$(foreach f,$(EXAMPLES),644:$f:$(PREFIX)/share/doc/rehost/$(f:samples/%=examples/%))

install: rehost $(MAN) $(COMPLETIONS) ## install under PREFIX (DESTDIR for packages; V2V_LINK=1: a link virt-v2v, too)
	@set -e; for i in $(INSTALLED); do \
		IFS=: read -r mode from to <<< "$$i"; \
		$(if $(V),echo "$$from -> $(DESTDIR)$$to";) \
		install -D -m "$$mode" "$$from" "$(DESTDIR)$$to"; \
		case $$to in *.service) sed -i 's|@PREFIX@|$(PREFIX)|' "$(DESTDIR)$$to" ;; esac; \
	done
	$(if $(V2V_LINK),[ "$$(readlink "$(DESTDIR)$(PREFIX)/bin/virt-v2v")" = rehost ] || ln -s rehost "$(DESTDIR)$(PREFIX)/bin/virt-v2v")

uninstall: ## remove what install installed
	@[ "$$(readlink "$(DESTDIR)$(PREFIX)/bin/virt-v2v")" != rehost ] || rm "$(DESTDIR)$(PREFIX)/bin/virt-v2v"
	@for i in $(INSTALLED); do rm -f "$(DESTDIR)$${i##*:}"; done
	@rm -rf "$(DESTDIR)$(PREFIX)/share/doc/rehost" "$(DESTDIR)$(PREFIX)/share/rehost/schema"
	@rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(PREFIX)/share/rehost" 2> /dev/null || :

.PHONY: deb check-deb
deb: setup-build setup-iso setup-deb ## Debian packages of the last commit, judged by lintian: build/deb
	@tools/deb $(DEB_OPTIONS)

check-deb: setup-check setup-iso setup-deb ## build the packages and install, try and purge them in a clean Debian 12
	@REHOST_TEST_LIMIT=5000 tests/run tests/package/deb.sh

clean: ## remove what was built
	rm -rf build build-asan build-fuzz build-fuzz32 build-cover rehost

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

-include $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(AGENT_OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d) $(FUZZ_SOURCES:%.c=$(BUILD)/%.d)
