package guard_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

func mark(kind guard.MarkKind, id, plan string, finished bool) string {
	return guard.Mark{Kind: kind, ID: id, Plan: plan, Finished: finished}.Encode()
}

// Every class by what proves it. None of these requests has a factor.
func TestClassOfPath(t *testing.T) {
	temp, away := scratch(t), elsewhere(t)
	graph := write(t, "x", temp, "graph.sqlite")
	if err := os.Link(write(t, "x", temp, "one.sqlite"), filepath.Join(temp, "two.sqlite")); err != nil {
		t.Fatal(err)
	}
	write(t, "x", away, "graph.sqlite")
	write(t, "x", away, "in", "graph.sqlite")
	write(t, "x", temp, ".neo-ai-data", "graph.sqlite")
	write(t, "x", temp, ".Neo-AI-Data", "graph.sqlite")
	write(t, "x", temp, "holds", "deep", ".neo-ai-data", "x")
	write(t, "x", temp, "fine", "deep", "x")

	for name, c := range map[string]struct {
		path string
		want guard.Class
	}{
		"file in /tmp":                       {graph, guard.Disposable},
		"file that is not there":             {temp + "/new.sqlite", guard.Disposable},
		"folders that are not there":         {temp + "/a/b/new.sqlite", guard.Disposable},
		"dots":                               {temp + "/./fine//deep/../../graph.sqlite", guard.Disposable},
		"folder in /tmp":                     {temp + "/fine", guard.Disposable},
		"in memory":                          {":memory:", guard.Disposable},
		"link within /tmp":                   {link(t, "graph.sqlite", temp, "near") + "", guard.Disposable},
		"link to a new file in /tmp":         {link(t, "new.sqlite", temp, "soon"), guard.Disposable},
		"file elsewhere":                     {away + "/graph.sqlite", guard.Production},
		"new file elsewhere":                 {away + "/new.sqlite", guard.Production},
		"dots out of /tmp":                   {temp + "/../../etc/hosts", guard.Production},
		"/tmp itself":                        {"/tmp", guard.Production},
		"/tmp/. itself":                      {temp + "/..", guard.Production},
		"beside /tmp":                        {"/tmpfile", guard.Production},
		"root":                               {"/", guard.Production},
		"/var":                               {"/var", guard.Production},
		"/var/tmp itself":                    {"/var/tmp", guard.Production},
		"two names":                          {temp + "/two.sqlite", guard.Production},
		"device":                             {"/dev/null", guard.Production},
		"link out of /tmp":                   {link(t, filepath.Join(away, "graph.sqlite"), temp, "far"), guard.Production},
		"link to a folder out of /tmp":       {link(t, away, temp, "out") + "/graph.sqlite", guard.Production},
		"parent of a link's goal":            {link(t, away+"/in", temp, "in") + "/../graph.sqlite", guard.Production},
		"new file behind a link out":         {temp + "/out/new.sqlite", guard.Production},
		"link to a new file out of /tmp":     {link(t, away+"/new.sqlite", temp, "later"), guard.Production},
		"link into /tmp":                     {link(t, graph, away, "back"), guard.Disposable},
		".neo-ai-data":                       {temp + "/.neo-ai-data/graph.sqlite", guard.Production},
		".Neo-AI-Data":                       {temp + "/.Neo-AI-Data/graph.sqlite", guard.Production},
		".neo-ai-data not there yet":         {temp + "/new/.NEO-AI-DATA/graph.sqlite", guard.Production},
		".neo-ai-data as the first new part": {temp + "/fine/.neo-ai-data", guard.Production},
		"link to .neo-ai-data":               {link(t, temp+"/.neo-ai-data", temp, "data") + "/graph.sqlite", guard.Production},
		"link called .neo-ai-data":           {link(t, temp, folder(t, away, "home"), ".neo-ai-data") + "/graph.sqlite", guard.Production},
		"folder with .neo-ai-data in it":     {temp + "/holds", guard.Production},
		"relative":                           {"graph.sqlite", guard.Unknown},
		"empty":                              {"", guard.Unknown},
		"zero byte":                          {temp + "/a\x00b", guard.Unknown},
		"link to itself":                     {link(t, "loop", temp, "loop"), guard.Unknown},
		"dots behind what isn't there":       {temp + "/none/../graph.sqlite", guard.Unknown},
		"file taken for a folder":            {graph + "/x", guard.Unknown},
		"magic link":                         {"/proc/self/root" + graph, guard.Disposable},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS != "linux" && strings.HasPrefix(c.path, "/proc") {
				t.Skip("no /proc here")
			}
			kind := memory.KindGraph
			if info, err := os.Stat(c.path); err == nil && info.IsDir() {
				kind = memory.KindFiles
			}
			b, req := newBench(t), requestFor(at(kind, c.path))
			got, why := b.Classify(req.Target)
			if got != c.want {
				t.Fatalf("class = %s (%s), want %s", got, why, c.want)
			}
			permit, err := b.ask(t, req)
			switch c.want {
			case guard.Disposable:
				wantAllowed(t, permit, err, c.want, req)
			case guard.Unknown:
				wantRefused(t, err, c.want, guard.ErrUnknownTarget)
			default:
				wantRefused(t, err, c.want, guard.ErrNoEnvironment)
				wantRefused(t, err, c.want, guard.ErrNoToken)
			}
		})
	}
}

