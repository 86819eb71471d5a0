package cli_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"keepsake/internal/memory"
	"keepsake/internal/sample"
	"keepsake/internal/store/chroma/chromatest"
)

// edited is a copy of a bundle that is made wrong.
type edited struct {
	t   *testing.T
	dir string
}

func (e edited) rows(s memory.Section, change func(rows []string) []string) {
	path := payload(e.t, e.dir, s)
	writeLines(e.t, path, change(lines(e.t, path)))
}

// line puts another line in the place of the n-th, counted from 1.
func (e edited) line(s memory.Section, n int, line string) { editLine(e.t, e.dir, s, n, line) }

// bytes changes a file's bytes.
func (e edited) bytes(path string, change func([]byte) []byte) {
	e.t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o644)
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e edited) file(name string) string { return filepath.Join(e.dir, filepath.FromSlash(name)) }

// compressed puts a compressed file in the place of a section's.
func (e edited) compressed(s memory.Section, suffix string, compress func([]byte) []byte) {
	path := payload(e.t, e.dir, s)
	e.bytes(path, compress)
	if err := os.Rename(path, path+suffix); err != nil {
		e.t.Fatal(err)
	}
}

// reseal makes seal and sums agree with the meta again, as somebody would who
// knows how.
func (e edited) reseal() {
	meta, sums := e.file("bundle-meta.json"), e.file("SHA256SUMS")
	seal := dig(e.t, readMeta(e.t, e.dir), "keepsake", "seal").(string)
	zeros := strings.Repeat("0", 64)
	text := strings.Replace(readFile(e.t, meta), seal, zeros, 1)
	text = strings.Replace(text, zeros, fmt.Sprintf("%x", sha256.Sum256([]byte(text))), 1)
	e.bytes(meta, func([]byte) []byte { return []byte(text) })
	e.bytes(sums, func(data []byte) []byte {
		at := bytes.Index(data, []byte("  bundle-meta.json")) - 64
		copy(data[at:], fmt.Sprintf("%x", sha256.Sum256([]byte(text))))
		return data
	})
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// A bundle that is not as it was made is refused before anything is replaced, and
// before the guard is asked: T5, of a replace.
func TestReplaceRefusesABadBundle(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries, memory.Graph, sample.ConceptNodes, memory.TrajectoryLog, memory.MailboxSentToCull)
	bundle := a.backup("--only", "mc,graph,concepts,trajectories,mailbox")
	a.adds(memory.Memories, "newer")
	a.sql("DELETE FROM Edges WHERE rowid = 2")
	vector := strings.TrimSuffix(strings.Repeat("1,", dimension), ",")
	row := func(id, numbers string) string { return fmt.Sprintf(`{"id":%q,"embedding":[%s]}`, id, numbers) }
	folder := func(name string) func(e edited) { return func(e edited) { remove(e.t, e.file(name)) } }
	neo := func(edit func(e edited)) func(e edited) {
		return func(e edited) { asNeo(e.t, e.dir); edit(e) }
	}
	cut := func(rows []string) []string { return rows[:len(rows)-1] }
	none := func([]string) []string { return nil }
	twice := func(rows []string) []string { rows[7] = rows[6]; return rows }
	for _, tt := range []struct {
		name, want string
		edit       func(e edited)
	}{
		{"FolderKB", "kb: folder is missing", neo(folder("kb"))},
		{"FolderMC", "mc: folder is missing", folder("mc")},
		{"FolderGraph", "graph: folder is missing", folder("graph")},
		{"FolderConcepts", "concepts: folder is missing", neo(folder("concepts"))},
		{"FolderTrajectories", "trajectories: folder is missing", neo(folder("trajectories"))},
		{"MetaNoJSON", "bundle-meta.json: ", func(e edited) { e.bytes(e.file("bundle-meta.json"), func(b []byte) []byte { return b[:40] }) }},
		{"SealWrong", "seal", func(e edited) {
			e.bytes(e.file("bundle-meta.json"), func(b []byte) []byte { return bytes.Replace(b, []byte(`"sequence": 1`), []byte(`"sequence": 2`), 1) })
		}},
		{"SumsWithoutBlock", "SHA256SUMS", func(e edited) {
			meta := readMeta(e.t, e.dir)
			delete(meta, "keepsake")
			writeMeta(e.t, e.dir, meta)
		}},
		{"SumsWrong", "SHA256SUMS", func(e edited) { e.bytes(e.file("SHA256SUMS"), func(b []byte) []byte { b[0] ^= 1; return b }) }},
		{"HashWrong", "SHA-256 is ", func(e edited) {
			e.bytes(payload(e.t, e.dir, memory.Memories), func(b []byte) []byte { return bytes.Replace(b, []byte("mem_"), []byte("men_"), 1) })
		}},
		{"FileMissing", "is missing", func(e edited) { remove(e.t, payload(e.t, e.dir, memory.Memories)) }},
		{"FileLonger", "SHA-256 is ", func(e edited) {
			e.bytes(payload(e.t, e.dir, memory.MailboxSentToCull), func(b []byte) []byte { return append(b, "{}\n"...) })
		}},
		{"FileShorter", "has 39 rows, the meta says 40", func(e edited) { e.rows(memory.Memories, cut) }},
		{"OtherRows", "SHA-256 is ", func(e edited) { e.rows(memory.Memories, twice) }},
		{"NotNamed", "is not named by the meta", func(e edited) {
			e.bytes(payload(e.t, e.dir, memory.Memories), func(b []byte) []byte {
				if err := os.WriteFile(e.file("mc/memory-backup-2020-01-01T00-00-00.000Z.jsonl"), b, 0o644); err != nil {
					e.t.Fatal(err)
				}
				return b
			})
		}},
		{"PathLeaves", "bundle-meta.json", func(e edited) {
			name, _ := filepath.Rel(e.dir, payload(e.t, e.dir, memory.Memories))
			e.bytes(e.file("bundle-meta.json"), func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte(`"`+filepath.ToSlash(name)+`"`), []byte(`"mc/../../`+filepath.Base(name)+`"`))
			})
			e.reseal()
		}},
		{"Link", "not a regular file", neo(func(e edited) {
			path := payload(e.t, e.dir, memory.Memories)
			outside := filepath.Join(e.t.TempDir(), "rows")
			if err := os.Rename(path, outside); err != nil {
				e.t.Fatal(err)
			}
			if err := os.Symlink(outside, path); err != nil {
				e.t.Skip("this machine makes no links: ", err)
			}
		})},
		{"Device", "not a regular file", neo(func(e edited) {
			path := payload(e.t, e.dir, memory.Memories)
			remove(e.t, path)
			socket, err := net.Listen("unix", e.file("mc/s"))
			if err != nil {
				e.t.Skip("this machine makes no sockets: ", err)
			}
			e.t.Cleanup(func() { _ = socket.Close() })
			if err := os.Rename(e.file("mc/s"), path); err != nil {
				e.t.Fatal(err)
			}
		})},
		{"RowNoJSON", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Memories, 20, `{"id":"x","embedding":[1,`) })},
		{"RowNoObject", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Memories, 20, `[1]`) })},
		{"RowOfAnotherKind", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Memories, 20, `{"type":"node","data":{"id":"a"}}`) })},
		{"RowUTF8", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Memories, 20, row("a\xff", vector)) })},
		{"GraphRow", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Graph, 20, `{"type":"node"}`) })},
		{"IDEmpty", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Memories, 20, row("", vector)) })},
		{"IDTwice", "comes a second time", neo(func(e edited) { e.rows(memory.Memories, twice) })},
		{"NodeTwice", "comes a second time", neo(func(e edited) { e.rows(memory.Graph, twice) })},
		{"EdgeTwice", "comes a second time", neo(func(e edited) {
			e.rows(memory.Graph, func(rows []string) []string { rows[len(rows)-1] = rows[len(rows)-2]; return rows })
		})},
		{"Dimension", "embedding has 3 numbers, the section's have 16", neo(func(e edited) { e.line(memory.Memories, 20, row("a", "1,2,3")) })},
		{"NotFinite", ".jsonl:20: ", neo(func(e edited) { e.line(memory.Memories, 20, row("a", "1e39"+vector[1:])) })},
		{"RowsNotDeclared", "the meta says 40 rows, the bundle holds 39", neo(func(e edited) { e.rows(memory.Memories, cut) })},
		{"ZeroRows", "the meta says 40 rows, the bundle holds 0", neo(func(e edited) { e.rows(memory.Memories, none) })},
		{"ZeroRowsOfOlder", "graph: has no rows, and nothing says that it had none", func(e edited) {
			asOlder(e.t, e.dir)
			e.rows(memory.Graph, none)
		}},
		{"ZstdEndsEarly", "memory-backup-", neo(func(e edited) {
			w, _ := zstd.NewWriter(nil)
			e.compressed(memory.Memories, ".zst", func(b []byte) []byte { b = w.EncodeAll(b, nil); return b[:len(b)-6] })
		})},
		{"GzipEndsEarly", "memory-backup-", neo(func(e edited) {
			e.compressed(memory.Memories, ".gz", func(b []byte) []byte { b = gzipped(b); return b[:len(b)-6] })
		})},
		{"Expands", "expands", neo(func(e edited) {
			e.compressed(memory.MailboxSentToCull, ".gz", func([]byte) []byte { return gzipped(bytes.Repeat([]byte("    line\n"), 1<<20)) })
		})},
	} {
		a.sub(tt.name, func(t *testing.T) {
			dir := copied(t, bundle)
			tt.edit(edited{t, dir})
			r := a.stays(4, "restore", dir, "--mode", "replace", "--force", "--accept-shrink", "--allow-unsealed")
			says(t, r.stderr, tt.want, "keepsake: restore refused, nothing was written: ")
			a.must(4, "restore", dir, "--mode", "replace", "--force", "--accept-shrink", "--allow-unsealed", "--plan")
		})
	}
	a.sub("Unsealed", func(t *testing.T) {
		for _, strip := range []func(*testing.T, string){asNeo, asOlder} {
			dir := copied(t, bundle)
			strip(t, dir)
			r := a.stays(4, "restore", dir, "--mode", "replace", "--force", "--allow-empty")
			says(t, r.stderr, "the bundle was not sealed by keepsake", "merge it, or say --allow-unsealed")
			a.must(7, "restore", dir, "--mode", "replace", "--force", "--allow-empty", "--allow-unsealed")
		}
	})
}

