# DITA. Everything these commands make stays in the clone (`.venv`, `out/`, caches) and out of git.
# A target's line of help is the comment behind its `##`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; `make PYTHON=/path/to/python run` takes another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# The environment is made anew only when what it is made from changes.
MADE_FROM := requirements/dev.txt pyproject.toml hatch_build.py
STAMP := $(VENV)/.made-from-$(shell cat $(MADE_FROM) | cksum | tr ' ' '-')
# Other people's clients of the exchange simulator, apart from us.
STRANGERS := $(VENV)/strangers
STRANGERS_STAMP := $(STRANGERS)/.made-from-$(shell cksum < requirements/strangers.txt | tr ' ' '-')
# What only the tests of services need goes into the same environment, on top.
SERVICES_STAMP := $(VENV)/.services-from-$(shell cat requirements/dev.txt requirements/services.txt | cksum | tr ' ' '-')
# A member of the cluster that the tests of services start; the jar comes through Maven, and must be this one.
HAZELCAST := $(VENV)/hazelcast/hazelcast-5.5.0.jar
HAZELCAST_SHA256 := cf560b40b988526e780e4fae12cb6fe01c5158bb9e00839882857f32b544a19e
# Prometheus' own judge of alert rules, out of Debian's package, which is not installed.
PROMTOOL := $(VENV)/prometheus/promtool
CARGO := cd kernel_rs && cargo
comma := ,
# What reads machine code, apart from the proofs, whose z3 is newer.
EQUIV := $(VENV)/equiv
EQUIV_STAMP := $(EQUIV)/.made-from-$(shell cksum < requirements/equiv.txt | tr ' ' '-')
# $(call covered,room,share): report what of a room the kept data does not reach; fail below the share.
COVERED := out/coverage/data
covered = $(BIN)/coverage report --data-file=$(COVERED) --skip-covered --include='$(1)/*' --omit='$(WITH_ANGR)' --fail-under=$(2)
# What does nothing without the machine code that angr has read: `make equiv` runs and tests it.
WITH_ANGR := $(subst $(eval) ,$(comma),$(foreach name,surroundings promises journal selecting bodies on_processor,*/equiv/$(name).py))
# What tests dita.conformance: its own room, and the commands that run it (tests/conftest.py marks what of it is measured).
JUDGED_BY := $(wildcard tests/conformance/test_*.py tests/runtime/test_cli*.py)
ALL_MEASURED := $(shell grep -L 'mark.unmeasured' $(JUDGED_BY))
# Tests wait, for sockets and processes, those that are not measured half of their time: more run than there are cores.
MEASURED_AT_ONCE := 3
OTHERS_AT_ONCE := 5
BY_FILE := --dist loadfile --no-loadscope-reorder# what a file's tests share is made once; tests/conftest.py orders the files
ELSEWHERE := --ignore tests/services --ignore tests/machine_code# they need more, and have targets of their own
CODE := spec reference_py kernel_rs conformance adapters runtime tests typings examples hatch_build.py

# Interpreters are started by the hundred: each would compile everything again where modules may not be kept. What pytest
# makes of the tests' own modules is made by `check`, once, for its workers begin at the same time.
export PYTHONDONTWRITEBYTECODE :=

# $(call quiet,name,command): run quietly, print name and seconds; on failure print what the command printed.
quiet = begin=$$(date +%s); \
	if output=$$( ($(2)) 2>&1); then printf '%-16sok %4ss\n' '$(1)' $$(( $$(date +%s) - begin )); \
	else printf '%-16sFAILED\n%s\n' '$(1)' "$$output"; false; fi
step = @test ! -t 1 || printf '%s\r' '$(1)'; $(call quiet,$(1),$(2))

.PHONY: help run test check test-services gate prove vectors conform campaign mutants tampering mirror simulate soak sinks books audit coverage coverage-report build tools java valgrind systemd chromium strangers equiv equiv-tools format lock clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
	printf '  make %-14s %s\n' "$$name" "$$text"; done

run: build ## paper session on the built-in exchange: environment, build, certificate, trades, summary and audit page
	@$(BIN)/dita run
	@$(BIN)/dita audit --again 1 --html out/audit/flaws

test: build ## everything that needs only Python, cargo and a C compiler: check, then all tests (what CI runs)
	@$(MAKE) --no-print-directory strangers & beside=$$!; $(MAKE) --no-print-directory check; checked=$$?; wait $$beside && exit $$checked
	@$(MAKE) --no-print-directory coverage
	@$(BIN)/pytest -q -n $(OTHERS_AT_ONCE) $(BY_FILE) $(ELSEWHERE) -m 'not measured' $(ALL_MEASURED:%=--ignore %)

