# graphsocket: a C core and Lua modules, built out of tree into $(BUILD)/<lua>/.
#
# Variables: LUA=5.4|5.3|luajit, CC=gcc|clang, PREFIX, LIB (lib, or Debian's
# lib/x86_64-linux-gnu), DESTDIR, BUILD, V=1.
# Everything that needs more than make and a compiler is in scripts/.

LUA ?= 5.4
ifeq ($(filter 5.4 5.3 luajit,$(LUA)),)
$(error LUA=$(LUA) is not known: give LUA=5.4, LUA=5.3 or LUA=luajit)
endif
BUILD ?= build
PREFIX ?= /usr/local
LIB ?= lib
ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules
Q = $(if $(V),,@echo "  $(@:$(BUILD)/%=%)";)
# What luarocks exports for one version of Lua would win over LUA_PATH below.
unexport LUA_INIT LUA_PATH_5_3 LUA_PATH_5_4 LUA_CPATH_5_3 LUA_CPATH_5_4
export LUA_PATH = lua/?.lua;lua/?/init.lua;./?.lua;;
export LUA_CPATH = $(BUILD)/$(LUA)/?.so;;

# ---- Lua -------------------------------------------------------------------
LUA_BIN = $(if $(filter luajit,$(LUA)),luajit,lua$(LUA))
LUA_PC = $(LUA_BIN)
LUA_ABI = $(if $(filter luajit,$(LUA)),5.1,$(LUA))

# ---- Flags; pkg-config is asked in recipes only, after the set-up ----------
LIBRARIES = libcurl libwebsockets libuv openssl
HARDENING = -fstack-protector-strong $(if $(SANITIZE)$(COVERAGE),,-D_FORTIFY_SOURCE=2)
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wwrite-strings -Wvla -Werror
INSTRUMENT = $(addprefix -fsanitize=,$(SANITIZE)) $(if $(SANITIZE),-fno-omit-frame-pointer) \
  $(if $(COVERAGE),--coverage -fprofile-update=atomic)
CFLAGS ?= -O2 -g
COMPILE = $(CC) -std=gnu11 $(CFLAGS) -fPIC -fvisibility=hidden $(WARNINGS) $(HARDENING) \
  $(INSTRUMENT) -pthread -MMD -MP
