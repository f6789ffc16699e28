# nova: the plugin nova_decoder, the program nova-relay, and all that is done
# with them.  The only build entry; "make help" lists the targets.
#
# The plugin is built by PGXS.  On a machine that has neither PGXS nor a
# compiler yet, this file offers only what can be offered there: the targets
# that get the packages (test/lib/deps) and then start make again.

EXTENSION   = nova_decoder
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

PG_CONFIG ?= pg_config
PGXS      := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
export PG_CONFIG

# The order is the order in which they run.
REGRESS_TESTS   = setup basic keys identity types extensions valid_json toast ddl xact twophase filters routing \
                  partitions publications generated truncate messages options identifiers describe doctor_slots \
                  settings encodings frames mask skip_unchanged time_structured fields headers transactions schemas \
                  transforms outbox snapshot signals guard seams \
                  types_15 seams_15
ISOLATION_TESTS = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))

SUITES = unit regress isolation tap fuzz asan tsan asan_plugin discard bench-guard
# Targets that bring their own packages along, and the group of test/lib/deps.
NEEDY        = test $(SUITES) valgrind test-chaos test-compat demo lint docs bench-decode \
               bench-stream bench-instructions bench-snapshot-decode bench-snapshot bench-exactly-once bench-endtoend bench-latency bench-primary bench-scale \
               bench-soak bench bench-report \
               $(if $(filter docker,$(RUNTIME)),,start restart)
group_of     = $(or $(patsubst bench%,bench,$(filter demo lint bench%,$(filter-out bench-guard,$1))),$(if $(filter start restart,$1),dev),test)
# What deploy/dev does in the environment that "make start" made.
DEV          = stop status logs topics deploy-connector delete-connector health test-cdc psql kafka-ui \
               $(if $(filter docker,$(RUNTIME)),start restart)
CONSUME      = $(addprefix consume-,users posts follows comments likes events)
.PHONY: $(NEEDY) $(DEV) $(CONSUME) start restart test-matrix matrix-roots clean-matrix clean-dev help deps format distclean list-targets list-regress list-isolation

ifeq ($(PGXS),)

.DEFAULT_GOAL := all
.PHONY: all install clean
all install clean:
	@echo 'make: $(PG_CONFIG) finds no PGXS; "make deps" installs what a build needs' >&2
	@false

# NOVA_DEPS: the packages are there, yet no PGXS; do not try for ever.
$(NEEDY):
	@test -z '$(NOVA_DEPS)' || { echo 'make: still no PGXS: set PG_CONFIG' >&2; false; }
	@test/lib/deps $(call group_of,$@)
	@+$(MAKE) --no-print-directory $@ NOVA_DEPS=1

else

MODULE_big = $(EXTENSION)
OBJS       = nova_decoder.o $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
DATA       = $(wildcard sql/$(EXTENSION)--*.sql)

PG_CPPFLAGS = -Isrc -DNOVA_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -Wextra -Wshadow -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifdef WERROR
PG_CFLAGS += -Werror
endif

# Debian's PostgreSQL leaves dependency tracking off; without it an edited
# header would rebuild nothing.
override autodepend = yes
# Bitcode for the JIT wants clang and gives an output plugin nothing.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif

EXTRA_CLEAN = bench/nova_empty.so bench/nova_empty.o bench/relay_path test/lib/copyboth build/test-logs tmp_check tmp_check_iso results output_iso regression.diffs regression.out

include $(PGXS)

RELAY_MAKE = $(MAKE) --no-print-directory -C relay $(if $(WERROR),WERROR=1) $(if $(SAN),SAN=$(SAN))
.PHONY: relay-all relay-install relay-clean unit-clean
# RELAY=no: the plugin alone, where the relay's libraries are not.
ifneq ($(RELAY),no)
all: relay-all
install: relay-install
clean: relay-clean
endif
clean: unit-clean dev-note
relay-install: relay-all
relay-all relay-install relay-clean:
	+@$(RELAY_MAKE) $(@:relay-%=%)
# The environment of "make start" runs from copies: its data is not a product.
.PHONY: dev-note
dev-note:
	@! test -f "$$(deploy/dev dir)/settings" || \
		echo "the environment in $$(deploy/dev dir) is kept; make clean-dev removes it and its data"
