package cli_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const auditFile = ".guard-audit.log"

// stays runs a command that has to end with code and to leave everything that
// lives and every bundle as it was, to the byte. What the guard was asked and what
// it gave out is written down all the same: its log and its tokens may grow.
func (a *agent) stays(code int, args ...string) result {
	a.t.Helper()
	live, kept := a.untouchable()
	r := a.must(code, args...)
	nowLive, nowKept := a.untouchable()
	same(a.t, "what lives", nowLive, live)
	same(a.t, "the bundles", nowKept, kept)
	return r
}

func (a *agent) untouchable() (live, kept map[string]string) {
	a.t.Helper()
	kept = tree(a.t, a.data("backups"))
	delete(kept, auditFile)
	return but(a.state(), "file .keepsake/tokens/"), kept
}

// with sets variables of the environment until the test that asks ends.
func (a *agent) with(env map[string]string) {
	a.t.Helper()
	before := maps.Clone(a.env)
	maps.Copy(a.env, env)
	a.t.Cleanup(func() { a.env = before })
}

// allows sets the first factor.
func (a *agent) allows() {
	a.t.Helper()
	a.with(map[string]string{allowed: "true"})
}

// audited is what the guard wrote down.
type audited struct {
	Decision, Operation, Subsystem, Mode, Class, Reason, Source, Plan string
	Target                                                            map[string]any
}

// audit returns the guard's decisions so far.
func (a *agent) audit() (all []audited) {
	a.t.Helper()
	f, err := os.Open(a.data("backups", auditFile))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var one audited
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			a.t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		all = append(all, one)
	}
	return all
}

// refusalsOf lists the codes of the refusals in a document of --json, in its order.
func refusalsOf(t *testing.T, document map[string]any) (codes []string) {
	t.Helper()
	found, _ := document["findings"].([]any)
	for _, f := range found {
		if m := f.(map[string]any); m["level"] == "refusal" {
			codes = append(codes, m["code"].(string))
		}
	}
	return slices.Compact(codes)
}

// receiptDir returns the name of the folder of the newest restore.
func (a *agent) receiptDir() string {
	a.t.Helper()
	entries, err := os.ReadDir(a.data(".keepsake", "restores"))
	if err != nil || len(entries) == 0 {
		a.t.Fatalf("no restore: %v", err)
	}
	return entries[len(entries)-1].Name()
}

// secretFree fails the test if a file of the data folder holds the text.
func (a *agent) secretFree(text string) {
	a.t.Helper()
	for name := range tree(a.t, a.data()) {
		if strings.Contains(readFile(a.t, filepath.Join(a.data(), name)), text) {
			a.t.Errorf("%s holds the token", name)
		}
	}
}
