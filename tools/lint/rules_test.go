package lint_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// offence is a file that one rule must refuse, and what the linter must say.
type offence struct {
	name, path, source string
	want               []string
}

// importing returns the offence of a file at path that imports pkg.
func importing(path, pkg, rule, reason string) offence {
	source := "package " + packageOf(path) + "\n\nimport _ " + quote(pkg) + "\n"
	return offence{rule + " " + pkg, path, source, []string{"import '" + pkg + "' is not allowed from list '" + rule + "'", reason}}
}

// saying returns the offence of a file in a package below cli that runs statement.
func saying(pkg, statement, reason string) offence {
	source := "package guard\n\nimport " + quote(pkg) + "\n\nvar _ = func() { " + statement + " }\n"
	return offence{statement, "internal/guard/x.go", source, []string{reason}}
}

const (
	internal = "keepsake/internal/"
	reach    = "only store/* talks to databases and servers"
	flags    = "flags are read in cli"
	bottom   = "record, memory, pattern, quantity and atomicfile stand at the bottom"
	adapter  = "engines never fall back to one another"
	stdOnly  = "record and memory need only the standard library"
)

func offences() []offence {
	return []offence{
		importing("cmd/keepsake/x.go", internal+"bundle", "layer-cmd", "main only hands the arguments to cli"),
		importing("internal/cli/x.go", internal+"record", "layer-cli", "cli is flags, text and exit codes"),
		importing("internal/cli/x.go", internal+"store/chroma", "layer-cli", "with which stores, is keeper's"),
		importing("internal/keeper/x.go", internal+"record", "layer-keeper", "keeper wires engines"),
		importing("internal/restore/z.go", internal+"keeper", "layer-restore", "no configuration"),
		importing("internal/keeper/x.go", "github.com/spf13/cobra", "flags-only-in-cli", flags),
		importing("internal/backup/x.go", internal+"store/chroma", "layer-backup", "it knows no adapter"),
		importing("internal/backup/x.go", internal+"restore", "layer-backup", "no restore"),
		importing("internal/restore/x.go", internal+"config", "layer-restore", "no configuration"),
		importing("internal/drill/x.go", internal+"store/collections", "layer-drill", "it knows no adapter"),
		importing("internal/retention/x.go", internal+"bundle", "layer-retention", "retention decides from plain values"),
		importing("internal/config/x.go", internal+"bundle", "layer-config", "config is plain data"),
		importing("internal/memoryid/x.go", internal+"bundle", "layer-memoryid", "memoryid keeps one small file"),
		importing("internal/sample/x.go", internal+"store", "layer-sample", "sample makes up records out of nothing"),
		importing("internal/lock/x.go", internal+"bundle", "layer-lock", "lock keeps processes apart"),
		importing("internal/provenance/x.go", internal+"memory", "layer-provenance", "provenance reads what stands beside"),
		importing("internal/store/chroma/x.go", internal+"store/collections", "layer-adapters", adapter),
		importing("internal/store/graph/x.go", internal+"config", "layer-adapters", adapter),
		importing("internal/store/rows/x.go", internal+"store/chroma", "layer-rows", "it knows none of them"),
		importing("internal/store/rows/x.go", "net/http", "layer-rows", "it knows none of them"),
		importing("internal/store/sqlitefile/x.go", internal+"store/graph", "layer-sqlitefile", "it knows no adapter"),
		importing("internal/store/x.go", internal+"record", "layer-store", "the store contracts name memory and permits"),
		importing("internal/index/x.go", internal+"record", "layer-index", "it knows digests"),
		importing("internal/catalog/x.go", internal+"store", "layer-catalog", "it knows a bundle by its meta"),
		importing("internal/bundle/x.go", internal+"catalog", "layer-bundle", "bundle is a format on disk"),
		importing("internal/store/flat/x.go", internal+"catalog", "store-without-bundle", "in tests neither"),
		importing("internal/bundle/x.go", internal+"config", "layer-bundle", "bundle is a format on disk"),
		importing("internal/bundle/x.go", internal+"store", "bundle-without-store", "bundle and store do not know each other"),
		importing("internal/bundle/x_test.go", internal+"store/graph", "bundle-without-store", "in tests neither"),
		importing("internal/store/flat/x_test.go", internal+"bundle", "store-without-bundle", "in tests neither"),
		importing("internal/guard/x.go", internal+"store", "layer-guard", "guard judges locators by itself"),
		importing("internal/record/x.go", internal+"memory", "layer-bottom", bottom),
		importing("internal/memory/x.go", internal+"record", "layer-bottom", bottom),
		importing("internal/atomicfile/x.go", internal+"memory", "layer-bottom", bottom),
		importing("internal/newcomer/x.go", internal+"memory", "unplaced", "give it one in docs/design.md"),

		importing("internal/record/x.go", "golang.org/x/text", "standard-library-only", stdOnly),
		importing("internal/memory/x.go", "github.com/goccy/go-yaml", "standard-library-only", stdOnly),
		importing("internal/record/x.go", "modernc.org/sqlite", "standard-library-only", stdOnly),
		importing("internal/record/x.go", "pgregory.net/rapid", "standard-library-only", stdOnly),
		importing("internal/memory/x.go", "go.uber.org/goleak", "standard-library-only", stdOnly),
		importing("internal/bundle/x.go", "database/sql", "only-stores-reach-out", reach),
		importing("internal/restore/x.go", "modernc.org/sqlite", "only-stores-reach-out", reach),
		importing("internal/cli/x.go", "net/http", "only-stores-reach-out", reach),
		importing("internal/guard/x_test.go", "net/http", "only-stores-reach-out", reach),
		importing("internal/backup/x.go", "testing", "suites-only-in-tests", "what ships carries no tests"),
		importing("internal/store/graph/x.go", internal+"store/storetest", "suites-only-in-tests", "what ships carries no tests"),
		importing("internal/cli/x.go", internal+"store/chroma/chromatest", "suites-only-in-tests", "what ships carries no tests"),
		importing("internal/bundle/x.go", internal+"atomicfile/faulty", "suites-only-in-tests", "no faults made for them"),
		importing("internal/keeper/x.go", internal+"bundle/bundletest", "suites-only-in-tests", "what ships carries no tests"),
		importing("internal/sample/x.go", internal+"record/recordtest", "suites-only-in-tests", "what ships carries no tests"),
		importing("internal/backup/x.go", "flag", "flags-only-in-cli", flags),
		importing("internal/config/x.go", "github.com/spf13/cobra", "flags-only-in-cli", flags),
		importing("internal/bundle/x.go", "github.com/goccy/go-yaml", "yaml-only-in-config", "read in one place, strictly"),
		importing("internal/cli/x.go", "log", "no-log", "take a *slog.Logger"),
		importing("internal/backup/x.go", "io/ioutil", "retired", "io and os have it"),
		importing("internal/backup/x.go", "math/rand", "retired", "math/rand/v2"),

		saying("os", `os.Getenv("HOME")`, "nothing reads the environment"),
		saying("os", `os.LookupEnv("HOME")`, "nothing reads the environment"),
		saying("os", `os.Environ()`, "nothing reads the environment"),
		saying("os", `os.TempDir()`, "nothing reads the environment"),
		saying("time", `time.Now()`, "nothing reads the clock"),
		saying("time", `time.Since(time.Time{})`, "nothing reads the clock"),
		saying("fmt", `fmt.Println()`, "nothing prints"),
		saying("os", `_ = os.Stdout`, "nothing knows of the process"),
		saying("os", `_ = os.Args`, "nothing knows of the process"),
		saying("log/slog", `slog.Info("x")`, "nothing logs on its own"),
		saying("os", `os.Exit(1)`, "only main exits"),
		saying("os", `println(os.DevNull)`, "print is for debugging"),
		{"os.Exit in cli", "internal/cli/x.go", "package cli\n\nimport \"os\"\n\nvar _ = func() { os.Exit(1) }\n", []string{"only main exits"}},
		{"a renamed import", "internal/guard/x.go", "package guard\n\nimport sys \"os\"\n\nvar _ = func() { sys.Exit(1) }\n", []string{"only main exits"}},
		{"sql.Open in a store", "internal/store/graph/x.go", "package graph\n\nimport \"database/sql\"\n\nvar _ = func() { sql.Open(\"\", \"\") }\n", []string{"one opener"}},
		{"http.Get in a store", "internal/store/chroma/x.go", "package chroma\n\nimport \"net/http\"\n\nvar _ = func() { http.Get(\"\") }\n", []string{"proxies come from it"}},
	}
}

