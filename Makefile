# rehost: P2V, V2V and V2P conversion. `make help` lists the targets.
.DEFAULT_GOAL := all

BUILD ?= build
CC ?= cc
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config

PACKAGES := libguestfs libxml-2.0 libarchive libdeflate libzstd liblz4 liblzma zlib jansson nettle libxxhash uuid
# Project flags stay out of CFLAGS: a command-line CFLAGS= would cancel them.
REHOST_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -MMD -MP -pthread -fstack-protector-strong \
	-Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wno-unused-parameter -Wno-missing-field-initializers
PKG_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
PKG_LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))

LIB_DIRS := core/base core/model formats net guest guest/files sources inspectors drivers-inject drivers-inject/linux \
	converters converters/linux outputs run run/proof run/report
LIB_SOURCES := $(sort $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c)))
CLI_SOURCES := $(sort $(wildcard cli/*.c))
TEST_SOURCES := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)
TEST_PROGRAMS := $(TEST_SOURCES:%.c=$(BUILD)/%)

.PHONY: all lib units check-units clean help
all: rehost ## build ./rehost

lib: $(BUILD)/librehost.a

rehost: $(CLI_OBJECTS) $(BUILD)/librehost.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $(CLI_OBJECTS) $(BUILD)/librehost.a $(PKG_LIBS) -lm

$(BUILD)/librehost.a: $(LIB_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(REHOST_CFLAGS) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/librehost.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $< $(BUILD)/librehost.a $(PKG_LIBS) -lcmocka -lm

units: $(TEST_PROGRAMS) ## build the unit tests

check-units: units ## run the unit tests
	@for t in $(TEST_PROGRAMS); do $$t || exit 1; done

clean: ## remove what was built
	rm -rf $(BUILD) rehost

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

-include $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d)
