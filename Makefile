# make strip   draw a comic strip            make test       every check, as CI runs it
# make env     the environment for work      make test-slow  the long proofs as well
PYTHON ?= python3
VENV   ?= .venv
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# data files that are already on this machine (MNIST, emoji, reference figures), where there are any
export AUTOCOMICS_DATA ?= $(wildcard $(abspath ../shared))
export TIKTOKEN_CACHE_DIR ?= $(if $(AUTOCOMICS_DATA),$(AUTOCOMICS_DATA)/tiktoken,)
BIN = $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
NB ?=

.PHONY: strip pictures env test test-slow notebook fix lab digits-report bench bench-page docs dist clean help

help:
	@head -2 Makefile | cut -c3-

$(VENV)/.package: settings.ini pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"autocomics needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Try: make PYTHON=python3.12")'
	@echo "Installing autocomics into $(VENV) (PyTorch is large: some minutes the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@$(BIN)/python tools/drop_torchvision.py
	@touch $@

$(VENV)/.dev: $(VENV)/.package
	@echo "Installing what the checks need ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python tools/drop_torchvision.py
	@touch $@

env: $(VENV)/.dev
	@echo "Ready. Activate with: source $(BIN)/activate"

# the strip that the README shows
STRIP = strip "a fox in the forest" "a fox on the beach" "a fox in the desert at sunset" "a fox in the forest at night" --title "The fox's holiday" \
        --letter "1:Every day the same." --letter "2:Something new!" --letter "3:A little too far …" --letter "4:Home." --say "2:Sand!" --think "3:Shade …" --seed 21

strip: $(VENV)/.package
	@$(BIN)/autocomics $(STRIP) -o strip.png
	@echo "Another:  $(BIN)/autocomics strip \"a fox in the forest\" \"a fox and a rabbit in the forest at night\" -o mine.png      Help:  $(BIN)/autocomics strip --help"

# the pictures of the README and of the builder's chapters, drawn again: after a model was trained anew, or a page looks different
pictures: strip $(VENV)/.dev
	@$(BIN)/python tools/pictures.py

test: $(VENV)/.dev
	@$(BIN)/python tools/check.py

test-slow: $(VENV)/.dev
	@$(BIN)/python tools/check.py --slow

# one notebook as a test: make notebook NB=nbs/10_process.ipynb
notebook: $(VENV)/.dev
	@$(BIN)/nbdev-test $(NB) --n-workers 0

# put right what can be put right by a machine: headers, clean notebooks, exported modules, README
fix: $(VENV)/.dev
	@$(BIN)/python tools/headers.py --fix
	@$(BIN)/nbdev-clean && $(BIN)/nbdev-export && $(BIN)/python tools/readme.py && $(BIN)/python tools/api.py

lab: $(VENV)/.dev
	@$(BIN)/jupyter lab nbs

digits-report: $(VENV)/.package
	@$(BIN)/python tools/digits_report.py

# us against what one would use instead, in turns: make bench; QUICK=1: small sizes; AGAIN=1: a second time, to compare
bench: $(VENV)/.package
	@$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick) $(if $(AGAIN),--again)

# both runs, and the page that shows them
bench-page: $(VENV)/.dev
	@$(BIN)/python benchmarks/run.py && $(BIN)/python benchmarks/run.py --again
	@$(BIN)/nbdev-test nbs/50_benchmarks.ipynb --n-workers 0 --save && $(BIN)/nbdev-clean

# the site: by Quarto where it is installed, else a preview of its pages
docs: $(VENV)/.dev
	@if command -v quarto >/dev/null; then $(BIN)/nbdev-docs; else echo "Quarto is not installed: making a preview with Pandoc ..."; $(BIN)/python tools/preview.py; fi

dist: $(VENV)/.dev
	@rm -rf dist && $(BIN)/python -m build --outdir dist . && ls -l dist

clean:
	rm -rf $(VENV) .envs build dist _docs _proc *.egg-info