// allowed are files that look like offences and are none.
func allowed() []offence {
	return []offence{
		{path: "cmd/keepsake/main.go", source: "package main\n\nimport (\n\t\"os\"\n\n\t_ \"keepsake/internal/cli\"\n)\n\nfunc main() { _ = os.Args; os.Exit(0) }\n"},
		{path: "internal/cli/y.go", source: "package cli\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"time\"\n\n\t_ \"keepsake/internal/backup\"\n\t_ \"keepsake/internal/keeper\"\n\n\t_ \"github.com/spf13/cobra\"\n)\n\nfunc Y() { fmt.Println(os.Getenv(\"X\"), time.Now()) }\n"},
		{path: "internal/keeper/y.go", source: "package keeper\n\nimport (\n\t_ \"keepsake/internal/backup\"\n\t_ \"keepsake/internal/store/chroma\"\n)\n"},
		{path: "internal/cli/y_test.go", source: "package cli_test\n\nimport (\n\t_ \"net/http\"\n\t_ \"database/sql\"\n)\n"},
		{path: "internal/store/sqlitefile/y.go", source: "package sqlitefile\n\nimport (\n\t\"database/sql\"\n\n\t_ \"modernc.org/sqlite\"\n\n\t_ \"keepsake/internal/store\"\n)\n\nfunc Y() (*sql.DB, error) { return sql.Open(\"\", \"\") }\n"},
		{path: "internal/store/graph/y.go", source: "package graph\n\nimport (\n\t_ \"database/sql\"\n\n\t_ \"modernc.org/sqlite\"\n\n\t_ \"keepsake/internal/guard\"\n\t_ \"keepsake/internal/record\"\n\t_ \"keepsake/internal/store\"\n)\n"},
		{path: "internal/store/graph/y_test.go", source: "package graph_test\n\nimport (\n\t\"time\"\n\n\t_ \"keepsake/internal/store/storetest\"\n)\n\nvar now = time.Now()\n"},
		{path: "internal/bundle/y.go", source: "package bundle\n\nimport (\n\t_ \"keepsake/internal/atomicfile\"\n\t_ \"keepsake/internal/lock\"\n\t_ \"keepsake/internal/record\"\n)\n"},
		{path: "internal/catalog/y.go", source: "package catalog\n\nimport (\n\t_ \"keepsake/internal/bundle\"\n\t_ \"keepsake/internal/guard\"\n\t_ \"keepsake/internal/lock\"\n)\n"},
		{path: "internal/restore/y.go", source: "package restore\n\nimport (\n\t_ \"keepsake/internal/bundle\"\n\t_ \"keepsake/internal/guard\"\n\t_ \"keepsake/internal/store\"\n)\n"},
		{path: "internal/memoryid/y.go", source: "package memoryid\n\nimport _ \"keepsake/internal/atomicfile\"\n"},
		{path: "internal/store/storetest/y.go", source: "package storetest\n\nimport (\n\t_ \"testing\"\n\t\"time\"\n\n\t_ \"keepsake/internal/store\"\n)\n\nvar Now = time.Now()\n"},
		{path: "internal/store/y.go", source: "package store\n\nimport _ \"keepsake/internal/guard\"\n"},
		{path: "internal/record/y_test.go", source: "package record_test\n\nimport _ \"pgregory.net/rapid\"\n"},
	}
}

