package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepsake/internal/bundle"
	"keepsake/internal/cli"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/flat"
	"keepsake/internal/store/graph"
)

// dimension is small: what these tests are about is not the embeddings' length.
const dimension = 16

// agent is an agent's memory in a folder of the test's own, on a real Chroma.
type agent struct {
	t    *testing.T
	home string // the work tree; the data folder is in it
	env  map[string]string
	// clock goes on by a second with each command, so that no two bundles of a
	// test have one name.
	clock time.Time
	// realTime takes the machine's clock instead: processes beside have it as well.
	realTime bool
	// disk is what bundles are written to, nil for the real one.
	disk bundle.FS
	// host is the machine that the agent is on.
	host keeper.Host
	// kb and mc are the servers, the same one when unified.
	kb, mc server
}

// server is one database of a running Chroma. With a front, that is what keepsake
// is told of; the test itself talks to the server.
type server struct {
	*chromatest.Server
	database string
	front    *chromatest.FaultProxy
}

// result is what a command printed and how it ended.
type result struct {
	code           int
	stdout, stderr string
}

// newAgent returns an agent without a memory yet. Unified takes a database of
// the test binary's server; federated starts a second server beside it.
func newAgent(t *testing.T, unified bool) *agent {
	t.Helper()
	shared := chromatest.Shared(t)
	other := shared
	if !unified {
		other = chromatest.Start(t)
	}
	a := bare(t)
	a.kb.Server, a.mc.Server = shared, other
	a.freshDatabases()
	return a
}

// freshDatabases gives the agent empty databases on its servers.
func (a *agent) freshDatabases() {
	a.t.Helper()
	a.kb = server{Server: a.kb.Server, database: a.kb.Database(a.t)}
	if a.unified() {
		a.mc = a.kb
	} else {
		a.mc = server{Server: a.mc.Server, database: a.mc.Database(a.t)}
	}
	a.point()
}

func (a *agent) unified() bool { return a.kb.Server == a.mc.Server }

// point tells keepsake where the servers are.
func (a *agent) point() {
	a.env["KEEPSAKE_KB_CHROMA"] = a.kb.store()
	if a.unified() {
		a.env["NEO_CHROMA_UNIFIED"] = "true"
		return
	}
	a.env["NEO_CHROMA_UNIFIED"] = "false"
	a.env["KEEPSAKE_MC_CHROMA"] = a.mc.store()
}

// behind puts a proxy between keepsake and KB's server, which is MC's as well
// when unified, or MC's alone.
func (a *agent) behind(s *server, decide func(chromatest.Request) chromatest.Fault) *chromatest.FaultProxy {
	a.t.Helper()
	s.front = chromatest.Proxy(a.t, s.Server, decide)
	a.point()
	return s.front
}

// sub runs a part of a test on the same memory. Proxies end with it.
func (a *agent) sub(name string, f func(t *testing.T)) {
	a.t.Helper()
	outer := a.t
	outer.Run(name, func(t *testing.T) {
		a.t = t
		defer func() {
			a.t = outer
			if a.kb.Server != nil {
				a.kb.front, a.mc.front = nil, nil
				a.point()
			}
		}()
		f(t)
	})
}

// bare returns an agent without a server.
func bare(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, home: t.TempDir(), env: map[string]string{}, host: keeper.Host{MachineID: testMachine}, clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	a.mkdir(a.data())
	return a
}

func (s server) store() string {
	address := s.URL()
	if s.front != nil {
		address = s.front.URL()
	}
	return "chroma:" + address + "/default_tenant/" + url.PathEscape(s.database)
}

func (a *agent) data(parts ...string) string {
	return filepath.Join(append([]string{a.home, ".neo-ai-data"}, parts...)...)
}

func (a *agent) mkdir(path string) {
	a.t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		a.t.Fatal(err)
	}
}