// A folder that can't be looked through to its end may hold anything, and
// nothing opens it.
func TestClassOfFolderThatCannotBeLookedThrough(t *testing.T) {
	ask := func(t *testing.T, dir string) error {
		t.Helper()
		b := newBench(t).allow()
		_, err := b.ask(t, b.confirmed(t, requestFor(at(memory.KindFiles, dir))))
		return err
	}
	t.Run("too much", func(t *testing.T) {
		dir := scratch(t)
		for i := range 9_999 { // the folder itself counts
			write(t, "", dir, strconv.Itoa(i))
		}
		if err := ask(t, dir); err != nil {
			t.Errorf("got %v, want allowed", err)
		}
		write(t, "", dir, "one more")
		wantRefused(t, ask(t, dir), guard.Unknown, guard.ErrUnknownTarget)
	})
	t.Run("too deep", func(t *testing.T) {
		dir := scratch(t)
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 { // together longer than a path may be
			name := strings.Repeat("d", 200)
			if err := root.Mkdir(name, 0o700); err != nil {
				t.Fatal(err)
			}
			next, err := root.OpenRoot(name)
			if err := errors.Join(err, root.Close()); err != nil {
				t.Fatal(err)
			}
			root = next
		}
		if err := root.Close(); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, ask(t, dir), guard.Unknown, guard.ErrUnknownTarget)
	})
}

// The patterns of every system.
func TestMatchFolder(t *testing.T) {
	const user = "/private/var/folders/*/*/T"
	for _, c := range []struct{ pattern, path, want string }{
		{"/tmp", "/tmp/x", "/tmp"},
		{"/tmp", "/tmp/x/y", "/tmp"},
		{"/tmp", "/tmp", ""},
		{"/tmp", "/tmpx/y", ""},
		{"/tmp", "/", ""},
		{"/var/tmp", "/var", ""},
		{"/var/tmp", "/var/lib/x", ""},
		{user, "/private/var/folders/ab/c_d/T/x", "/private/var/folders/ab/c_d/T"},
		{user, "/private/var/folders/ab/c_d/T", ""},
		{user, "/private/var/folders/ab/c_d/C/x", ""},
		{user, "/private/var/folders/ab/c_d/x/T/y", ""},
		{user, "/private/var/folders/ab", ""},
		{user, "/var/folders/ab/c_d/T/x", ""},
	} {
		got, ok := guard.MatchFolder(filepath.FromSlash(c.pattern), filepath.FromSlash(c.path))
		if got != filepath.FromSlash(c.want) || ok != (c.want != "") {
			t.Errorf("MatchFolder(%q, %q) = %q, %v, want %q", c.pattern, c.path, got, ok, c.want)
		}
	}
}