// layers are the folders that have a rule of their own, with the rule's name.
var layers = map[string]string{
	"cmd/keepsake":         "layer-cmd",
	"internal/atomicfile":  "layer-bottom",
	"internal/backup":      "layer-backup",
	"internal/bundle":      "layer-bundle",
	"internal/cli":         "layer-cli",
	"internal/config":      "layer-config",
	"internal/guard":       "layer-guard",
	"internal/keeper":      "layer-keeper",
	"internal/memory":      "layer-bottom",
	"internal/memoryid":    "layer-memoryid",
	"internal/newcomer":    "unplaced",
	"internal/lock":        "layer-lock",
	"internal/pattern":     "layer-bottom",
	"internal/provenance":  "layer-provenance",
	"internal/quantity":    "layer-bottom",
	"internal/record":      "layer-bottom",
	"internal/restore":     "layer-restore",
	"internal/retention":   "layer-retention",
	"internal/sample":      "layer-sample",
	"internal/store":       "layer-store",
	"internal/store/graph": "layer-adapters",

	"internal/store/rows":       "layer-rows",
	"internal/store/sqlitefile": "layer-sqlitefile",
}

// strangers returns, for every layer, a file right in its folder that imports a
// package which no layer may import. The other offences stand one folder deeper,
// where they can't form cycles.
func strangers() []offence {
	var list []offence
	for dir, rule := range layers {
		o := importing(dir+"/stranger.go", internal+"stranger", rule, "")
		o.name = "stranger in " + dir
		if dir == "cmd/keepsake" {
			o.source = strings.Replace(o.source, "package keepsake", "package main", 1)
		}
		list = append(list, o)
	}
	return list
}