// A bundle that changes after it was checked replaces nothing.
func TestReplaceByABundleThatChanges(t *testing.T) {
	a := newAgent(t, true)
	a.remember(memory.Memories, memory.Summaries)
	bundle := copied(t, a.backup("--only", "mc"))
	a.adds(memory.Memories, "newer")
	live := a.digests()
	line := lines(t, payload(t, bundle, memory.Memories))[20]
	a.behind(&a.kb, once(makesShadow, func() {
		editLine(t, bundle, memory.Memories, 21, strings.Replace(line, `"prompt":"`, `"prompt":"!`, 1))
	}))
	r := a.confirmed(4, "restore", bundle, "--mode", "replace", "--force")
	says(t, r.stderr, "bundle has changed")
	sameDigests(t, a.digests(), live)
}

// once does something as the first request of a kind comes, before it goes on.
func once(at func(chromatest.Request) bool, do func()) func(chromatest.Request) chromatest.Fault {
	var first sync.Once
	return func(r chromatest.Request) chromatest.Fault {
		if at(r) {
			first.Do(do)
		}
		return chromatest.Fault{}
	}
}

// The requests of a swap.
func makesShadow(r chromatest.Request) bool {
	return r.Method == http.MethodPost && r.Op == "collections" && bytes.Contains(r.Body, []byte("-shadow-"))
}

func renamesTo(r chromatest.Request, name string) bool {
	return r.Method == http.MethodPut && bytes.Contains(r.Body, []byte(`"new_name":"`+name))
}

func movesOut(r chromatest.Request) bool { return renamesTo(r, "neo-agent-memory-aside-") }
func movesIn(r chromatest.Request) bool  { return renamesTo(r, `neo-agent-memory"`) }
