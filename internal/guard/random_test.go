package guard_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// T11: 200,000 random descriptors × environment × token on a small real tree.
// None is allowed without both factors unless it is proved disposable, by a
// second reading of the rules that shares nothing with the guard's.
func TestT11_RandomDescriptors(t *testing.T) {
	const shards = 4
	rounds := 200_000 / shards
	if testing.Short() {
		rounds /= 10
	}
	tree, seed := newTree(t), uint64(time.Now().UnixNano())
	for shard := range uint64(shards) {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d, %d", seed, shard)
			newWorld(t, tree, rand.New(rand.NewPCG(seed, shard))).run(t, rounds)
		})
	}
}

func (w *world) run(t *testing.T, rounds int) {
	var disposable, both, refused int
	for i := range rounds {
		d := w.descriptor()
		_, err := w.bench.AssertDestructiveTargetAllowed(context.Background(), d.req)
		w.bench.audit.Reset()
		switch want := d.disposable || (d.both && d.resolvable); {
		case err == nil && !d.disposable && !d.both:
			t.Fatalf("round %d: allowed without both factors: %s %s", i, d.req.Operation, d.req.Target)
		case (err == nil) != want:
			t.Fatalf("round %d: allowed = %v, want %v: %s %s: %v", i, err == nil, want, d.req.Operation, d.req.Target, err)
		case err == nil && d.disposable:
			disposable++
		case err == nil:
			both++
		default:
			refused++
		}
	}
	t.Logf("disposable %d, both factors %d, refused %d", disposable, both, refused)
	if least := rounds / 50; min(disposable, both, refused) < least {
		t.Errorf("one of these is less than %d: this test tests nothing", least)
	}
}

// drawn is a request with what the test knows of it.
type drawn struct {
	req        guard.Request
	disposable bool // proved, by the test's own reading
	resolvable bool // it can be said what it is
	both       bool // both factors are there, for this very target
}

// tree is real, and has all that has misled a guard before.
type tree struct {
	temp                 string
	bases, parts, marked []string
	other                guard.Target
}

func newTree(t *testing.T) tree {
	temp, away := scratch(t), elsewhere(t)
	tree := tree{temp: temp}
	for _, root := range []string{temp, away} {
		write(t, "x", root, "plain.sqlite")
		write(t, "x", root, "test", "deep", "x.jsonl")
		write(t, "x", root, ".neo-ai-data", "sqlite", "memory-core-graph.sqlite")
		write(t, "x", root, "UNIT_TEST_MODE", ".Neo-AI-Data", "plain.sqlite")
		hardLinked(t, root)
		link(t, "loop", root, "loop")
		link(t, "test/deep", root, "near")
		link(t, "../../../../etc", root, "test", "etc")
		link(t, "nothing/there", root, "dangling")
		dir := folder(t, root, "demo")
		if err := guard.MarkFolder(dir); err != nil {
			t.Fatal(err)
		}
		tree.marked = append(tree.marked, dir)
		text, err := os.ReadFile(filepath.Join(dir, guard.FolderMark))
		if err != nil {
			t.Fatal(err)
		}
		write(t, string(text), root, "copied", guard.FolderMark)
	}
	link(t, away, temp, "out")
	link(t, temp, away, "back")
	link(t, away+"/new", temp, "danglingout")
	link(t, "/", temp, "root")
	tree.bases = []string{temp, temp, temp, away, away, temp + "/test", temp + "/out", away + "/back", "/tmp", "/etc", "/", "/TMP", "", "."}
	tree.parts = []string{
		"plain.sqlite", "test", "deep", "x.jsonl", ".neo-ai-data", ".NEO-AI-DATA", "sqlite", "memory-core-graph.sqlite", "UNIT_TEST_MODE",
		".Neo-AI-Data", "linked", "loop", "near", "etc", "hosts", "dangling", "demo", "copied", "out", "back", "danglingout", "root", "tmp",
		"..", "..", ".", "", "new", "new.sqlite", "TEST", "a\x00b", strings.TrimPrefix(temp, "/"),
	}
	tree.other = at(memory.KindGraph, "/etc/passwd")
	return tree
}