func TestClassOfSpecialFile(t *testing.T) {
	socket := filepath.Join(scratch(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skipf("no sockets here: %v", err)
	}
	defer l.Close()
	if got, why := newBench(t).Classify(at(memory.KindGraph, socket)); got != guard.Production {
		t.Errorf("class = %s (%s), want production", got, why)
	}
}

func TestClassOfServer(t *testing.T) {
	const id = "0b4c8a52-6a4f-4b0e-9c5e-6d1a5f0f7d11"
	for name, c := range map[string]struct {
		address, id, mark string
		want              guard.Class
	}{
		"loopback":               {"http://127.0.0.1:49152", id, "", guard.Production},
		"IPv6 loopback":          {"http://[::1]:49152", id, "", guard.Production},
		"IPv6 zone":              {"http://[fe80::1%25eth0]:49152", id, "", guard.Production},
		"test in the name":       {"http://unit-test.localhost:1", id, "", guard.Production},
		"default port":           {"https://chroma.example", id, "", guard.Production},
		"no collection yet":      {"http://127.0.0.1:49152", "", "", guard.Production},
		"mark of its own":        {"http://127.0.0.1:49152", id, mark(guard.MarkDisposable, id, "", false), guard.Disposable},
		"mark of another":        {"http://127.0.0.1:49152", id, mark(guard.MarkDisposable, "other", "", false), guard.Production},
		"mark of nobody":         {"http://127.0.0.1:49152", "", mark(guard.MarkDisposable, "", "", false), guard.Production},
		"mark that is no JSON":   {"http://127.0.0.1:49152", id, "{\"kind\":\"disposable\",\"id\":\"" + id, guard.Production},
		"mark of another shape":  {"http://127.0.0.1:49152", id, `{"kind":"disposable","id":"` + id + `","plan":1}`, guard.Production},
		"mark true":              {"http://127.0.0.1:49152", id, "true", guard.Production},
		"mark of no kind":        {"http://127.0.0.1:49152", id, mark("", id, "p", true), guard.Production},
		"aside, plan finished":   {"http://127.0.0.1:49152", id, mark(guard.MarkAside, id, "p", true), guard.Own},
		"shadow, plan finished":  {"http://127.0.0.1:49152", id, mark(guard.MarkShadow, id, "p", true), guard.Own},
		"aside, plan unfinished": {"http://127.0.0.1:49152", id, mark(guard.MarkAside, id, "p", false), guard.Production},
		"aside of no plan":       {"http://127.0.0.1:49152", id, mark(guard.MarkAside, id, "", true), guard.Production},
		"aside of another":       {"http://127.0.0.1:49152", id, mark(guard.MarkAside, "other", "p", true), guard.Production},
		"no address":             {"", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"no scheme":              {"127.0.0.1:8000", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"other scheme":           {"file://host/tmp", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"no host":                {"http://:8000", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"bad port":               {"http://h:70000", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"port zero":              {"http://h:0", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"last port":              {"http://h:65535", id, "", guard.Production},
		"first port":             {"http://h:1", id, "", guard.Production},
		"not a URL":              {"http://[::1", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"password":               {"http://u:secret@h:1", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"query":                  {"http://h:1?x=1", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
		"fragment":               {"http://h:1#x", id, mark(guard.MarkDisposable, id, "", false), guard.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b, req := newBench(t), requestFor(chroma(c.address, c.id, c.mark))
			permit, err := b.ask(t, req)
			switch c.want {
			case guard.Disposable:
				wantAllowed(t, permit, err, c.want, req)
			case guard.Unknown:
				wantRefused(t, err, c.want, guard.ErrUnknownTarget)
			default: // own too: only a prune removes it without the factors
				wantRefused(t, err, c.want, guard.ErrNoEnvironment)
				wantRefused(t, err, c.want, guard.ErrNoToken)
			}
		})
	}
}

// A target that contradicts itself, or that nobody could look at, is unknown.
func TestClassOfBadDescriptor(t *testing.T) {
	graph := write(t, "x", scratch(t), "graph.sqlite")
	server := "http://127.0.0.1:49152"
	for name, c := range map[string]struct {
		locator memory.Locator
		witness guard.Witness
	}{
		"no kind":              {memory.Locator{Path: graph}, nil},
		"other kind":           {memory.Locator{Kind: "s3", Path: graph}, nil},
		"path with address":    {memory.Locator{Kind: memory.KindGraph, Path: graph, Address: server}, nil},
		"memory with address":  {memory.Locator{Kind: memory.KindGraph, Path: ":memory:", Address: server}, nil},
		"memory of files":      {memory.Locator{Kind: memory.KindFiles, Path: ":memory:"}, nil},
		"no collection":        {memory.Locator{Kind: memory.KindChroma, Address: server}, &witness{}},
		"no witness":           {memory.Locator{Kind: memory.KindChroma, Address: server, Collection: "c", CollectionID: "1"}, nil},
		"id without witness":   {memory.Locator{Kind: memory.KindCollections, Path: graph, CollectionID: "1"}, nil},
		"name without witness": {memory.Locator{Kind: memory.KindCollections, Path: graph, Collection: "c"}, nil},
		"witness fails":        {memory.Locator{Kind: memory.KindChroma, Address: server, Collection: "c", CollectionID: "1"}, &witness{id: "1", err: errors.New("timeout")}},
		"another id":           {memory.Locator{Kind: memory.KindChroma, Address: server, Collection: "c", CollectionID: "1"}, &witness{id: "2"}},
		"gone":                 {memory.Locator{Kind: memory.KindChroma, Address: server, Collection: "c", CollectionID: "1"}, &witness{}},
		"came":                 {memory.Locator{Kind: memory.KindChroma, Address: server, Collection: "c"}, &witness{id: "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).allow()
			target := newTarget(c.locator, c.witness)
			if got, why := b.Classify(target); got != guard.Unknown {
				t.Errorf("class = %s (%s), want unknown", got, why)
			}
			req := requestFor(target)
			if c.locator.Kind == "" || c.locator.Kind == "s3" {
				_, err := b.ask(t, req)
				wantRefused(t, err, guard.Unknown, guard.ErrBadRequest)
				return
			}
			_, err := b.ask(t, req)
			wantRefused(t, err, guard.Unknown, guard.ErrUnknownTarget)
		})
	}
	t.Run("zero target", func(t *testing.T) {
		if got, _ := newBench(t).Classify(guard.Target{}); got != guard.Unknown {
			t.Errorf("class = %s, want unknown", got)
		}
	})
}

// A witness that claims a collection but gives no id, or an id but no collection.
type halfWitness guard.Sighting

func (h halfWitness) Look(context.Context, memory.Locator) (guard.Sighting, error) {
	return guard.Sighting(h), nil
}

func TestClassOfHalfSighting(t *testing.T) {
	l := memory.Locator{Kind: memory.KindChroma, Address: "http://h:1", Collection: "c"}
	for name, h := range map[string]halfWitness{
		"exists without id": {Exists: true},
		"id of nothing":     {CollectionID: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			l := l
			l.CollectionID = h.CollectionID
			if got, why := newBench(t).Classify(newTarget(l, h)); got != guard.Unknown {
				t.Errorf("class = %s (%s), want unknown", got, why)
			}
		})
	}
}

// The mark of an embedded collection counts, but never under .neo-ai-data, and
// not on a file that has another name.
func TestClassOfEmbedded(t *testing.T) {
	temp, away := scratch(t), elsewhere(t)
	file := write(t, "x", away, "v.sqlite")
	neo := write(t, "x", away, ".neo-ai-data", "v.sqlite")
	twice := write(t, "x", away, "one")
	if err := os.Link(twice, filepath.Join(away, "two")); err != nil {
		t.Fatal(err)
	}
	own := mark(guard.MarkDisposable, "7", "", false)
	for name, c := range map[string]struct {
		kind, path, mark string
		want             guard.Class
	}{
		"no mark":         {memory.KindCollections, file, "", guard.Production},
		"mark":            {memory.KindCollections, file, own, guard.Disposable},
		"mark of another": {memory.KindCollections, file, mark(guard.MarkDisposable, "8", "", false), guard.Production},
		"aside":           {memory.KindCollections, file, mark(guard.MarkAside, "7", "p", true), guard.Own},
		"under neo":       {memory.KindCollections, neo, own, guard.Production},
		"two names":       {memory.KindCollections, twice, own, guard.Production},
		"of a graph":      {memory.KindGraph, file, own, guard.Production},
		"in /tmp":         {memory.KindCollections, write(t, "x", temp, "v.sqlite"), "", guard.Disposable},
		"in memory":       {memory.KindCollections, ":memory:", "", guard.Disposable},
	} {
		t.Run(name, func(t *testing.T) {
			l := memory.Locator{Kind: c.kind, Path: c.path, Collection: "c", CollectionID: "7"}
			target := newTarget(l, &witness{id: "7", mark: c.mark})
			if got, why := newBench(t).Classify(target); got != c.want {
				t.Errorf("class = %s (%s), want %s", got, why, c.want)
			}
		})
	}
}
