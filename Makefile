# make install | run | compile | test | check | bench | chaos | fuzz: each installs what it needs into .venv and nothing elsewhere.
PYTHON ?= python3
BIN := .venv/bin
# Two at a time, a file at a time, in the order of the rooms: most of what takes long comes before tests/unit, whose many
# short files fill the end. The demo plays against the clock and has the machine to itself.
TWO := -m pytest -n 2 --dist loadfile --no-loadscope-reorder
WHOLE_PRODUCT := tests/e2e
ALONE := tests/e2e/test_demo.py
# Programs that tests start by the hundred do not compile the sources anew each time, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# The product with what every event passes compiled (docs/adr/0010), in a copy of this folder: here it would hide what is
# edited. Only where a C compiler is; CI has one.
NATIVE := .venv/native
COMPILER := $(shell command -v cc)$(CI)
SOURCES := $(shell find * -type f -not -path 'data/*' -not -path 'build/*' -not -path 'benchmarks/results/*' -not -path '*.egg-info/*' -not -name '*.pyc')
TESTED_NATIVE := tests/contract/test_eventlog.py tests/integration/test_kafka_producer.py tests/integration/test_every_sample.py tests/integration/test_receiver.py tests/integration/test_receiver_guard.py tests/unit
# The path is for programs that tests start in other folders: without it they would find the sources here.
AS_NATIVE := EXPECT_NATIVE=1 PYTHONPATH=$(CURDIR)/$(NATIVE)
WHOLE_NATIVE := tests/fuzz/test_receiver.py tests/e2e/test_demo.py::test_the_same_in_the_guides_dialect_killed_while_wfm_is_away

.PHONY: install run compile editable kafka test test-native check bench chaos fuzz lock clean

install: .venv/run editable
run: .venv/run editable
	@$(BIN)/genesys-processor demo $(DEMO)

# For production on one machine: a copy in .venv, compiled; what is edited here afterwards is not in it until the next time.
compile: .venv/run
	$(PIP) install --require-hashes -r requirements-native.txt
	rm -rf build
	BUILD_NATIVE=1 $(PIP) install --no-deps --no-build-isolation --force-reinstall .
	@touch .venv/compiled

# Back from the copy: whoever runs or tests what lies here must not meet what was compiled of it before.
editable:
	@! [ -e .venv/compiled ] || { $(PIP) install --no-deps --no-build-isolation --editable . && rm .venv/compiled && echo "not compiled any more: what lies here runs"; }

kafka: .venv/kafka-dev
	@$(BIN)/genesys-processor kafka $(KAFKA)

test: .venv/dev editable
	$(BIN)/python $(TWO) --ignore=$(WHOLE_PRODUCT) $(PYTEST)
	$(BIN)/python $(TWO) $(WHOLE_PRODUCT) --ignore=$(ALONE) $(PYTEST)
	$(BIN)/python -m pytest $(ALONE) $(PYTEST)
	@$(if $(COMPILER),$(MAKE) --no-print-directory test-native,echo "no C compiler here: the compiled form was not tested")

test-native: $(NATIVE)/.built
	cd $(NATIVE) && $(AS_NATIVE) ../bin/python $(TWO) -m "not slow" $(TESTED_NATIVE) $(PYTEST)
	cd $(NATIVE) && $(AS_NATIVE) ../bin/python -m pytest $(WHOLE_NATIVE) $(PYTEST)

check: .venv/dev .venv/renderer
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_house.py tests/test_manifests.py tests/test_manifests_selectors.py

chaos: .venv/dev editable
	CHAOS_KILLS=$${CHAOS_KILLS:-100} CHAOS_REPORT=$${CHAOS_REPORT:-chaos-report.json} $(BIN)/python -m pytest tests/chaos/test_kills.py
	CHAOS_ROUNDS=$${CHAOS_ROUNDS:-14} CHAOS_REPORT=$${CHAOS_REPORT:-chaos-report.json} $(BIN)/python -m pytest tests/chaos/test_kafka_faults.py
	CHAOS_RECORDS=$${CHAOS_RECORDS:-1000000} CHAOS_REPORT=$${CHAOS_REPORT:-chaos-report.json} $(BIN)/python -m pytest tests/integration/test_kafka_tables.py

# Other requests than the last time: make fuzz FUZZ_SEED=7
fuzz: .venv/dev editable
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-500} FUZZ_SEED=$${FUZZ_SEED:-0} $(BIN)/python -m pytest tests/fuzz --hypothesis-seed=$${FUZZ_SEED:-0}

# One or some of them: make bench BENCH="normalise kafka-clean"
bench: $(if $(COMPILER),$(NATIVE)/.built,.venv/dev)
	cd $(if $(COMPILER),$(NATIVE),.) && $(CURDIR)/$(BIN)/python -m benchmarks $(BENCH)

$(NATIVE)/.built: .venv/dev $(SOURCES)
	rm -rf $(NATIVE)
	mkdir -p $(NATIVE) benchmarks/results
	tar -cf - --exclude=./.git --exclude=./.venv --exclude=./data --exclude=./benchmarks/results --exclude=__pycache__ . | tar -xf - -C $(NATIVE)
	ln -s $(CURDIR)/benchmarks/results $(NATIVE)/benchmarks/results
	@! [ -d ../shared ] || ln -sfn ../../shared .venv/shared
	cd $(NATIVE) && BUILD_NATIVE=1 ../bin/python setup.py --quiet build_ext --inplace
	@touch $@

# Kubernetes manifests are rendered by kustomize or kubectl; where neither is, Go builds the first.
.venv/renderer: | .venv/bin/python
	-@command -v kustomize >/dev/null || command -v kubectl >/dev/null || GOBIN=$(CURDIR)/$(BIN) GOPATH=$(CURDIR)/.venv/go GOFLAGS=-modcacherw \
	    go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv .venv

# The first line on stdout is the program's own: scripts wait for it.
.venv/run: requirements-demo.txt pyproject.toml | .venv/bin/python
	@echo "installing into .venv" >&2
	@$(PIP) install --require-hashes -r requirements-demo.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/kafka-dev: requirements-kafka.txt .venv/run
	@echo "fetching Kafka" >&2
	@$(PIP) install --require-hashes -r requirements-kafka.txt
	-@$(BIN)/python -m processor.devkafka
	@touch $@

.venv/dev: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes -r requirements-dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	-$(BIN)/python -m processor.devkafka
	@touch $@ .venv/run .venv/kafka-dev

# Locks the newest versions; needs uv. Addresses of package servers stay out of the files.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra demo pyproject.toml -o requirements-demo.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra kafka-dev pyproject.toml -o requirements-kafka.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev pyproject.toml -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra native pyproject.toml -o requirements-native.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group fuzz -o requirements-fuzz.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