unit-clean:
	+@$(MAKE) --no-print-directory -C test/unit clean

.PHONY: deps-test deps-demo deps-dev deps-lint deps-bench
deps-test deps-demo deps-dev deps-lint deps-bench:
	@test/lib/deps $(@:deps-%=%)

# What bench/guard needs beside the products.
GUARDED = bench/nova_empty.so bench/relay_path
# The client of a stream, for tests and benches.
READER  = test/lib/copyboth

test: deps-test all $(GUARDED) $(READER)
	@test/kafka/kafka fetch
	@SECONDS_EACH=$${SECONDS_EACH:-10} FUZZ_SEED=$${FUZZ_SEED:-1} test/run

unit regress isolation fuzz asan_plugin discard: deps-test all
	@T='$(T)' test/run $@

valgrind: deps-bench deps-test all
	@T='$(T)' test/run $@

tap asan tsan: deps-test all $(READER)
	@test/kafka/kafka fetch
	@T='$(T)' test/run $@

# At least 200 points at which something fails.  What the report says, it says
# through descriptor 4: the tests run in a copy of the tree.
test-chaos: deps-test all
	@test/kafka/kafka fetch
	@mkdir -p build/chaos
	@SEED='$(SEED)' FAULTS='$(FAULTS)' MINUTES='$(MINUTES)' BROKERS='$(BROKERS)' MODE='$(MODE)' ROAD='$(ROAD)' \
		test/run chaos 4> build/chaos/report.txt
	@echo 'the report: build/chaos/report.txt'

# Beside the real Debezium: every configuration, or C='team flat'.
test-compat: deps-test all
	@test/kafka/kafka fetch
	@test/compat/debezium fetch
	@NOVA_DEBEZIUM_JARS='$(CURDIR)/build/debezium-jars' test/lib/stage test/compat/run $(C)

demo: deps-demo all
	@test/lib/stage deploy/demo

ifneq ($(RUNTIME),docker)
start restart: deps-dev all
	@deploy/dev $@
endif

# The plugin that emits nothing, found through dynamic_library_path.
bench/nova_empty.so: bench/nova_empty.o
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<

test/lib/copyboth: test/lib/copyboth.c relay-all
	$(CC) -D_GNU_SOURCE -std=c11 -O2 -g -Wall -Wextra -Wshadow $(if $(WERROR),-Werror) -Irelay -o $@ $< relay/librelay.a \
		$$($${PKG_CONFIG:-pkg-config} --cflags --libs libpq)

# Counted, so that flags are those of the relay's own build.
bench/relay_path: bench/relay_path.c relay-all
	$(CC) -D_GNU_SOURCE -std=c11 -O2 -g -Wall -Wextra -Wshadow $(if $(WERROR),-Werror) -Irelay -o $@ $< relay/librelay.a -lcjson

# The stage is a copy, so that the baseline comes back through a file.
bench-guard: deps-test all $(GUARDED)
ifdef RECORD
	@mkdir -p build
	@test/lib/stage bench/guard --record > build/baseline.json
	@mv build/baseline.json bench/baseline.json
else
	@T='$(T)' test/run $@
endif

# $(call kept,NAME): with JSON=1, where the figures go.
kept = $(if $(JSON),--json bench/results/$(1).json)

# Kept with the figures, which are of that state.
bench-%: export NOVA_COMMIT = $(shell git describe --always --dirty 2> /dev/null || echo unknown)

bench-decode: deps-bench all bench/nova_empty.so
	@test/lib/stage bench/decode $(call kept,decode) $(B)

bench-stream: deps-bench all bench/nova_empty.so $(READER)
	@test/lib/stage bench/stream $(call kept,stream) $(B)

bench-instructions: deps-bench all bench/nova_empty.so
	@test/lib/stage bench/instructions $(B)

bench-snapshot-decode: deps-bench all
	@test/lib/stage bench/snapshot

bench-snapshot: deps-bench deps-test all
	@test/kafka/kafka fetch
	@rc=0; test/lib/stage bench/snapshot $(call kept,snapshot) || rc=$$?; \
	test/lib/stage bench/snapshot_relay $(call kept,snapshot_relay) && exit $$rc

