# The habits of the house, a line each.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint bench bench-stores packages services services-stop

run: .venv/run.stamp
	$(BIN)/imagestore serve

test: .venv/test.stamp lint packages
	$(BIN)/pytest -n 2 --cov --cov-report=term --cov-fail-under=90 $(PYTEST)

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

bench-stores: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks.stores $(if $(QUICK),--quick) $(BENCH)

# Real services, clients' tools and disk images, from Debian.
packages: .venv/bin/python
	tests/packages.sh nginx-light libnginx-mod-http-dav-ext openssl
	tests/packages.sh qemu-utils grub-rescue-pc memtest86+ ipxe
	tests/packages.sh ceph-mon ceph-osd ceph-common radosgw python3-rados python3-rbd
	tests/packages.sh memcached mariadb-server-core mariadb-client-core postgresql-15
	-$(BIN)/python tests/services/link_ceph.py

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
	$(BIN)/python -m pip install --quiet --editable '.[postgresql,mysql,swift,s3,notifications]' --group lint --group test
	touch .venv/run.stamp $@

.venv/bench.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[swift,s3]' --group test --group bench
	touch .venv/run.stamp $@