// stubs stand in for the packages that offences import.
var stubs = map[string]string{
	"internal/atomicfile/doc.go":              "package atomicfile\n",
	"internal/backup/doc.go":                  "package backup\n",
	"internal/bundle/doc.go":                  "package bundle\n",
	"internal/catalog/doc.go":                 "package catalog\n",
	"internal/cli/doc.go":                     "package cli\n",
	"internal/config/doc.go":                  "package config\n",
	"internal/guard/doc.go":                   "package guard\n",
	"internal/keeper/doc.go":                  "package keeper\n",
	"internal/lock/doc.go":                    "package lock\n",
	"internal/memory/doc.go":                  "package memory\n",
	"internal/record/doc.go":                  "package record\n",
	"internal/restore/doc.go":                 "package restore\n",
	"internal/atomicfile/faulty/doc.go":       "package faulty\n\nimport _ \"keepsake/internal/atomicfile\"\n",
	"internal/bundle/bundletest/doc.go":       "package bundletest\n\nimport _ \"testing\"\n",
	"internal/record/recordtest/doc.go":       "package recordtest\n\nimport _ \"testing\"\n",
	"internal/store/chroma/chromatest/doc.go": "package chromatest\n\nimport _ \"testing\"\n",
	"internal/stranger/doc.go":                "package stranger\n",
	"internal/store/chroma/doc.go":            "package chroma\n",
	"internal/store/collections/doc.go":       "package collections\n",
	"internal/store/doc.go":                   "package store\n",
	"internal/store/flat/doc.go":              "package flat\n",
	"internal/store/graph/doc.go":             "package graph\n",
	"internal/store/storetest/doc.go":         "package storetest\n",
	"stub/goleak/go.mod":                      "module go.uber.org/goleak\n",
	"stub/goleak/doc.go":                      "package goleak\n",
	"stub/cobra/go.mod":                       "module github.com/spf13/cobra\n",
	"stub/cobra/doc.go":                       "package cobra\n",
	"stub/rapid/go.mod":                       "module pgregory.net/rapid\n",
	"stub/rapid/doc.go":                       "package rapid\n",
	"stub/sqlite/go.mod":                      "module modernc.org/sqlite\n",
	"stub/sqlite/doc.go":                      "package sqlite\n",
	"stub/text/go.mod":                        "module golang.org/x/text\n",
	"stub/text/doc.go":                        "package text\n",
	"stub/yaml/go.mod":                        "module github.com/goccy/go-yaml\n",
	"stub/yaml/doc.go":                        "package yaml\n",
	"go.mod": `module keepsake

go 1.26.0

require (
	github.com/goccy/go-yaml v0.0.0
	github.com/spf13/cobra v0.0.0
	go.uber.org/goleak v0.0.0
	golang.org/x/text v0.0.0
	modernc.org/sqlite v0.0.0
	pgregory.net/rapid v0.0.0
)

replace (
	github.com/goccy/go-yaml => ./stub/yaml
	github.com/spf13/cobra => ./stub/cobra
	go.uber.org/goleak => ./stub/goleak
	golang.org/x/text => ./stub/text
	modernc.org/sqlite => ./stub/sqlite
	pgregory.net/rapid => ./stub/rapid
)
`,
}