func (a *agent) write(path, text string) {
	a.t.Helper()
	a.mkdir(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// run carries out a command as a process of its own would.
func (a *agent) run(args ...string) result {
	a.t.Helper()
	return a.runIn(a.t.Context(), args...)
}

func (a *agent) runIn(ctx context.Context, args ...string) result {
	a.t.Helper()
	a.clock = a.clock.Add(time.Second)
	if a.realTime {
		a.clock = time.Now()
	}
	began, start := time.Now(), a.clock
	var stdout, stderr bytes.Buffer
	env := maps.Clone(a.env)
	code := cli.Run(ctx, cli.Process{
		Args: args, Dir: a.home,
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Now:       func() time.Time { return start.Add(time.Since(began)) },
		Stdin:     strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, FS: a.disk,
		Host: func() keeper.Host { return a.host },
	})
	return result{code, stdout.String(), stderr.String()}
}

// must runs a command that has to end with code.
func (a *agent) must(code int, args ...string) result {
	a.t.Helper()
	r := a.run(args...)
	if r.code != code {
		a.t.Fatalf("keepsake %s: got exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// rows is how many records a test's memory has of each section.
func rows() map[memory.Section]int {
	return map[memory.Section]int{
		memory.KnowledgeBase: 60, memory.Memories: 40, memory.Summaries: 6, memory.Graph: 50,
		sample.ConceptNodes: 5, sample.ConceptEdges: 4, memory.TrajectoryLog: 3, memory.MailboxSentToCull: 2,
	}
}

// remember fills the memory, or the sections named, with the sample.
func (a *agent) remember(sections ...memory.Section) {
	a.t.Helper()
	for _, spec := range sample.Sections() {
		n, wanted := rows()[spec.Name], len(sections) == 0
		for _, s := range sections {
			wanted = wanted || s == spec.Name
		}
		if wanted {
			a.put(spec, n)
		}
	}
}

func (a *agent) put(spec memory.SectionSpec, n int) {
	a.t.Helper()
	spec.Rows, spec.Dimension = int64(n), dimension
	if spec.Kind != memory.Vectors {
		spec.Dimension = 0
	}
	records := sample.Records(spec.Name, n, dimension, 1)
	result, err := a.target(spec.Name).Merge(a.t.Context(), spec, records, store.MergeOptions{})
	if err != nil || !result.Complete() {
		a.t.Fatalf("fill %s: %+v, %v", spec.Name, result, err)
	}
}

type readWriter interface {
	store.Store
	store.Target
}

// target is where a section lives, past keepsake's own wiring.
func (a *agent) target(section memory.Section) readWriter {
	a.t.Helper()
	switch section.Subsystem() {
	case memory.KB:
		return a.chroma(a.kb)
	case memory.MC:
		return a.chroma(a.mc)
	case memory.GraphSystem:
		return graph.New(graph.Config{Path: a.data("sqlite", "memory-core-graph.sqlite")})
	}
	return flat.New(flat.Config{Sources: []flat.Source{
		{Subsystem: memory.Concepts, Path: a.data("concepts"), Keyed: true},
		{Subsystem: memory.Trajectories, Name: "trajectories", Path: a.data("datasets", "rlaif", "trajectories.jsonl")},
		{Subsystem: memory.Mailbox, Name: "sent-to-cull", Path: a.data("sqlite", "sent-to-cull.jsonl")},
	}})
}

func (a *agent) chroma(s server) *chroma.Server {
	a.t.Helper()
	return a.chromaWith(s, collectionNames())
}

// chromaOf is a section in a collection of another name.
func (a *agent) chromaOf(s server, section memory.Section, collection string) *chroma.Server {
	a.t.Helper()
	return a.chromaWith(s, map[memory.Section]string{section: collection})
}

func (a *agent) chromaWith(s server, names map[memory.Section]string) *chroma.Server {
	a.t.Helper()
	c, err := chroma.New(chroma.Config{BaseURL: s.URL(), Database: s.database, Collections: names})
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func collectionNames() map[memory.Section]string {
	return map[memory.Section]string{
		memory.KnowledgeBase: "neo-knowledge-base", memory.Memories: "neo-agent-memory", memory.Summaries: "neo-agent-sessions",
	}
}

// forget loses everything but the bundles.
func (a *agent) forget() {
	a.t.Helper()
	a.freshDatabases()
	a.forgetFiles()
}

func (a *agent) forgetFiles() {
	a.t.Helper()
	for _, name := range []string{"sqlite", "concepts", "datasets", ".keepsake"} {
		if err := os.RemoveAll(a.data(name)); err != nil {
			a.t.Fatal(err)
		}
	}
}

// json runs a command with --json and returns its document.
func (a *agent) json(code int, args ...string) map[string]any {
	a.t.Helper()
	r := a.must(code, append(args, "--json")...)
	var out map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil {
		a.t.Fatalf("keepsake %s --json: %v\n%s", strings.Join(args, " "), err, r.stdout)
	}
	return out
}