// world draws from a tree.
type world struct {
	*rand.Rand
	tree
	bench *bench
	spent guard.Token
	drawn []string
	known map[string]reading // the tree doesn't change, so each path is read once
}

// reading is what the test itself makes of a path. Foreign is what others have in
// the temporary folder, of which it knows nothing.
type reading struct{ resolvable, disposable, foreign bool }

func newWorld(t *testing.T, tree tree, random *rand.Rand) *world {
	w := &world{Rand: random, tree: tree, bench: newBench(t).allow(), known: map[string]reading{}}
	used := w.bench.confirmed(t, requestFor(tree.other))
	if _, err := w.bench.ask(t, used); err != nil {
		t.Fatal(err)
	}
	w.spent = used.Confirmation.Token
	return w
}

func pick[T any](w *world, from []T) T { return from[w.IntN(len(from))] }

// descriptor draws a target and the factors that come with it.
func (w *world) descriptor() drawn {
	var d drawn
	if w.IntN(3) == 0 {
		d = w.server()
	} else {
		d = w.path()
	}
	d.both = w.factors(&d.req)
	return d
}

func (w *world) server() drawn {
	host := pick(w, []string{"localhost", "127.0.0.1", "[::1]", "[2001:db8::7]", "[fe80::1%25eth0]", "[::ffff:10.0.0.1]", "chroma.prod.example", "test", "[::1", "", "u:p@h", "tmp"})
	port := pick(w, []string{"", ":8000", ":8001", ":49152", ":0", ":65536", ":http", ":1"})
	address := pick(w, []string{"http://", "https://", "HTTP://", "", "file://"}) + host + port + pick(w, []string{"", "/", "/tmp", "?x", "#x"})
	id := pick(w, []string{"id-1", "id-2", ""})
	own := pick(w, []string{"id-1", "id-2", ""})
	text := pick(w, []string{"", "true", mark(guard.MarkDisposable, own, "", false), mark(guard.MarkAside, own, "p", true)})
	l := memory.Locator{Kind: memory.KindChroma, Address: address, Path: pick(w, []string{"", "/tmp/x"}), Collection: pick(w, []string{"neo-knowledge-base", "test", ""}), CollectionID: id}
	target := newTarget(l, &witness{id: id, mark: text})
	bad := host == "" || strings.ContainsAny(host, "@%") && !strings.HasPrefix(host, "[fe80") || host == "[::1" || port == ":0" || port == ":65536" || port == ":http" ||
		!strings.HasPrefix(strings.ToLower(address), "http") || strings.ContainsAny(address, "?#") || l.Collection == ""
	return drawn{
		req:        requestFor(target),
		resolvable: !bad,
		disposable: !bad && id != "" && own == id && strings.Contains(text, `"disposable"`),
	}
}

// draw returns a new path, or one that was drawn before: with another kind, other
// factors and another token it is another descriptor.
func (w *world) draw() string {
	if len(w.drawn) > 0 && w.IntN(2) == 0 {
		return pick(w, w.drawn)
	}
	if w.IntN(50) == 0 {
		return ":memory:"
	}
	path := pick(w, w.bases)
	for range w.IntN(5) {
		part := pick(w, w.parts)
		if w.IntN(20) == 0 {
			part = strings.ToUpper(part)
		}
		path += "/" + part
	}
	w.drawn = append(w.drawn, path)
	return path
}

func (w *world) path() drawn {
	kind := pick(w, []string{memory.KindGraph, memory.KindCollections, memory.KindFiles})
	path := w.draw()
	r := w.read(path)
	for r.foreign {
		path = w.draw()
		r = w.read(path)
	}
	d := drawn{req: requestFor(at(kind, path)), resolvable: r.resolvable, disposable: r.disposable}
	if path == ":memory:" && kind != memory.KindFiles {
		d.resolvable, d.disposable = true, true
	}
	return d
}

func (w *world) read(path string) reading {
	r, known := w.known[path]
	if !known {
		goal, ok := settle(path)
		r.resolvable, r.foreign = ok, ok && temporary(goal) && !strings.HasPrefix(goal, w.temp)
		r.disposable = ok && w.provedDisposable(path, goal)
		w.known[path] = r
	}
	return r
}

