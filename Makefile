# libmsb. `make run` shows it at work, `make test` runs every test, `make help` lists the rest.

PREFIX ?= /usr/local
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# What is fetched from outside, kept between runs: the guest kernel, the emulated machine's kernel, the release compared with.
export MSB_BUILD_CACHE ?= $(CURDIR)/build

CARGO ?= cargo
KERNEL := $(MSB_BUILD_CACHE)/deps/libkrunfw.so.5
ROOTFS := $(MSB_BUILD_CACHE)/rootfs
RELEASE := $(CARGO_TARGET_DIR)/release
DEBUG := $(CARGO_TARGET_DIR)/debug
# Installed trees, each with the guest kernel beside the library, that bindings are built and tested against.
STAGE := $(CARGO_TARGET_DIR)/stage
WARN := -Wall -Wextra -Wpedantic -Werror
# Tests use the driver that needs no hypervisor; libkrun, slow to compile, is only in the release build.
DEV := --locked --no-default-features --features msb/process-driver,msb-agent/process,msb-runner/process

say = @printf '\n== %s\n' '$(1)'
# What a program needs that runs with a library which is not installed: its SONAME and the guest kernel, beside it.
define complete
ln -sfn libmsb.so $(1)/libmsb.so.0
if [ -e $(KERNEL) ]; then cp -u $(KERNEL) $(1)/libkrunfw.so.5; fi
endef
# An installed tree of what was built in $(1), in $(2).
define install-tree
PREFIX=$(2) packaging/install $(1)
cp -u $(KERNEL) $(2)/lib/libkrunfw.so.5
endef

.DELETE_ON_ERROR:
# cargo uses all processors by itself, and a failing test should be the last thing printed.
.NOTPARALLEL:
.PHONY: help deps deps-test build build-debug stage stage-debug run test test-fast test-rust test-c test-abi test-packaging \
        test-examples test-bindings test-cpp test-go test-node test-swift test-vm test-trees test-krun bench bench-store bench-bindings bench-images lint fmt derived \
        fuzz deny install uninstall clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{ printf "%-22s %s\n", $$1, $$2 }'
	@echo '  Variables: PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) CC=$(CC) CARGO_TARGET_DIR MSB_BUILD_CACHE'

deps: ## install by name what is missing to build and run: QEMU, busybox, pip, the guest kernel
	$(call say,what it needs to run)
	scripts/need qemu-system-x86 busybox-static python3 python3-pip
	scripts/fetch-kernel $(KERNEL)

deps-test: deps
	$(call say,what the tests need)
	scripts/need g++ clang cmake valgrind e2fsprogs pkg-config xz-utils
	scripts/need attr erofs-utils btrfs-progs skopeo umoci docker-registry apache2-utils openssl ca-certificates
	scripts/need --rust rustfmt clippy

build: ## build the library: libmsb.so and libmsb.a in target/release, include/msb.h
	$(call say,the library)
	$(CARGO) build --locked --release
	packaging/localise-static $(RELEASE)/libmsb.a
	$(call complete,$(RELEASE))

build-debug:
	$(call say,the library for tests)
	$(CARGO) build --workspace $(DEV)
	$(call complete,$(DEBUG))

stage: deps build
	$(call install-tree,$(RELEASE),$(STAGE)/release)

stage-debug: deps build-debug
	packaging/localise-static $(DEBUG)/libmsb.a
	$(call install-tree,$(DEBUG),$(STAGE)/debug)

$(ROOTFS): scripts/make-rootfs
	scripts/make-rootfs $@

run: deps build $(ROOTFS) ## the main job: compile examples/c/hello.c and run it in a sandbox
	$(call say,examples/c/hello.c)
	$(CC) -std=c11 -O2 $(WARN) -Iinclude -o $(RELEASE)/hello examples/c/hello.c -L$(RELEASE) -lmsb -Wl,-rpath,$(RELEASE)
	$(RELEASE)/hello $(ROOTFS)

test: deps-test lint derived test-rust test-c build test-abi test-packaging test-examples test-bindings test-vm \
        test-trees test-krun ## every test
	$(call say,every test passed)

