# The habits of the house, a line each.
PYTHON ?= python3
BIN := .venv/bin
# More than there are processors: much of the time each of them waits for a service or for a deadline.
TESTERS ?= 4
# Images of containers set it. Each of the thousands of processes would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test tests coverage quick lint conformance clients schemathesis soak kills packages services services-stop
.PHONY: container docs release
.PHONY: bench bench-scale bench-stores bench-cache bench-orphans soak-nodes

run: .venv/run.stamp
	$(BIN)/imagestore serve

# Beside each other: mypy is one process, and the tests often wait.
test: .venv/test.stamp packages
	$(MAKE) -j 2 lint tests

tests:
	$(BIN)/pytest -n $(TESTERS) --dist worksteal --durations=15 $(PYTEST)

# The same tests, and which lines they reach. To measure takes as much again as to run.
coverage: .venv/test.stamp packages
	$(BIN)/pytest -n $(TESTERS) --dist worksteal --cov --cov-report=term --cov-fail-under=90 $(PYTEST)

# Every room by itself, and the gate: what needs no program of others and no whole service.
quick: .venv/test.stamp
	$(BIN)/pytest -q -n 4 --dist worksteal -m "not service and not slow and not http" \
		--ignore tests/service --ignore tests/e2e $(PYTEST) # to read them takes seconds

# Nodes and stores that fail at random for some minutes: make soak MINUTES=5 DATABASE=mariadb
soak: .venv/test.stamp packages
	$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(DATABASE),--database $(DATABASE)) $(SOAK)

# kill -9: at 20 moments of imports, and during uploads and conversions.
kills: .venv/test.stamp packages
	IMAGESTORE_TEST_KILLS=19 $(BIN)/pytest tests/crash

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each recorded answer, asked again of the real Glance; then Tempest and its Glance plugin, in two
# configurations, against what the real Glance passes.
conformance: .venv/test.stamp packages
	IMAGESTORE_TEST_GLANCE=live $(BIN)/pytest -q -n 2 tests/conformance tests/e2e/test_metadefs.py
	$(BIN)/python -m tests.tempest $(TEMPEST)

# Every command of openstack and glance, against the real Glance and imagestore.
clients: .venv/test.stamp packages
	$(BIN)/python -m tests.clients $(CLIENTS)

schemathesis: .venv/test.stamp packages
	$(BIN)/python -m tests.openapi.fuzz $(FUZZ)

bench: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

# Lists among up to a million images on each database, and what the indexes for them cost.
bench-scale: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks.scale $(if $(QUICK),--quick) $(BENCH)

bench-orphans: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks.orphans $(BENCH)

bench-stores: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks.stores $(if $(QUICK),--quick) $(BENCH)

bench-cache: .venv/bench.stamp packages
	$(BIN)/python -m benchmarks.cache $(if $(QUICK),--quick) $(BENCH)

# Three nodes behind one address, each drained and restarted under a minute of load, twice.
soak-nodes: .venv/test.stamp packages
	NODES_SECONDS=15 $(BIN)/pytest -s tests/nodes

# Real services, clients' tools and disk images, from Debian.
packages: .venv/bin/python
	tests/packages.sh nginx-light libnginx-mod-http-dav-ext openssl
	tests/packages.sh haproxy curl
	tests/packages.sh qemu-utils grub-rescue-pc memtest86+ ipxe
	tests/packages.sh ceph-mon ceph-osd ceph-common radosgw python3-rados python3-rbd
	tests/packages.sh prometheus # promtool, too: alerts and the dashboard
	tests/packages.sh systemd git
	tests/packages.sh memcached mariadb-server-core mariadb-client-core galera-4 postgresql-15
	-$(BIN)/python tests/services/link_ceph.py

# The Containerfile built and served, from a Debian that is made here: minutes, most of them downloads.
container: .venv/test.stamp packages
	tests/packages.sh buildah mmdebstrap
	$(BIN)/python -m tests.packaging.container

docs: .venv/test.stamp
	$(BIN)/mkdocs build

# A commit, a tag, and archives in dist: make release VERSION=0.2.0. Nothing is pushed.
release: .venv/test.stamp
	$(BIN)/python .ci/release.py $(VERSION)

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
	$(BIN)/python -m pip install --quiet --editable '.[postgresql,mysql,swift,s3,signatures,notifications,tracing]' --group lint --group test
	touch .venv/run.stamp $@

.venv/bench.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[postgresql,mysql,swift,s3]' --group test --group bench
	touch .venv/run.stamp $@