bench-endtoend: deps-bench deps-test all bench/nova_empty.so
	@test/kafka/kafka fetch
	@test/compat/debezium fetch
	@test/lib/stage bench/endtoend $(call kept,endtoend) $(B)

bench-latency: deps-bench deps-test all
	@test/kafka/kafka fetch
	@test/compat/debezium fetch
	@test/lib/stage bench/latency $(call kept,latency) $(B)

bench-primary: deps-bench deps-test all
	@test/kafka/kafka fetch
	@test/lib/stage bench/pgbench $(call kept,primary) $(B)

bench-scale: deps-bench deps-test all bench/nova_empty.so
	@test/kafka/kafka fetch
	@test/lib/stage bench/scale $(call kept,scale) $(B)

bench-soak: deps-bench deps-test all
	@test/kafka/kafka fetch
	@test/lib/stage bench/soak $(call kept,soak)

bench-exactly-once: deps-bench deps-test all
	@test/kafka/kafka fetch
	@test/lib/stage bench/exactly_once $(call kept,exactly_once)

# One after the other, each to its end, whatever it says; then the report.
BENCHES ?= decode stream endtoend latency primary scale snapshot exactly-once
bench: deps-bench deps-test all
	@failed=; for b in $(BENCHES); do \
		echo "== bench-$$b"; \
		$(MAKE) --no-print-directory "bench-$$b" JSON=1 B="$$([ $$b != decode ] || echo all)" || failed="$$failed $$b"; \
	done; \
	$(MAKE) --no-print-directory bench-report || failed="$$failed report"; \
	[ -z "$$failed" ] || { echo "bench: a promise was broken, or something went wrong, in:$$failed" >&2; false; }

bench-report: deps-bench
	@bench/report

lint: deps-lint
	@test/lib/lint

# The stage is a copy, so that the parts come back through a file.
docs: deps-test all
	@mkdir -p build
	@test/lib/stage test/lib/docs-tables serve > build/docs.json
	@test/lib/docs-tables apply build/docs.json

endif

$(filter-out logs psql,$(DEV)):
	@deploy/dev $@

logs:
	@deploy/dev logs $(S)

psql:
	@deploy/dev psql $${SQL:+"$$SQL"}

$(CONSUME):
	@deploy/dev consume $(@:consume-%=%) $(COUNT)

# Every PostgreSQL that is supported, or V='14 18', each in a root of its own: needs
# no PostgreSQL here, but root.
test-matrix:
	@test/lib/deps matrix
	@test/kafka/kafka fetch
	@SMOKE='$(SMOKE)' T='$(T)' JOBS='$(JOBS)' BUDGET='$(BUDGET)' UPGRADE='$(UPGRADE)' test/matrix/run $(V)

# Only the roots and their packages, which takes the longest the first time.
matrix-roots:
	@test/lib/deps matrix
	@JOBS='$(JOBS)' test/matrix/run --prepare $(V)

# Nothing is mounted in them as long as nothing runs in them.
clean-matrix:
	rm -rf --one-file-system build/chroots build/matrix

clean-dev:
	@deploy/dev remove

# What is given to others: docs/packaging.md.  All of it comes from the last commit.
PACKAGING = deb test-packages test-portable test-images
.PHONY: dist $(PACKAGING)
dist:
	@test/lib/package dist

$(PACKAGING):
	@test/lib/deps $(or $(patsubst test-%,%,$(filter test-portable test-images,$@)),package)
	@A='$(A)' test/lib/package $(@:test-%=%)

deps:
	@test/lib/deps build demo dev test lint bench

format:
	clang-format -i $$(test/lib/lint --list)

distclean: clean clean-dev
	rm -rf --one-file-system .deps build

# Those that may be typed, for whoever checks what pages name.
list-targets:
	@echo all install clean dist $(PACKAGING) $(NEEDY) $(DEV) $(CONSUME) start restart test-matrix matrix-roots clean-matrix clean-dev help deps format distclean

list-regress:
	@echo $(REGRESS_TESTS)

list-isolation:
	@echo $(ISOLATION_TESTS)