test-fast: deps-test lint derived test-rust test-c ## the tests that need no virtual machine and no release build

lint:
	$(call say,formatting and lints)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets $(DEV) -- -D warnings

# The schemas are compared by tests/abi/main.rs, the export list by test-abi.
derived:
	$(call say,what is made from the sources is up to date)
	$(CARGO) run --quiet -p xtask -- header --check
	$(CARGO) run --quiet -p xtask -- docs --check
	$(CARGO) run --quiet -p xtask -- layout --check

test-rust:
	$(call say,Rust tests)
	timeout --kill-after=10 1800 $(CARGO) test --workspace $(DEV)

test-c: build-debug
	$(call say,C tests)
	tests/c/run $(DEBUG) plain
	tests/c/run $(DEBUG) asan
	tests/c/run $(DEBUG) valgrind

test-abi: build
	$(call say,the header and the shared library)
	tests/abi/header.sh
	CC=clang CXX=clang++ tests/abi/header.sh
	tests/abi/library.sh $(RELEASE)/libmsb.so

test-packaging: build
	$(call say,an installed tree)
	tests/packaging/run

test-examples: deps build $(ROOTFS)
	$(call say,the examples)
	tests/packaging/examples
	tests/packaging/readme

test-bindings: test-cpp test-go test-node test-swift ## the bindings' own tests: C++, Go, Node.js, Swift

test-cpp test-go test-node test-swift: test-%: deps-test stage-debug stage $(ROOTFS)
	$(call say,the binding for $*)
	scripts/test-binding $* $(STAGE)/debug $(STAGE)/release $(ROOTFS)

test-vm: deps-test build $(ROOTFS) ## tests in virtual machines, on QEMU; 20 kills of hosts among them
	$(call say,virtual machines on qemu)
	scripts/test-vm qemu $(RELEASE) $(ROOTFS)
	MSB_TEST_DRIVER=qemu MSB_TEST_ROOT=$(ROOTFS) MSB_TEST_SCALE=20 MSB_LIBKRUNFW_PATH=$(KERNEL) \
		timeout --kill-after=10 1200 $(CARGO) test --workspace $(DEV) --test integration -- --test-threads=1 kills

test-trees: deps-test build ## pull, boot and compare every entry of a large image with what umoci unpacks; needs root
	$(call say,the tree of a large image)
	tests/trees/run $(RELEASE) $(MSB_BUILD_CACHE)/debian

test-krun: deps-test build $(ROOTFS) ## the same tests on krun, in an emulated machine that has KVM
	$(call say,virtual machines on krun)
	scripts/test-vm krun $(RELEASE) $(ROOTFS)

bench: deps-test build $(ROOTFS) ## measure, and print each figure beside its bar
	benches/run $(RELEASE)

bench-store: deps-test build $(ROOTFS) ## measure the store, volumes and files beside microsandbox 0.5.8 and plain system calls
	benches/store $(RELEASE)

bench-bindings: deps-test stage $(ROOTFS) ## measure calls, commands, streams and waits in every language beside C
	benches/bindings/run $(STAGE)/release $(ROOTFS)

bench-images: deps-test build ## measure loads, pulls and starts of a large image beside microsandbox 0.7.11 and plain tools; needs root
	scripts/need debootstrap
	benches/images $(RELEASE)

fmt: ## format the sources
	$(CARGO) fmt --all

FUZZ_SECS ?= 60
fuzz: ## run every fuzz target for FUZZ_SECS seconds; needs a nightly toolchain, and installs cargo-fuzz first
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	fuzz/run $(FUZZ_SECS)

deny: ## licences, sources and banned crates of all dependencies (installs cargo-deny first, which takes minutes)
	$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --workspace check bans licenses sources

install: ## install what `make build` made under PREFIX, inside DESTDIR if that is given
	PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install $(RELEASE)

uninstall: ## remove what `make install` put under PREFIX
	PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install --remove

clean: ## remove everything that was built; what was fetched stays
	$(CARGO) clean
	rm -rf $(ROOTFS)