check: build ## the static part of test: style, types, import contract, dependencies, and the crate's own tests
	@{ $(call quiet,basedpyright,$(BIN)/basedpyright); } & slowest=$$!; \
	{ $(call quiet,ruff,$(BIN)/ruff check $(CODE)); } && \
	{ $(call quiet,ruff format,$(BIN)/ruff format --check $(CODE)); } && \
	{ $(call quiet,lint-imports,$(BIN)/lint-imports --no-cache); } && \
	{ $(call quiet,deptry,$(BIN)/deptry .); } && \
	{ $(call quiet,cargo fmt,$(CARGO) fmt --check); } && \
	{ $(call quiet,mypy,$(BIN)/mypy); } && \
	{ $(call quiet,cargo clippy,$(CARGO) clippy --quiet --offline --locked --all-targets -- -D warnings); } && \
	{ $(call quiet,cargo test,$(CARGO) test --quiet --offline --locked --lib); } && \
	{ $(call quiet,test modules,$(BIN)/pytest --collect-only -q $(ELSEWHERE)); }; others=$$?; \
	wait $$slowest && exit $$others

test-services: build valgrind systemd chromium $(SERVICES_STAMP) $(HAZELCAST) $(PROMTOOL) ## tests that need more: valgrind, systemd, Chromium, Java, Maven (installed when missing, if you are root), promtool, ClickHouse's engine (900 MB)
	@$(BIN)/pytest -q tests/services

gate: test test-services prove vectors conform tampering mirror campaign mutants simulate soak sinks books equiv audit ## what a release has to pass: test, test-services, every layer's full tier; may take hours

prove: build ## prove the reference: every obligation, on every path, with two solvers; then plant what breaks each
	@$(BIN)/dita prove --tier full
	@$(BIN)/dita prove --break all

vectors: build ## the path vectors made anew, to be those that are kept (ten minutes on one core)
	@$(BIN)/dita vectors --check

conform: build ## the kernel against the reference at full size: rows, worlds in full, millions of random steps, every canary
	@$(BIN)/dita conform --tier full

equiv: build equiv-tools ## the machine code proved equal to the reference, and planted defects of it refuted (an hour and more)
	@$(BIN)/dita equiv --tier full --mutants 24 --undecided
	@$(BIN)/pytest -q tests/machine_code

mutants: build ## the score of the harness: every mutant killed or proved equal; tries those whose sources changed (full: an hour)
	@$(BIN)/dita mutants --tier full

tampering: build ## every byte of certificate, evidence and image replaced in turn, and every defect of boundary, journal, books, simulation and worlds planted
	@$(BIN)/pytest -q --hypothesis-profile=campaign tests/conformance/test_tampering.py tests/kernel/test_boundary.py \
	tests/scenarios/test_crash_suite.py tests/scenarios/test_battery_defects.py tests/scenarios/test_simulation_defects.py \
	tests/conformance/test_laws.py tests/conformance/test_explore_growth.py

mirror: build ## two thousand schedules on the exchange simulator and on the explorer's model of it: the same venue (twelve minutes)
	@$(BIN)/pytest -q --hypothesis-profile=campaign tests/adapters/test_exchange_mirrors_model.py

audit: build ## every known flaw put back where its evidence is stale, every layer asked again; refuses what is stale or open
	@$(BIN)/dita audit --tier full --html out/audit/flaws

campaign: build ## five minutes of random traces on two processes; adds to what earlier ones counted
	@$(BIN)/dita conform --tier campaign --minutes 5 --cluster local

simulate: build ## a thousand simulated runs with everything going wrong, on two processes (half an hour)
	@$(BIN)/dita simulate --tier full --processes 2

soak: build ## 24 simulated hours with faults, of the account stream and of the whole runtime: nothing is lost, nothing piles up (an hour)
	@$(BIN)/python tests/support/stream_soak.py --hours 24
	@$(BIN)/dita simulate --soak 24

sinks: build $(SERVICES_STAMP) $(HAZELCAST) ## feeding killed and broken at every insert; a session whose server and cluster are away for ten minutes (a quarter of an hour)
	@$(BIN)/pytest -q --hypothesis-profile=campaign tests/services/test_analytics.py -k 'killed_at_any or breaks_anywhere'
	@$(BIN)/python tests/support/long_outage.py 600

books: build ## ten thousand round trips of a random policy: every trade worth the same to kernel, bookkeeper and exchange (a minute)
	@$(BIN)/python tests/support/long_books.py --round-trips 10000

coverage: build ## the judge's tests, and the lines and branches that they reach: all of the reference, 95 % of conformance
	@rm -rf out/coverage && mkdir -p out/coverage
	@$(BIN)/coverage run -m pytest -q -n $(MEASURED_AT_ONCE) $(BY_FILE) -m measured $(JUDGED_BY)
	@$(BIN)/coverage combine --quiet
	@$(MAKE) --no-print-directory coverage-report

coverage-report:
	@$(call covered,reference_py,100)
	@$(call covered,conformance,95)