// TestLayerRulesFire runs the linter once over a made-up tree in which every
// offence has a file of its own, and looks for what it must say of each.
func TestLayerRulesFire(t *testing.T) {
	root := t.TempDir()
	for path, source := range stubs {
		write(t, root, path, source)
	}
	cases := offences()
	for i := range cases {
		cases[i].path = unique(cases[i].path, i)
	}
	cases = append(cases, strangers()...)
	for _, c := range cases {
		write(t, root, c.path, c.source)
	}
	for _, a := range allowed() {
		write(t, root, a.path, a.source)
	}
	said := lint(t, root)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := said[c.path]
			for _, want := range c.want {
				if !slices.ContainsFunc(got, func(text string) bool { return strings.Contains(text, want) }) {
					t.Errorf("got %q, want one with %q", got, want)
				}
			}
		})
	}
	for _, a := range allowed() {
		t.Run("allowed "+a.path, func(t *testing.T) {
			if got := said[a.path]; len(got) != 0 {
				t.Errorf("got %q, want none", got)
			}
		})
	}
}

// lint returns what the linter says of each file under root, by slash path.
func lint(t *testing.T, root string) map[string][]string {
	t.Helper()
	linter := os.Getenv("GOLANGCI_LINT")
	if linter == "" {
		t.Skip("GOLANGCI_LINT doesn't name a golangci-lint: run make lint-test")
	}
	config, err := os.ReadFile("../../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, ".golangci.yml", string(config))
	cmd := exec.CommandContext(t.Context(), linter, "run", "--path-mode=abs",
		"--enable-only=depguard,forbidigo", "--output.json.path=stdout", "--show-stats=false", "--issues-exit-code=0", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run the linter: %v\n%s", err, out)
	}
	return issuesByFile(t, root, out)
}

func issuesByFile(t *testing.T, root string, out []byte) map[string][]string {
	t.Helper()
	var report struct {
		Issues []struct {
			Text string
			Pos  struct{ Filename string }
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("parse the linter's report: %v\n%s", err, out)
	}
	said := map[string][]string{}
	for _, issue := range report.Issues {
		path, err := filepath.Rel(root, issue.Pos.Filename)
		if err != nil {
			t.Fatal(err)
		}
		said[filepath.ToSlash(path)] = append(said[filepath.ToSlash(path)], issue.Text)
	}
	return said
}

// unique gives an offence a folder of its own below its layer's; the contracts
// in internal/store have none below, so there it gets a file of its own.
func unique(path string, i int) string {
	dir, file := filepath.Split(path)
	if strings.HasSuffix(dir, "internal/store/") {
		return fmt.Sprintf("%sx%d%s", dir, i, file)
	}
	return fmt.Sprintf("%so%d/%s", dir, i, file)
}

func packageOf(path string) string {
	name := filepath.Base(filepath.Dir(path))
	if strings.HasSuffix(path, "_test.go") {
		name += "_test"
	}
	return name
}

func quote(s string) string { return `"` + s + `"` }

func write(t *testing.T, root, path, content string) {
	t.Helper()
	full := filepath.Join(root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