# nodelete: lua_close must not unload code that a libuv worker still runs.
LINK = $(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -pthread -Wl,--as-needed -Wl,-z,relro,-z,now
MODULE = -shared -Wl,-z,nodelete
library_cflags = $$(pkg-config --cflags $(LIBRARIES))
library_libs = $$(pkg-config --libs-only-L $(LIBRARIES)) -lcurl -lwebsockets -luv -lssl -lcrypto

# ---- Files -----------------------------------------------------------------
CORE = $(BUILD)/$(LUA)/graphsocket/core.so
BINDING = $(patsubst csrc/%.c,$(BUILD)/$(LUA)/obj/%.o,$(wildcard csrc/lua_*.c))
OBJECTS = $(patsubst csrc/%.c,$(BUILD)/obj/%.o,$(filter-out csrc/lua_%.c,$(wildcard csrc/*.c)))
ARCHIVE = $(BUILD)/obj/libgs.a
# Those of the binding are linked with Lua.
UNITS = $(patsubst spec/c/%.c,$(BUILD)/unit/%,$(filter-out %/test_lua_memory.c,$(sort $(wildcard spec/c/test_*.c)))) \
  $(BUILD)/$(LUA)/unit/test_lua_memory
FUZZERS = $(patsubst spec/fuzz/%.c,$(BUILD)/target/%,$(wildcard spec/fuzz/fuzz_*.c))
HOST = $(BUILD)/$(LUA)/host
STATES = $(BUILD)/$(LUA)/two_states
ALL_SPECS := $(sort $(shell find spec -name '*_spec.lua' -not -path '*/node_modules/*'))
# nginx runs LuaJIT whatever runs a spec: those that start one are run once. Under the sanitizers
# what starts plain interpreters or Node, and shows nothing new of the core, is left out too.
IN_NGINX = $(shell grep -lE 'require "spec\.nginx(\.[a-z]+)?"' $(ALL_SPECS))
OF_PROGRAMS = spec/cli/% spec/abi_spec.lua spec/guides_spec.lua spec/examples_spec.lua spec/loop/examples_spec.lua \
  spec/watch_examples_spec.lua spec/conformance_spec.lua spec/docs_spec.lua spec/loop/neovim_spec.lua \
  spec/needs_spec.lua spec/links_spec.lua spec/guide_blocks_spec.lua
# Hostile servers attack the core, which is the same for each Lua: once plain, once under ASan.
HOSTILE = $(if $(filter luajit address,$(LUA) $(SANITIZE)),,spec/hostile_spec.lua)
SPECS ?= $(filter-out $(HOSTILE) $(if $(filter luajit,$(LUA)),,$(IN_NGINX)) $(if $(SANITIZE),$(OF_PROGRAMS) $(IN_NGINX)),$(ALL_SPECS))
LUA_FILES = $(patsubst lua/%,%,$(shell find lua -name '*.lua'))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo live test check setup lint unit servers spec browser hostile asan tsan valgrind gc-torture late \
  soak fuzz fuzz-coverage faults coverage docs bench counts dist deb install uninstall clean help FORCE

all: ## build the C core for LUA (default 5.4) into build/
	@scripts/setup --check build $(subst 5.,lua5.,$(LUA))
	@$(MAKE) --no-print-directory $(CORE)

demo: ## watch a drive of the Graph simulator (or a real one: GRAPH_TOKEN); sets itself up
	@scripts/setup demo
	@$(MAKE) --no-print-directory $(CORE)
	@scripts/demo $(LUA_BIN)

live: ## a page that shows a drive as it changes, by nginx (examples/openresty); sets itself up
	@scripts/setup nginx
	@$(MAKE) --no-print-directory core-for-nginx
	@examples/openresty/run

test: ## run every test, sanitizers included; sets itself up
	@scripts/setup test
	@scripts/suite --begin
	@$(MAKE) --no-print-directory test-stages; scripts/suite --total $$?

.PHONY: test-stages
test-stages:
	@for stage in unit servers spec "spec LUA=luajit" "spec LUA=5.3" browser asan tsan; do \
	  $(MAKE) --no-print-directory $$stage || failed=1; done; exit $${failed:-0}

check: ## style and static analysis (lint); sets itself up
	@scripts/setup check
	@$(MAKE) --no-print-directory lint

setup: ## install what demo, test and check need
	@scripts/setup test check

# ---- Building --------------------------------------------------------------
# Everything is built anew when the compiler or its flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) | $(LINK)' | cmp -s - $@ || echo '$(COMPILE) | $(LINK)' > $@

$(BUILD)/obj/%.o: csrc/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(library_cflags) -c $< -o $@

$(BUILD)/$(LUA)/obj/%.o: csrc/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(library_cflags) $$(pkg-config --cflags $(LUA_PC)) -c $< -o $@

$(CORE): $(BINDING) $(OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(MODULE) $^ $(library_libs) -o $@

$(ARCHIVE): $(OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/unit/%: spec/c/%.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(library_cflags) -Icsrc $< $(ARCHIVE) \
	  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -lcmocka $(library_libs) -o $@

$(BUILD)/$(LUA)/unit/%: spec/c/%.c $(BINDING) $(ARCHIVE)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(library_cflags) $$(pkg-config --cflags $(LUA_PC)) -Icsrc $< $(BINDING) $(ARCHIVE) \
	  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -lcmocka $(library_libs) $$(pkg-config --libs $(LUA_PC)) -o $@

# An interpreter with the sanitizers linked in: preloading them would reach the child processes too.
$(HOST): spec/c/lua_host.c
$(STATES): spec/c/two_states.c
$(HOST) $(STATES): $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $$(pkg-config --cflags $(LUA_PC)) $(filter %.c,$^) $$(pkg-config --libs $(LUA_PC)) -Wl,-E -o $@

# The targets of Lua code have an interpreter of their own. With gcc, spec/fuzz/replay.c stands for the fuzzer.
FUZZ_LUA = $$(pkg-config --cflags --libs lua5.4) -lm
$(BUILD)/target/%: spec/fuzz/%.c $(BINDING) $(ARCHIVE)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(library_cflags) -Icsrc -Ispec/c $(if $(COVERAGE),spec/fuzz/replay.c,-fsanitize=fuzzer) $< $(BINDING) \
	  $(ARCHIVE) $(library_libs) $(FUZZ_LUA) -o $@

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/*/obj/*.d $(BUILD)/unit/*.d $(BUILD)/$(LUA)/unit/*.d $(BUILD)/target/*.d)

# ---- Tests -----------------------------------------------------------------
unit: $(UNITS) ## C unit tests
	@scripts/suite "C units$(NOTE)" "$(RUNNER)" $(UNITS)

spec: $(CORE) $(STATES) core-for-nginx ## busted specs with LUA; some: make spec SPECS=spec/url_spec.lua
	@scripts/suite "specs, $(LUA_BIN)$(NOTE)" "$(or $(INTERPRETER),$(LUA_BIN)) scripts/busted.lua" $(SPECS)

# nginx runs LuaJIT whatever runs the specs; without LuaJIT they are skipped.
.PHONY: core-for-nginx
core-for-nginx:
	@! pkg-config --exists luajit || $(MAKE) --no-print-directory LUA=luajit BUILD=build SANITIZE= COVERAGE= \
	  build/luajit/graphsocket/core.so

servers: ## the tests of the Graph simulator and the other test servers
	@scripts/suite "test servers" "node --test --test-reporter=tap" $(sort $(wildcard spec/support/test/*.test.js))

browser: core-for-nginx ## the live page of examples/openresty in headless Chromium
	@scripts/suite "live page" "node --test --test-reporter=tap" $(sort $(wildcard spec/browser/*.test.js))

# The sanitizers of gcc before 14 do not stand the address randomisation of newer kernels. TSan
# of gcc 12 misreads the thread-local storage that libgnutls asks for at exit, and dies of it.
FIXED_ADDRESSES = $(shell setarch -R true 2>/dev/null && echo setarch -R)
SANITIZED = ASAN_OPTIONS=abort_on_error=0:detect_stack_use_after_return=1 \
  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
  LSAN_OPTIONS=suppressions=spec/c/lsan.supp:print_suppressions=0 \
  TSAN_OPTIONS=suppressions=spec/c/tsan.supp:ignore_noninstrumented_modules=1:die_after_fork=0:intercept_tls_get_addr=0 \
  SPEC_SLOWNESS=4

asan: ## C units and specs under AddressSanitizer, LeakSanitizer, UBSan
	@$(SANITIZED) $(MAKE) --no-print-directory BUILD=build/asan SANITIZE="address undefined" NOTE=", ASan" sanitized

tsan: ## C units and specs under ThreadSanitizer
	@$(SANITIZED) $(MAKE) --no-print-directory BUILD=build/tsan SANITIZE=thread NOTE=", TSan" sanitized

.PHONY: sanitized
sanitized: $(HOST)
	@$(MAKE) --no-print-directory -k unit spec RUNNER="$(FIXED_ADDRESSES)" INTERPRETER="$(FIXED_ADDRESSES) $(HOST)"

valgrind: ## C units and specs under valgrind
	@scripts/setup valgrind
	@SPEC_SLOWNESS=20 $(MAKE) --no-print-directory NOTE=", valgrind" RUNNER="$(VALGRIND)" \
	  INTERPRETER="$(VALGRIND) $(LUA_BIN)" -k unit spec
VALGRIND = valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=99

gc-torture: ## specs with a garbage collector that never rests
	@SPEC_GC=torture SPEC_SLOWNESS=10 $(MAKE) --no-print-directory NOTE=", GC torture" spec

LATE ?= 30
late: ## specs where servers and Lua are late at random, by LATE (30) ms or more: shows races
	@LATE=$(LATE) SUITE_TIMEOUT=1200 $(MAKE) --no-print-directory NOTE=", late" spec

SOCKETS ?= 20
hostile: $(CORE) ## attack SOCKETS (20) at once in each way of spec/hostile.lua; what each of them costs; ATTACK= some
	@scripts/setup test
	@$(LUA_BIN) scripts/hostile.lua $(SOCKETS) $(if $(ATTACK),"$(ATTACK)")
	@scripts/hanging-names $(LUA_BIN)

MINUTES ?= 60
IN ?= plain
soak: ## faults, renewals and changes for MINUTES (60), in a plain script or IN=nginx; SEED= repeats one
	@scripts/setup nginx
	@$(MAKE) --no-print-directory $(CORE) core-for-nginx
	@LUA=$(LUA) node spec/soak/run.mjs $(IN) $(MINUTES) $(SEED)

FUZZ_SECONDS ?= 60
fuzz: ## fuzz each parser for FUZZ_SECONDS (60), from its corpus in spec/fuzz/corpus
	@scripts/setup fuzz
	@$(MAKE) --no-print-directory CC=clang BUILD=build/fuzz SANITIZE="fuzzer-no-link address undefined" run-fuzz

.PHONY: run-fuzz replay-corpora
run-fuzz: $(FUZZERS)
	@scripts/fuzz $(BUILD) $(FUZZ_SECONDS) $^

# What the corpora are for; the rest of these files is reached by specs alone.
FUZZED = $(patsubst %,csrc/%.c,buf engineio fields lua_codec packet url utf8)
FUZZED_LUA = $(patsubst %,lua/graphsocket/%.lua,auth/cache auth/command auth/login base64 cursor date delta endpoint errors json \
  notification resource response socketio/binary socketio/packet socketio/url)
fuzz-coverage: ## lines that the committed corpora of the fuzz targets reach
	@scripts/setup fuzz
	@find build/fuzz-coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory BUILD=build/fuzz-coverage COVERAGE=1 CFLAGS="-O0 -g" replay-corpora
	@scripts/coverage build/fuzz-coverage | grep -F $(FUZZED:%=-e %)
	@scripts/fuzz-lines build/fuzz-coverage/lines $(FUZZED_LUA)

replay-corpora: $(FUZZERS)
	@rm -f $(BUILD)/lines
	@for target in $^; do FUZZ_COVERAGE=$(BUILD)/lines $$target spec/fuzz/corpus/$${target##*/fuzz_}/* || exit; done

SESSIONS ?= 10000
SEED ?= $(shell date +%s)
faults: $(CORE) ## sessions through networks that fail; SESSIONS=10000, SEED=, SESSION= one of them
	@FAULT_SESSIONS=$(SESSIONS) FAULT_SEED=$(SEED) FAULT_SESSION=$(SESSION) \
	  $(LUA_BIN) scripts/busted.lua spec/faults_spec.lua

coverage: ## lines of each C file that the units and specs reach
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory BUILD=build/coverage COVERAGE=1 CFLAGS="-O0 -g" -k unit spec || true
	@scripts/coverage build/coverage

docs: $(CORE) ## write the tables of docs/reference/ anew, from the annotations in lua/
	@$(LUA_BIN) scripts/reference.lua
	@$(LUA_BIN) scripts/manual.lua

RUNS ?= 5
bench: ## what events and sockets cost, against other clients; RUNS=5, WORKLOADS= some of them
	@scripts/setup bench
	@$(MAKE) --no-print-directory LUA=5.4 build/5.4/graphsocket/core.so
	@$(MAKE) --no-print-directory LUA=luajit build/luajit/graphsocket/core.so
	@node bench/run.mjs $(RUNS) $(WORKLOADS)
	@/usr/bin/python3 bench/plot.py
	@node bench/page.mjs

# Of plain gcc -O2, whatever else was built.
counts: ## instructions of a message's way, against those recorded; UPDATE=1 records them
	@scripts/setup valgrind
	@$(MAKE) --no-print-directory LUA=5.4 CC=gcc BUILD=build CFLAGS="-O2 -g" run-counts

.PHONY: run-counts
run-counts: $(CORE) $(BUILD)/bench/path
	@lua5.4 scripts/counts.lua measure $(BUILD) "gcc $$(gcc -dumpfullversion) $$(gcc -dumpmachine)" > $(BUILD)/counts.txt
	@$(if $(UPDATE),cp $(BUILD)/counts.txt bench/counts/recorded.txt,lua5.4 scripts/counts.lua compare \
	  bench/counts/recorded.txt $(BUILD)/counts.txt)

$(BUILD)/bench/path: bench/counts/path.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -Icsrc $< $(ARCHIVE) $(library_libs) -o $@

lint: ## layout, warnings of gcc and clang, cppcheck, luacheck, house rules, rockspec
	@scripts/lint
	@$(MAKE) --no-print-directory CC=clang BUILD=build/clang build/clang/$(LUA)/graphsocket/core.so
	@$(MAKE) --no-print-directory $(CORE)
	@! nm -D --defined-only $(CORE) | grep -v ' luaopen_graphsocket_core$$'
	@scripts/check-hardening $(CORE)

# ---- Packages ---------------------------------------------------------------
dist: ## source archive of HEAD and its rockspec, in build/dist/; URL= where it will be published
	@scripts/dist $(URL)

deb: ## Debian package of HEAD for Lua 5.4 and LuaJIT, in build/deb/
	@scripts/setup deb
	@scripts/deb

# ---- Installing ------------------------------------------------------------
LUA_DIR = $(DESTDIR)$(PREFIX)/share/lua/$(LUA_ABI)
LIB_DIR = $(DESTDIR)$(PREFIX)/$(LIB)/lua/$(LUA_ABI)

install: all ## install for LUA under PREFIX (/usr/local); DESTDIR is honoured
	@cd lua && for file in $(LUA_FILES); do install -D -m 644 $$file $(abspath $(LUA_DIR))/$$file || exit; done
	install -D -m 755 $(CORE) $(LIB_DIR)/graphsocket/core.so
	@scripts/install-command $(LUA_BIN) $(LUA_ABI) "$(PREFIX)" "$(LIB)" "$(DESTDIR)"

uninstall: ## remove what install installed
	rm -rf $(LUA_DIR)/graphsocket $(LIB_DIR)/graphsocket
	@scripts/install-command --remove "$(PREFIX)" "$(DESTDIR)"

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1@\2/p' $(MAKEFILE_LIST) | awk -F @ '{ printf "%-14s%s\n", $$1, $$2 }'
