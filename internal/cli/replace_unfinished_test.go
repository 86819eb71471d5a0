package cli_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// cut is a replace that failed at a step, and the command that would go on.
type cut struct {
	*agent
	bundle string
	args   []string
	before records // what lived
	want   records // what the bundle holds
	broken *atomic.Bool
}

// cutShort replaces a memory and has the server fail at a step.
func cutShort(t *testing.T, at func(chromatest.Request) bool) *cut {
	t.Helper()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph)
	c := &cut{agent: a, want: a.digests(), broken: new(atomic.Bool)}
	c.bundle = a.backup("--only", "mc,graph")
	a.changesMemories()
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	c.before = a.digests()
	a.kb.front = chromatest.Proxy(t, a.kb.Server, func(r chromatest.Request) chromatest.Fault {
		if c.broken.Load() && at(r) {
			return chromatest.Fault{Status: 503, RetryAfter: "3600"}
		}
		return chromatest.Fault{}
	})
	a.point()
	c.args = []string{"restore", c.bundle, "--mode", "replace", "--force"}
	token := a.token(c.args...)
	a.env[allowed] = "true"
	c.broken.Store(true)
	r := a.run(append(c.args, "--confirm", token)...)
	c.broken.Store(false)
	delete(a.env, allowed)
	if r.code == 0 {
		t.Fatalf("got exit code 0 though a step failed\n%s", r.stdout)
	}
	return c
}

// part is a sub-test that leaves the server behind its front.
func (c *cut) part(name string, f func(t *testing.T)) {
	c.t.Helper()
	outer := c.t
	outer.Run(name, func(t *testing.T) {
		c.t = t
		defer func() { c.t = outer }()
		f(t)
	})
}

// waits runs a command that has to end with code and to leave every collection, row
// and file as it is, while nobody can read the section itself.
func (c *cut) waits(code int, args ...string) result {
	c.t.Helper()
	before := c.seen()
	r := c.must(code, args...)
	same(c.t, "what lives", c.seen(), before)
	return r
}

func (c *cut) seen() map[string]string {
	c.t.Helper()
	all := tree(c.t, c.data())
	maps.DeleteFunc(all, func(name, _ string) bool {
		return strings.HasSuffix(name, auditFile) || strings.Contains(name, "/tokens/")
	})
	var found []map[string]any
	c.mc.Call(c.t, http.MethodGet, chromatest.Collections(c.mc.database), nil, &found)
	for _, f := range found {
		var rows map[string]any
		c.mc.Call(c.t, http.MethodPost, fmt.Sprintf("%s/%v/get", chromatest.Collections(c.mc.database), f["id"]), map[string]any{}, &rows)
		all[fmt.Sprint("collection ", f["name"])] = fmt.Sprint(f["id"], f["metadata"], rows)
	}
	return all
}

// others are the commands that an unfinished swap is in the way of.
func (c *cut) others() map[string][]string {
	return map[string][]string{
		"backup":        {"backup", "--only", "mc,graph"},
		"merge":         {"restore", c.bundle},
		"other replace": {"restore", c.bundle, "--mode", "replace", "--force", "--only", "mc"},
		"other plan":    {"restore", c.bundle, "--mode", "replace", "--force", "--only", "mc", "--plan"},
		"undo":          {"undo"},
		"undo's plan":   {"undo", "--plan"},
	}
}

