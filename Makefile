# keepsake. `make test` needs Go and Node (for the real Chroma server) and sets
# up the rest by itself; see docs/ for what the commands do.

GO        ?= go
CHROMA    := scripts/chroma.sh
LINTER    := bin/golangci-lint
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
FUZZTIME  ?= 30s
TIMEOUT   ?= 25m
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X keepsake/internal/cli.Version=$(VERSION)

# The race detector pays where goroutines share something. It needs cgo and a C
# compiler, and makes SQLite and the record scanner many times slower, so the
# other packages run without it.
RACY     := $(strip $(foreach d,backup restore lock memoryid atomicfile store/chroma store/rows,$(if $(wildcard internal/$d),./internal/$d/...)))
CC       := $(shell $(GO) env CC)
HAS_CC   := $(shell command -v $(firstword $(CC)) 2>/dev/null)
CALM      = $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACY))")

.PHONY: build test test-calm test-racy test-full bench lint lint-test cross fuzz chroma clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/...

# Both versions of the server, from the user's cache folder once they are there.
chroma:
	@$(CHROMA) current
	@$(CHROMA) old

# The two halves wait for servers and disks more than they compute: together they
# take little more than the longer one.
test: chroma
ifeq ($(and $(HAS_CC),$(RACY)),)
	@echo "no C compiler ($(CC)): everything runs, but without the race detector"
	KEEPSAKE_REQUIRE_CHROMA=1 CGO_ENABLED=0 $(GO) test -timeout $(TIMEOUT) ./...
else
	@$(MAKE) -j2 test-calm test-racy
endif

test-calm:
	KEEPSAKE_REQUIRE_CHROMA=1 CGO_ENABLED=0 $(GO) test -timeout $(TIMEOUT) $(CALM)

test-racy:
	KEEPSAKE_REQUIRE_CHROMA=1 CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) $(RACY)

# The figures in brackets of docs/testing.md: hours, not minutes.
test-full: chroma
	KEEPSAKE_REQUIRE_CHROMA=1 KEEPSAKE_TEST_FULL=1 $(GO) test -timeout 12h ./...

# The figures of docs/benchmarks.md: ratios within one run, printed as a table.
bench: chroma
	KEEPSAKE_REQUIRE_CHROMA=1 $(GO) test -count=1 -tags bench -run TestBench -v -timeout 80m ./internal/bench

# The linter has a module of its own, so that what it needs stays out of ours.
$(LINTER): tools/go.mod tools/go.sum
	cd tools && CGO_ENABLED=0 $(GO) build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

lint: $(LINTER)
	$(LINTER) run ./...
	$(GO) vet -tags bench ./internal/bench

# Proves that the rules of .golangci.yml still refuse what they are there for.
lint-test: $(LINTER)
	cd tools && GOLANGCI_LINT=$(abspath $(LINTER)) $(GO) test -count=1 ./lint/

cross: $(PLATFORMS)

.PHONY: $(PLATFORMS)
$(PLATFORMS):
	CGO_ENABLED=0 GOOS=$(@D) GOARCH=$(@F) $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o dist/$(@D)-$(@F)/ ./cmd/...
	$(if $(filter amd64,$(@F)),CGO_ENABLED=0 GOOS=$(@D) GOARCH=$(@F) $(GO) vet ./...)

# Every fuzz target for FUZZTIME, one after the other.
fuzz:
	@for pkg in $$($(GO) list ./internal/...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

clean:
	rm -rf bin dist
