# The habits of the house, a line each.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint bench services services-stop

run: .venv/run.stamp
	$(BIN)/imagestore serve

test: .venv/test.stamp lint
	tests/packages.sh qemu-utils nginx-light mariadb-server-core mariadb-client-core postgresql-15 grub-rescue-pc memtest86+ ipxe openssl
	$(BIN)/pytest -n 2 --cov --cov-report=term --cov-fail-under=90 $(PYTEST)

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/bench.stamp
	tests/packages.sh nginx-light libnginx-mod-http-dav-ext mariadb-server-core mariadb-client-core
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

services: .venv/test.stamp
	$(BIN)/python -m tests.services.glance start

services-stop:
	$(BIN)/python -m tests.services.glance stop

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet 'pip>=25.1'

.venv/run.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[postgresql,mysql]' --group lint --group test
	touch .venv/run.stamp $@

.venv/bench.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable . --group test --group bench
	touch .venv/run.stamp $@