help:
	@echo 'all           the plugin and the relay (default); WERROR=1, COPT=…, SAN=address,undefined (relay)'
	@echo 'install       into the PostgreSQL of PG_CONFIG, the relay into PREFIX/bin'
	@echo 'clean         remove what was built; distclean also the Kafka fetched for tests'
	@echo 'deps          install every package that building, testing and measuring need'
	@echo 'demo          a private PostgreSQL, the relay and its embedded broker, working'
	@echo 'start stop restart status logs health topics deploy-connector delete-connector test-cdc consume-users … psql kafka-ui clean-dev'
	@echo '              PostgreSQL, Kafka and the relay on this machine, RUNTIME=docker in containers: docs/operations.md'
	@echo 'test          every suite; ends with "N passed, N failed"'
	@echo 'unit          pure modules; one program: T=test_tracker'
	@echo 'regress       pg_regress; one file: T=types'
	@echo 'isolation     concurrent sessions; one spec: T=concurrent_ddl'
	@echo 'tap           end to end with a real Kafka; one file: T=001_basic'
	@echo 'fuzz          libFuzzer targets, a minute each; one of them, shorter: T=fuzz_frames SECONDS_EACH=10'
	@echo 'asan          the relay under ASan, UBSan and LSan: unit tests and some of tap; T=001_basic'
	@echo 'tsan          the relay under ThreadSanitizer: some of tap; T=001_basic'
	@echo 'asan_plugin   the plugin under ASan and UBSan: regress; T=types'
	@echo 'discard       the plugin with all caches gone whenever it asks the catalogs: some of regress'
	@echo 'bench-guard   instructions of a row against bench/baseline.json; RECORD=1 writes it; T="narrow relay-batched"'
	@echo 'valgrind      the server under valgrind: some of regress; not part of test'
	@echo 'test-chaos    faults at random points under load; SEED=n FAULTS=200 MINUTES=n BROKERS="1 3" MODE=at-least-once ROAD=replication'
	@echo 'test-compat   the same changes through the real Debezium and through nova; C="team flat", C=migration'
	@echo 'test-matrix   PostgreSQL 14 to 19, each in a root of its own, and pg_upgrade; as root; V="14 18" T=all SMOKE="001_basic" JOBS=2 BUDGET=seconds'
	@echo 'matrix-roots  only make these roots; clean-matrix removes them'
	@echo 'dist deb      the tarball and the zip for PGXN, the Debian packages, in build/'
	@echo 'test-packages the packages in a clean Debian: installed, used, purged; built in a newer one, NEWER=sid (root)'
	@echo 'test-portable 32 bits, big endian, ARM: compiled by cross compilers, unit tests run under qemu; A=s390x'
	@echo 'test-images   both images of deploy/ are the same when built twice, and work (root, buildah)'
	@echo 'lint          format, layers, lengths, cppcheck, gcc and clang without a warning'
	@echo 'format        clang-format over all C'
	@echo 'docs          the generated tables of README.md and docs/'
	@echo 'bench         all that follow but instructions, hours of it, and the report; BENCHES="decode latency" some of them'
	@echo 'bench-report  plots, and the figures of docs/performance.md, from bench/results'
	@echo 'bench-decode  decoding speed beside the plugins of the field; B="--at-most narrow/nova_empty=1.4 narrow"'
	@echo 'bench-stream  decoding over both roads: a walsender, and CALL nova.stream()'
	@echo 'bench-instructions  instructions of a decoded row, to compare two states of the tree'
	@echo 'bench-snapshot-decode  reading a table as frames beside a plain COPY of it'
	@echo 'bench-endtoend  a backlog into a real Kafka, beside the real Debezium'
	@echo 'bench-latency  from commit to a consumer, beside the real Debezium'
	@echo 'bench-primary  pgbench without a slot, with pgoutput, with nova into a real Kafka'
	@echo 'bench-scale   many tables, columns, large rows, large transactions, …: nothing worse than linear, memory flat'
	@echo 'bench-soak    memory over an hour of small transactions and of tables that come and go; MINUTES=n'
	@echo 'bench-exactly-once  what transactions cost, beside at least once, into a real Kafka'
	@echo 'bench-snapshot  rows that exist into Kafka, beside a COPY of them into nothing'