// TestUnfinishedSwap: what is between the old and the new one is in the way of every
// command that would read or write it, and of no other; the same command ends it,
// or --resume, without a new token, however late.
func TestUnfinishedSwap(t *testing.T) {
	t.Parallel()
	c := cutShort(t, movesIn)
	for name, args := range c.others() {
		c.part(name, func(t *testing.T) {
			c.allows()
			r := c.waits(11, args...)
			says(t, r.stderr, " began to replace this memory and has not ended\n  keepsake restore --resume finishes it")
		})
	}
	c.part("looking", func(*testing.T) {
		for _, args := range [][]string{{"list"}, {"show", c.bundle}, {"verify", c.bundle}, {"config", "show"}} {
			c.waits(0, args...)
		}
	})
	c.part("the same, looking", func(t *testing.T) {
		c.allows()
		r := c.waits(0, append(c.args, "--dry-run")...) // as the run would end
		says(t, r.stderr, "going on with plan ")
		says(t, c.waits(11, append(c.args, "--plan")...).stderr, "--resume finishes it")
	})
	c.part("without the environment", func(t *testing.T) {
		says(t, c.waits(7, "restore", "--resume").stderr, "the environment does not allow destroying production")
		c.waits(7, c.args...)
	})
	c.part("resume", func(t *testing.T) {
		c.allows()
		c.clock = c.clock.Add(48 * time.Hour) // the token expired long ago
		r := c.must(0, "restore", "--resume")
		says(t, r.stderr, "going on with plan ")
		sameDigests(t, c.digests(), c.want)
		says(t, c.must(0, "restore", "--resume").stdout, "Nothing to resume: no replace is unfinished.")
		expect(t, c.json(0, "restore", "--resume"), false, "resumed")
		c.must(0, "backup", "--only", "mc,graph")
	})
	c.part("undo afterwards", func(t *testing.T) {
		c.confirmed(0, "undo")
		sameDigests(t, c.digests(), c.before)
	})
}

// TestUnfinishedUndo: an undo that was cut short is gone on with by the same command,
// and by --resume.
func TestUnfinishedUndo(t *testing.T) {
	c := cutShort(t, movesIn)
	c.env[allowed] = "true"
	c.must(0, "restore", "--resume")
	for name, again := range map[string][]string{"same command": {"undo"}, "resume": {"restore", "--resume"}} {
		c.part(name, func(t *testing.T) {
			token := c.token("undo")
			c.broken.Store(true)
			if r := c.run("undo", "--confirm", token); r.code == 0 {
				t.Fatalf("got exit code 0 though a step failed\n%s", r.stdout)
			}
			c.broken.Store(false)
			says(t, c.waits(11, "backup", "--only", "mc,graph").stderr, "keepsake restore --resume finishes it")
			c.waits(11, c.args...)
			c.must(0, again...)
			sameDigests(t, c.digests(), c.before)
			token = c.token(c.args...)
			c.must(0, append(c.args, "--confirm", token)...)
		})
	}
}

// TestCutShortBeforeTheSwap: a replace of which nothing was committed is in nobody's
// way; another one takes over once it has leave itself.
func TestCutShortBeforeTheSwap(t *testing.T) {
	c := cutShort(t, makesShadow)
	sameDigests(t, c.digests(), c.before)
	token := c.token(c.others()["other replace"]...) // shows, and gives up nothing
	c.part("others", func(*testing.T) {
		c.must(0, "backup", "--only", "mc,graph")
		c.must(0, "restore", c.bundle, "--only", "mc/summaries")
		c.stays(10, "undo", "--plan")
		c.stays(7, c.others()["other replace"]...)
	})
	c.part("refused ones give it up not", func(t *testing.T) {
		c.allows()
		r := c.must(0, append(slices.Clone(c.args), "--dry-run")...)
		says(t, r.stderr, "going on with plan ")
	})
	c.part("another", func(t *testing.T) {
		c.allows()
		c.must(0, append(c.others()["other replace"], "--confirm", token)...)
		says(t, c.must(0, "restore", "--resume").stdout, "Nothing to resume")
		c.must(7, c.args...) // its token was used
	})
}

// TestSwapWithoutItsJournal: the target itself says that a swap is unfinished, also
// when what lay in the data folder is lost.
func TestSwapWithoutItsJournal(t *testing.T) {
	c := cutShort(t, movesIn)
	remove(t, c.data(".keepsake", "restores"))
	for name, args := range c.others() {
		if strings.HasPrefix(name, "undo") {
			continue // there is no receipt
		}
		c.part(name, func(t *testing.T) {
			c.allows()
			says(t, c.waits(11, args...).stderr, "plan ", "restore --resume")
		})
	}
	c.part("resume", func(t *testing.T) {
		c.allows()
		r := c.waits(11, "restore", "--resume")
		says(t, r.stderr, "began to replace chroma:", "and has not ended, and what it was is not in")
	})
}
