# The short way in; meson.build is the build itself. `make help` lists the targets.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
TAP = examples/tap/tx.pcap.zst,examples/tap/rx.pcap.zst

.PHONY: help setup build run test asan tsan bench papers fuzz fmt install clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

setup: ## install what is missing (tools/setup)
	@tools/setup

build: setup build/build.ninja ## set-up and build: build/weir
	@ninja -C build

build/build.ninja:
	@meson setup build

run: build ## the main job on the bundled capture: out/weir.duckdb, out/eve.json, out/account.json
	@rm -rf out && mkdir out
	build/weir run -r $(TAP) --store out/weir.duckdb --eve out/eve.json --account out/account.json

test: build ## every test
	@meson test -C build --no-rebuild --print-errorlogs

asan: setup ## every test under the address and undefined-behaviour sanitizers
	@[ -e build-asan ] || meson setup build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-asan && ASAN_OPTIONS=detect_stack_use_after_return=1 meson test -C build-asan --no-rebuild --print-errorlogs --timeout-multiplier 4

# libzmq and DuckDB are not instrumented: what they do by themselves cannot be judged.
tsan: setup ## the threaded rooms under the thread sanitizer
	@[ -e build-tsan ] || meson setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
	@ninja -C build-tsan && TSAN_OPTIONS=ignore_noninstrumented_modules=1 meson test -C build-tsan --no-rebuild --print-errorlogs --timeout-multiplier 8 \
		--suite base --suite capture --suite batch --suite queue --suite model --suite pipeline

bench: build ## the published figures, each beside its yardstick
	@tools/setup peers
	@for bench in meter pipeline forest survey; do build/weir bench $$bench || exit 1; done

papers: build ## the papers' tables on the data sets in DATA (a folder like WEIR_DATA): docs/papers.md
	@[ -n "$(DATA)" ] || { echo "make papers: name the folder of data sets: make papers DATA=/path" >&2; exit 2; }
	@tools/setup peers
	@build/peers/bin/python bench/papers.py build/weir "$(DATA)" docs/papers.md

fuzz: ## every fuzz target for FUZZ_SECONDS (30)
	@tools/setup ci && tools/fuzz $(FUZZ_SECONDS)

fmt: ## format the sources in place
	@tools/setup ci && tools/check-format --fix

install: build ## to PREFIX (/usr/local), under DESTDIR if given
	@meson configure build -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C build

clean: ## remove what building and running leave; .deps stays
	@rm -rf build build-* out