func temporary(path string) bool {
	return strings.HasPrefix(path, "/tmp/") || strings.HasPrefix(path, "/var/tmp/")
}

// settle says where a path leads, the plain way: the standard library resolves
// the longest beginning that is there, and the rest is taken as written.
func settle(path string) (string, bool) {
	if !filepath.IsAbs(path) || strings.Contains(path, "\x00") {
		return "", false
	}
	head, tail, whole := path, "", true
	for range 100 {
		if goal, err := filepath.EvalSymlinks(head); err == nil {
			info, err := os.Stat(head) // "file/" is refused by the system too
			if err != nil || (!whole && !info.IsDir()) || strings.Contains("/"+tail+"/", "/../") {
				return "", false
			}
			return filepath.Join(goal, tail), true
		}
		cut := strings.LastIndexByte(head, '/')
		if goal, err := os.Readlink(head); err == nil {
			if head == goal || filepath.Base(head) == goal {
				return "", false // the loop
			}
			if !filepath.IsAbs(goal) {
				goal = head[:cut+1] + goal
			}
			head = goal
			continue
		}
		if tail == "" {
			tail = head[cut+1:]
		} else {
			tail = head[cut+1:] + "/" + tail
		}
		head, whole = head[:max(cut, 1)], false
	}
	return "", false
}

func (w *world) provedDisposable(path, goal string) bool {
	neo := func(p string) bool { return strings.Contains(strings.ToLower(p)+"/", "/.neo-ai-data/") }
	if neo(path) || neo(goal) {
		return false
	}
	info, err := os.Lstat(goal)
	if err == nil && (info.Mode()&(os.ModeDevice|os.ModeSocket|os.ModeNamedPipe) != 0 || strings.HasPrefix(filepath.Base(goal), "linked")) {
		return false
	}
	if slices.Contains(w.marked, goal) {
		return true
	}
	if !temporary(goal) {
		return false
	}
	return err != nil || !info.IsDir() || !holdsNeo(goal)
}

func holdsNeo(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.EqualFold(e.Name(), ".neo-ai-data") || e.IsDir() && holdsNeo(filepath.Join(dir, e.Name()))
	})
}

// factors draws the environment and the token, and reports whether both are good.
func (w *world) factors(req *guard.Request) bool {
	value := pick(w, []string{"true", "true", "true", "TRUE", "1", "", "true ", "false"})
	w.bench.Environment = environment(map[string]string{pick(w, []string{guard.EnvAllow, guard.EnvAllowSubstrate}): value})
	w.bench.clock = start
	w.bench.Ledger = memoryLedger{}
	plan := agreement("plan-x", req.Target)
	switch w.IntN(8) {
	case 0:
		return false // no token
	case 1:
		req.Confirmation = guard.Confirmation{Token: w.spent, Agreement: plan}
		return false // of another ledger
	case 2:
		req.Confirmation = guard.Confirmation{Token: w.issue(agreement("", w.other)), Agreement: plan}
		return false // for another target
	case 3:
		req.Confirmation = guard.Confirmation{Token: w.issue(plan), Agreement: plan}
		w.bench.clock = start.Add(16 * time.Minute)
		return false // too late
	case 4:
		req.Confirmation = guard.Confirmation{Token: w.issue(plan), Agreement: plan}
		req.Confirmation.Agreement.Bundle = "another"
		return false
	case 5:
		req.Confirmation = guard.Confirmation{Agreement: plan}
		return false // says that it is being finished
	}
	req.Confirmation = guard.Confirmation{Token: w.issue(plan), Agreement: plan}
	return value == "true"
}

// issue gives the zero token for what no token is issued for.
func (w *world) issue(a guard.Agreement) guard.Token {
	nonce := make([]byte, 20)
	for i := range nonce {
		nonce[i] = byte(w.Uint32())
	}
	token, _, _ := w.bench.Issue(bytes.NewReader(nonce), a)
	return token
}