build: $(STAMP) ## the environment in .venv and the kernel image
	$(call step,kernel image,$(BIN)/python kernel_rs/build_kernel.py)

strangers: $(STRANGERS_STAMP) ## other people's clients, in an environment of their own; test needs them

equiv-tools: $(EQUIV_STAMP) ## angr and bitwuzla in an environment of their own; only equiv needs them (617 MB, minutes)

format: $(STAMP) ## put the code into the form that check asks for
	@$(BIN)/ruff check --quiet --fix $(CODE); $(BIN)/ruff format --quiet $(CODE); $(CARGO) fmt

lock: $(STAMP) ## pin the newest allowed versions with hashes in requirements/ (network, minutes; needs pip-tools)
	@for f in dev run; do if [ $$f = run ]; then cp requirements/dev.txt requirements/run.txt; set -- --reuse-hashes; \
	else set -- --extra dev --extra campaign --extra screen --upgrade; fi; pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$$@" \
	--output-file requirements/$$f.txt pyproject.toml || exit 1; done
	@for f in strangers equiv services; do if [ $$f = services ]; then set -- --constraint requirements/dev.txt; else set --; fi; \
	pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url --upgrade \
	--no-emit-find-links --no-emit-trusted-host "$$@" --output-file requirements/$$f.txt requirements/$$f.in || exit 1; done

clean: ## remove what was built, but not out/ and session.json
	@rm -rf $(VENV) kernel_rs/target kernel_rs/dita/kernel/kernel.image .mypy_cache .ruff_cache .pytest_cache

tools:
	@test -n '$(PYTHON)' || { echo 'python 3.11 or newer is missing: install python3 with python3-venv and python3-dev'; exit 1; }
	@command -v cargo >/dev/null || { echo 'cargo is missing: install Rust 1.85 or newer (rustup, or the package cargo)'; exit 1; }
	@command -v cc >/dev/null || { echo 'cc is missing: install a C compiler (the package gcc or clang)'; exit 1; }

java:
	@{ command -v java && command -v mvn; } >/dev/null || { test "$$(id -u)" = 0 && { apt-get -q update && \
	apt-get -q -y install default-jre-headless maven; } >/dev/null; } || \
	{ echo 'java or mvn is missing: install the packages default-jre-headless and maven'; exit 1; }

valgrind:
	@command -v valgrind >/dev/null || { test "$$(id -u)" = 0 && { apt-get -q update && apt-get -q -y install valgrind; } \
	>/dev/null; } || { echo 'valgrind is missing: install the package valgrind'; exit 1; }

systemd:
	@command -v systemd-analyze >/dev/null || { test "$$(id -u)" = 0 && { apt-get -q update && apt-get -q -y install systemd; } \
	>/dev/null; } || { echo 'systemd-analyze is missing: install the package systemd'; exit 1; }

chromium:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && { apt-get -q update && apt-get -q -y install chromium; } \
	>/dev/null; } || { echo 'chromium is missing: install the package chromium'; exit 1; }

$(STAMP): | tools
	$(call step,environment,test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	echo 'the environment cannot be made: install python3-venv'; false; })
	$(call step,requirements,$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	-r requirements/dev.txt)
	$(call step,dita itself,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	--no-build-isolation --editable .)
	@rm -f $(VENV)/.made-from-* && touch $@

$(SERVICES_STAMP): | $(STAMP)
	$(call step,services,$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	-r requirements/services.txt)
	@rm -f $(VENV)/.services-from-* && touch $@

$(HAZELCAST): | $(STAMP) java
	$(call step,hazelcast,mkdir -p $(@D) && mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy \
	-Dartifact=com.hazelcast:hazelcast:5.5.0 -DoutputDirectory=$(abspath $(@D)) && \
	echo '$(HAZELCAST_SHA256)  $@' | sha256sum --check --quiet)
	@touch $@

$(PROMTOOL): | $(STAMP)
	$(call step,promtool,mkdir -p $(@D) && cd $(@D) && { apt-get -q download prometheus || { apt-get -q update && \
	apt-get -q download prometheus; }; } && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 \
	./usr/bin/promtool && rm prometheus_*.deb && touch promtool)

$(STRANGERS_STAMP): | $(STAMP)
	$(call step,strangers,rm -rf $(STRANGERS) && $(PYTHON) -m venv $(STRANGERS) && $(STRANGERS)/bin/python -m pip install \
	--quiet --disable-pip-version-check --require-hashes -r requirements/strangers.txt)
	@touch $@

$(EQUIV_STAMP): | $(STAMP)
	$(call step,equiv tools,rm -rf $(EQUIV) && $(PYTHON) -m venv $(EQUIV) && $(EQUIV)/bin/python -m pip install \
	--quiet --disable-pip-version-check --require-hashes -r requirements/equiv.txt)
	@touch $@
