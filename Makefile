# Everything a person types here; each target makes .venv first when it is not what the lock says.
.DEFAULT_GOAL := help
.PHONY: help venv demo test up web web-check test-web down check fix quick mutants proof compose-test k8s-test chaos bench lock clean
N ?= 200000
python := .venv/bin/python
# Where it is set, each process compiles all modules again, which takes longer than all else in its start.
export PYTHONDONTWRITEBYTECODE :=

help: # what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv:
	@deploy/local/venv

demo: venv ## a hundred thousand clients and one mailing, live (your own clients: CLIENTS=file.csv)
	@./mailings demo $(if $(CLIENTS),--clients "$(CLIENTS)")

test: venv ## every test, on a real PostgreSQL and a real Kafka of its own
	@$(python) -m pytest --numprocesses 3

up: venv ## start everything, until Ctrl-C
	@./mailings up

web: venv ## build the page now, which `up` and `demo` do by themselves at first use
	@$(python) -m deploy.local.page

web-check: venv ## check the types of the page's source and what eslint finds, and run its unit tests
	@$(python) -m deploy.local.page --check

test-web: venv ## the page in a browser, what takes long: every screen, who is kept out, whether it looks as it did (renew: UPDATE=1)
	@$(python) -m pytest tests/screens tests/e2e/long --numprocesses 2 $(if $(UPDATE),--update-pictures)

down: venv ## stop what `up` has started
	@./mailings down

check: venv ## format, lint, types, import contracts, the API's documents and its Python client
	@$(python) -m ruff format --check
	@$(python) -m ruff check
	@$(python) -m mypy
	@.venv/bin/lint-imports
	@$(python) -m deploy.openapi --check
	@$(python) -m deploy.asyncapi --check
	@$(python) -m deploy.sdk --check

fix: venv ## format, and mend what tools can mend
	@$(python) -m ruff format
	@$(python) -m ruff check --fix

quick: venv ## the tests that need neither PostgreSQL nor Kafka
	@$(python) -m pytest -m "not postgres and not kafka" --ignore tests/e2e --ignore tests/local --ignore tests/upgrade

mutants: venv ## break each promise once, and want a test that fails (files: ONLY=scheduler)
	@$(python) -m tests.mutants $(ONLY)

proof: venv ## promises proven at length, with figures: all calendars against a model (SEED=n repeats a round)
	@$(python) -m tests.proof $(ONLY) $(if $(SEED),--seed $(SEED))

compose-test: venv ## build the image, and try the stack of containers: clients, a mailing, killed containers
	@$(python) -m tests.compose

k8s-test: venv ## build what Kubernetes gets, hold it against its schemas and our rules, and try it on the cluster of KUBECONFIG
	@$(python) -m uv venv --quiet --allow-existing .venv/k8s
	@$(python) -m uv pip sync --quiet --python .venv/k8s --require-hashes deploy/k8s/tools.lock
	@PATH="$$PWD/.venv/k8s/bin:$$PATH" $(python) -m pytest tests/deploy/test_k8s.py tests/deploy/test_overlays.py tests/deploy/test_strimzi.py
	@PATH="$$PWD/.venv/k8s/bin:$$PATH" $(python) -m tests.cluster

chaos: venv ## kill, stop and restart everything while mailings go out, and compare all books (SEED=n MINUTES=n; KILLS=n goes on)
	@SEED="$(SEED)" MINUTES="$(MINUTES)" $(if $(KILLS),KILLS="$(KILLS)") $(python) -m tests.chaos

bench: venv ## the speed, each figure beside its ceiling (messages: N=200000)
	@$(python) -m bench --messages $(N)

lock: venv ## resolve all dependencies anew: the packages, the image's and its list of them, and Kafka's jars
	@$(python) -m uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  shared/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml \
	  --group dev --group web -o requirements.lock
	@$(python) -m uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  shared/pyproject.toml services/*/pyproject.toml -c requirements.lock -o deploy/requirements.lock
	@$(python) -m deploy.sbom >deploy/sbom.cdx.json
	@$(python) -m uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  --group k8s -o deploy/k8s/tools.lock
	@$(python) -m deploy.local.maven

clean: ## stop everything, and remove what was made here: data, .venv, caches
	@if [ -f .venv/requirements.lock ]; then ./mailings down; fi
	@if [ -f .mailings/refuge ]; then case "$$(cat .mailings/refuge)" in \
	  /var/tmp/mailings-*) rm -rf "$$(cat .mailings/refuge)";; esac; fi
	@rm -rf .mailings .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis bench/out proof/out
	@find . -name __pycache__ -prune -exec rm -rf {} +
