package bundle_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/memory"
)

// broken is a bundletest.Broken that can be made to agree with itself again.
type broken struct{ bundletest.Broken }

func broke(t *testing.T, path string) *broken { return &broken{bundletest.Broken{T: t, Path: path}} }

// forge makes the bundle agree with itself again, as one would be that was
// written so: sizes, hashes and seal. edit may change the block first.
func (b *broken) forge(edit func(*bundle.Keepsake)) {
	b.T.Helper()
	meta, err := bundle.ParseMeta(b.Read(bundle.MetaFile))
	if err != nil {
		b.T.Fatal(err)
	}
	k := meta.Keepsake
	for i := range k.Files {
		f := &k.Files[i]
		if data, err := os.ReadFile(b.File(f.Path)); err == nil {
			f.Bytes, f.SHA256 = int64(len(data)), hash(data)
		}
	}
	if edit != nil {
		edit(k)
	}
	meta.Subsystems, meta.Integrity = bundle.Count(k.Sections, k.Files), bundle.Parity(k.Sections)
	b.Reseal(meta)
}

// compressed puts a section's file there in another compression.
func (b *broken) compressed(section memory.Section, suffix string, data []byte) {
	b.T.Helper()
	old := payload(section)
	b.Remove(old)
	b.Write(old+suffix, data)
	b.forge(func(k *bundle.Keepsake) {
		b.unindexed(k, section)
		for i := range k.Files {
			if f := &k.Files[i]; f.Path == old {
				f.Path, f.Bytes, f.SHA256 = old+suffix, int64(len(data)), hash(data)
			}
		}
	})
}

// unindexed takes a section's index away: its payload is another one.
func (b *broken) unindexed(k *bundle.Keepsake, section memory.Section) {
	b.T.Helper()
	b.Remove(bundle.IndexPath(section))
	k.Files = slices.DeleteFunc(k.Files, func(f bundle.FileMeta) bool { return f.Path == bundle.IndexPath(section) })
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func payload(section memory.Section) string {
	kind := memory.Lines
	switch {
	case section == appDB || section == planMD:
		kind = memory.Opaque
	case section.Subsystem() == memory.KB || section.Subsystem() == memory.MC:
		kind = memory.Vectors
	case section.Subsystem() == memory.GraphSystem:
		kind = memory.Elements
	}
	return bundle.PayloadPath(section, kind, sampleTime, bundle.Plain)
}

// Each line of "what must be refused on reading", made from a good bundle. The
// bundle that was looked at is afterwards what it was.
func TestRefusals(t *testing.T) {
	memories, kb, graph := payload(memory.Memories), payload(memory.KnowledgeBase), payload(memory.Graph)
	zeros := strings.Repeat("0", 64)
	good := sample(t)
	for _, c := range []struct {
		name string
		do   func(*broken)
		// want are the refusals, as codes returns them; one that ends in "*" stands
		// for any that begin so.
		want []string
	}{
		{"FolderMissing/kb", func(b *broken) { b.Remove("kb") }, []string{"file-missing " + kb, "folder-missing kb"}},
		{"FolderMissing/mc", func(b *broken) { b.Remove("mc") }, []string{"file-missing " + memories, "file-missing " + payload(memory.Summaries), "folder-missing mc"}},
		{"FolderMissing/graph", func(b *broken) { b.Remove("graph") }, []string{"file-missing " + graph, "folder-missing graph"}},
		{"FolderMissing/concepts", func(b *broken) { b.Remove("concepts") }, []string{"file-missing concepts/edges.jsonl", "file-missing concepts/nodes.jsonl", "folder-missing concepts"}},
		{"FolderMissing/trajectories", func(b *broken) { b.Remove("trajectories") }, []string{"file-missing trajectories/trajectories.jsonl", "folder-missing trajectories"}},

		{"MetaNoJSON", func(b *broken) { b.Replace(bundle.MetaFile, "{", "[") }, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},
		{"MetaEmpty", func(b *broken) { b.Write(bundle.MetaFile, nil) }, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},
		{"MetaNotUTF8", func(b *broken) { b.Replace(bundle.MetaFile, "13.1.0", "13.1.\xff") }, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},
		{"MetaIsALink", func(b *broken) {
			data := b.Read(bundle.MetaFile)
			b.Remove(bundle.MetaFile)
			link(b.T, filepath.Join(b.T.TempDir(), "meta"), data, b.File(bundle.MetaFile))
		}, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "not-regular bundle-meta.json", "sums-without-block SHA256SUMS"}},
		{"MetaGone", func(b *broken) { b.Remove(bundle.MetaFile) }, []string{"line-not-json concepts/nodes.jsonl:2", "sums-without-block SHA256SUMS"}},
		{"SealWrong", func(b *broken) { b.Replace(bundle.MetaFile, `"sequence": 17`, `"sequence": 18`) }, []string{"seal-wrong bundle-meta.json", "sums-wrong SHA256SUMS"}},
		{"SealMissing", func(b *broken) { b.Replace(bundle.MetaFile, `"seal"`, `"saal"`) }, []string{"seal-wrong bundle-meta.json", "sums-wrong SHA256SUMS"}},
		{"SealOfZeros", func(b *broken) {
			meta := open(b.T, b.Path).Meta()
			b.Replace(bundle.MetaFile, meta.Keepsake.Seal, zeros)
		}, []string{"seal-wrong bundle-meta.json", "sums-wrong SHA256SUMS"}},
		{"NewerFormat", func(b *broken) { b.forge(func(k *bundle.Keepsake) { k.Format = 3 }) }, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},
		{"TopologyContradicts", func(b *broken) { b.Replace(bundle.MetaFile, `"chromaUnified": false`, `"chromaUnified": true`) }, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},

		{"SumsWithoutBlock", func(b *broken) {
			meta := open(b.T, b.Path).Meta()
			meta.Keepsake = nil
			data, _ := json.Marshal(meta)
			b.Write(bundle.MetaFile, data)
		}, []string{"line-not-json concepts/nodes.jsonl:2", "sums-without-block SHA256SUMS"}},
		{"SumsWrong", func(b *broken) { b.Replace(bundle.SumsFile, "  kb/", " *kb/") }, []string{"sums-wrong SHA256SUMS"}},
		{"SumsLonger", func(b *broken) { b.Write(bundle.SumsFile, append(b.Read(bundle.SumsFile), '\n')) }, []string{"sums-wrong SHA256SUMS"}},
		{"SumsIsALink", func(b *broken) {
			data := b.Read(bundle.SumsFile)
			b.Remove(bundle.SumsFile)
			link(b.T, filepath.Join(b.T.TempDir(), "sums"), data, b.File(bundle.SumsFile))
		}, []string{"not-regular SHA256SUMS"}},

		{"HashWrong", func(b *broken) { b.Replace(memories, "row 7", "row 8") }, []string{"hash-differs " + memories, "records-differ " + memories}},
		{"FileMissing", func(b *broken) { b.Remove(memories) }, []string{"file-missing " + memories}},
		{"FileLonger", func(b *broken) { b.Write(memories, append(b.Read(memories), '\n')) }, []string{
			"hash-differs " + memories, "row-invalid " + memories + ":21", "rows-differ " + memories, "size-differs " + memories,
		}},
		{"FileShorter", func(b *broken) { b.Write(memories, bytes.TrimSuffix(b.Read(memories), []byte("\n"))) }, []string{
			"hash-differs " + memories, "line-torn " + memories + ":20", "size-differs " + memories,
		}},
		{"FileCutInARow", func(b *broken) { data := b.Read(memories); b.Write(memories, data[:len(data)-9]) }, []string{
			"hash-differs " + memories, "line-torn " + memories + ":20", "records-differ " + memories, "row-invalid " + memories + ":20", "size-differs " + memories,
		}},
		{"FileEmptied", func(b *broken) { b.Write(memories, nil) }, []string{
			"hash-differs " + memories, "records-differ " + memories, "rows-differ " + memories, "size-differs " + memories,
		}},
		{"OtherRows", func(b *broken) { b.Write(memories, b.Read(payload(memory.Summaries))); b.forge(nil) }, []string{
			"records-differ " + memories, "rows-differ " + memories,
		}},
		{"RowsNotDeclared", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Sections[1].Rows, k.Sections[1].Capture.Held, k.Files[1].Rows = 19, 19, 19 })
		}, []string{"rows-differ " + memories}},
		{"ZeroRowsWhereDeclared", func(b *broken) { b.Write(kb, nil); b.forge(nil) }, []string{"records-differ " + kb, "rows-differ " + kb}},
		{"RecordsDigestWrong", func(b *broken) { b.forge(func(k *bundle.Keepsake) { k.Files[1].Records = zeros }) }, []string{"records-differ " + memories}},

		{"PayloadNotNamed", func(b *broken) { b.Write("mc/memory-backup-2020-01-01T00-00-00.000Z.jsonl", b.Read(memories)) }, []string{
			"file-not-named mc/memory-backup-2020-01-01T00-00-00.000Z.jsonl",
		}},
		{"PayloadNotNamed/top", func(b *broken) { b.Write("notes.txt", []byte("x")) }, []string{"file-not-named notes.txt"}},
		{"PayloadNotNamed/hidden", func(b *broken) { b.Write("kb/.hidden", nil) }, []string{"file-not-named kb/.hidden"}},

		{"RowNoJSON", func(b *broken) { b.rows(memories, 3, `{"id":`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":3"}},
		{"RowNoObject", func(b *broken) { b.rows(memories, 3, `[]`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":3"}},
		{"RowOfAnotherKind", func(b *broken) { b.rows(memories, 3, graphRows(1, 0)[0]) }, []string{"records-differ " + memories, "row-invalid " + memories + ":3"}},
		{"RowUnknownKey", func(b *broken) { b.rows(memories, 3, `{"id":"a","embedding":null,"more":1}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":3"}},
		{"RowKeyTwice", func(b *broken) { b.rows(memories, 3, `{"id":"a","id":"b","embedding":null}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":3"}},
		{"RowTooDeep", func(b *broken) {
			b.rows(graph, 3, `{"type":"node","data":{"id":"x","deep":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)+`}}`)
		}, []string{"records-differ " + graph, "row-invalid " + graph + ":3"}},
		{"RowBlank", func(b *broken) { b.rows(graph, 3, ``) }, []string{"records-differ " + graph, "row-invalid " + graph + ":3"}},
		{"GraphTypeUnknown", func(b *broken) { b.rows(graph, 3, `{"type":"hyperedge","data":{"id":"a"}}`) }, []string{"records-differ " + graph, "row-invalid " + graph + ":3"}},
		{"EdgeWithoutTarget", func(b *broken) { b.rows(graph, 20, `{"type":"edge","data":{"id":"a","source":"n-1","type":"T"}}`) }, []string{"records-differ " + graph, "row-invalid " + graph + ":20"}},
		{"FlatLineNotDeclared", func(b *broken) { b.rows("concepts/nodes.jsonl", 1, `not JSON`) }, []string{"line-not-json concepts/nodes.jsonl:1", "records-differ concepts/nodes.jsonl"}},

		{"NotUTF8/vectors", func(b *broken) { b.rows(memories, 4, "{\"id\":\"\xff\",\"embedding\":null}") }, []string{"records-differ " + memories, "row-invalid " + memories + ":4"}},
		{"NotUTF8/halfSurrogate", func(b *broken) { b.rows(memories, 4, `{"id":"\ud800","embedding":null}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":4"}},
		{"NotUTF8/graph", func(b *broken) { b.rows(graph, 4, "{\"type\":\"node\",\"data\":{\"id\":\"\xc0\x80\"}}") }, []string{"records-differ " + graph, "row-invalid " + graph + ":4"}},
		{"NotUTF8/lines", func(b *broken) { b.rows("trajectories/trajectories.jsonl", 1, "\xed\xa0\x80") }, []string{"records-differ trajectories/trajectories.jsonl", "row-invalid trajectories/trajectories.jsonl:1"}},
		{"NotUTF8/mailbox", func(b *broken) { b.rows("mailbox/sent-to-cull.jsonl", 1, "\xff") }, []string{"records-differ mailbox/sent-to-cull.jsonl", "row-invalid mailbox/sent-to-cull.jsonl:1"}},

		{"IDEmpty", func(b *broken) { b.rows(memories, 5, `{"id":"","embedding":null}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":5"}},
		{"IDMissing", func(b *broken) { b.rows(memories, 5, `{"embedding":null}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":5"}},
		{"IDTwice/vectors", func(b *broken) { b.Replace(memories, `"mem-9"`, `"mem-\u0034"`); b.forge(nil) }, []string{"id-twice " + memories + ":10", "records-differ " + memories}},
		{"IDTwice/nodes", func(b *broken) { b.Replace(graph, `"id":"n-5"`, `"id":"n-2"`); b.forge(nil) }, []string{"id-twice " + graph + ":6", "records-differ " + graph}},
		{"IDTwice/edges", func(b *broken) {
			b.Replace(graph, `"id":"n-5","source"`, `"id":"n-6","source"`)
			b.forge(nil)
		}, []string{"id-twice " + graph + ":19", "records-differ " + graph}},
		{"IDEmpty/node", func(b *broken) { b.rows(graph, 1, `{"type":"node","data":{"id":""}}`) }, []string{"records-differ " + graph, "row-invalid " + graph + ":1"}},

		{"OtherDimension/shorter", func(b *broken) { b.rows(memories, 6, `{"id":"x","embedding":[1,2]}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":6"}},
		{"OtherDimension/empty", func(b *broken) { b.rows(memories, 6, `{"id":"x","embedding":[]}`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":6"}},
		{"OtherDimension/declared", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Sections[2].Dimension = 15 })
		}, []string{"row-invalid " + payload(memory.Summaries) + "*", "records-differ " + payload(memory.Summaries)}},
		{"OtherDimension/declaredNone", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Sections[2].Dimension = 0 })
		}, []string{"dimension-differs"}},
		{"NotFinite/overflow", func(b *broken) { b.number(memories, "1e39") }, []string{"records-differ " + memories, "row-invalid " + memories + ":6"}},
		{"NotFinite/NaN", func(b *broken) { b.number(memories, "NaN") }, []string{"records-differ " + memories, "row-invalid " + memories + ":6"}},
		{"NotFinite/string", func(b *broken) { b.number(memories, `"1"`) }, []string{"records-differ " + memories, "row-invalid " + memories + ":6"}},
		{"NotFinite/null", func(b *broken) { b.number(memories, "null") }, []string{"records-differ " + memories, "row-invalid " + memories + ":6"}},

		{"Link/file", func(b *broken) {
			data := b.Read(memories)
			b.Remove(memories)
			link(b.T, filepath.Join(b.T.TempDir(), "rows"), data, b.File(memories))
		}, []string{"file-missing " + memories, "not-regular " + memories}},
		{"Link/inside", func(b *broken) {
			if err := os.Rename(b.File(memories), b.File("kb/rows")); err != nil {
				b.T.Fatal(err)
			}
			if err := os.Symlink("../kb/rows", b.File(memories)); err != nil {
				b.T.Skip(err)
			}
		}, []string{"file-missing " + memories, "file-not-named kb/rows", "not-regular " + memories}},
		{"Link/folder", func(b *broken) {
			outside := filepath.Join(b.T.TempDir(), "concepts")
			if err := os.Rename(b.File("concepts"), outside); err != nil {
				b.T.Fatal(err)
			}
			if err := os.Symlink(outside, b.File("concepts")); err != nil {
				b.T.Skip(err)
			}
		}, []string{"file-missing concepts/edges.jsonl", "file-missing concepts/nodes.jsonl", "folder-missing concepts", "not-regular concepts"}},
		{"Device", func(b *broken) {
			b.Remove(memories)
			socket, err := net.Listen("unix", b.File("mc/s"))
			if err != nil {
				b.T.Skip(err)
			}
			b.T.Cleanup(func() { _ = socket.Close() })
			if err := os.Rename(b.File("mc/s"), b.File(memories)); err != nil {
				b.T.Fatal(err)
			}
		}, []string{"file-missing " + memories, "not-regular " + memories}},
		{"PathLeaves", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Files[1].Path = "mc/../../memory.jsonl" })
		}, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},
		{"PathAbsolute", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Files[1].Path = "/etc/passwd" })
		}, []string{"line-not-json concepts/nodes.jsonl:2", "meta-unreadable bundle-meta.json", "sums-without-block SHA256SUMS"}},

		{"ZstdEndsEarly", func(b *broken) {
			data := zstdOf(b.Read(memories))
			b.compressed(memory.Memories, ".zst", data[:len(data)-6])
		}, []string{"compressed-stream " + memories + ".zst*"}},
		{"ZstdEmpty", func(b *broken) { b.compressed(memory.Memories, ".zst", nil) }, []string{"compressed-stream " + memories + ".zst"}},
		{"ZstdChecksum", func(b *broken) {
			data := zstdOf(b.Read(memories))
			data[len(data)-1] ^= 1
			b.compressed(memory.Memories, ".zst", data)
		}, []string{"compressed-stream " + memories + ".zst*"}},
		{"ZstdTrailing", func(b *broken) { b.compressed(memory.Memories, ".zst", append(zstdOf(b.Read(memories)), "more"...)) }, []string{"compressed-stream " + memories + ".zst*"}},
		{"ZstdWindow", func(b *broken) {
			b.compressed(memory.Memories, ".zst", zstdOfWindow(b.Read(memories), 17))
		}, []string{"compressed-stream " + memories + ".zst*"}},
		{"ZstdBomb", func(b *broken) {
			b.compressed(memory.MailboxSentToCull, ".zst", zstdOf(bytes.Repeat([]byte("    line\n"), 1<<20)))
		}, []string{"expands-too-far " + payload(memory.MailboxSentToCull) + ".zst*"}},
		{"ZstdWindow/64MiB", func(b *broken) { b.compressed(memory.Memories, ".zst", zstdOfWindow(b.Read(memories), 16)) }, nil},
		{"GzipEndsEarly", func(b *broken) {
			data := gzipOf(b.Read(memories))
			b.compressed(memory.Memories, ".gz", data[:len(data)-6])
		}, []string{"compressed-stream " + memories + ".gz*"}},
		{"GzipEmpty", func(b *broken) { b.compressed(memory.Memories, ".gz", nil) }, []string{"compressed-stream " + memories + ".gz"}},
		{"GzipChecksum", func(b *broken) {
			data := gzipOf(b.Read(memories))
			data[len(data)-6] ^= 1
			b.compressed(memory.Memories, ".gz", data)
		}, []string{"compressed-stream " + memories + ".gz*"}},
		{"GzipBomb", func(b *broken) {
			b.compressed(memory.MailboxSentToCull, ".gz", gzipOf(bytes.Repeat([]byte("    line\n"), 1<<20)))
		}, []string{"expands-too-far " + payload(memory.MailboxSentToCull) + ".gz*"}},
		{"BrotliEndsEarly", func(b *broken) {
			data := brotliOf(b.Read(memories))
			b.compressed(memory.Memories, ".br", data[:len(data)-6])
		}, []string{"compressed-stream " + memories + ".br*"}},
		{"BrotliEmpty", func(b *broken) { b.compressed(memory.Memories, ".br", nil) }, []string{"compressed-stream " + memories + ".br"}},
		{"BrotliTrailing", func(b *broken) { b.compressed(memory.Memories, ".br", append(brotliOf(b.Read(memories)), "more"...)) }, []string{"compressed-stream " + memories + ".br*"}},
		{"BrotliBomb", func(b *broken) {
			b.compressed(memory.MailboxSentToCull, ".br", brotliOf(bytes.Repeat([]byte("    line\n"), 1<<20)))
		}, []string{"expands-too-far " + payload(memory.MailboxSentToCull) + ".br*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := broke(t, copyOf(t, good))
			c.do(b)
			before := bundletest.State(t, b.Path)
			report := verify(t, b.Path, bundle.Full)
			if got, want := report.Refused(), len(c.want) > 0; got != want {
				t.Errorf("refused is %t, want %t", got, want)
			}
			if got := codes(report.Findings, memory.Refusal); !matches(got, c.want) {
				t.Errorf("refusals are\n  %s\nwant\n  %s\nfindings %v", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "), report.Findings)
			}
			if got := bundletest.State(t, b.Path); got != before {
				t.Error("looking at the bundle changed it")
			}
		})
	}
}

// matches compares refusals with patterns: each is matched, and matches.
func matches(got, want []string) bool {
	fits := func(pattern, s string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		return s == pattern || open && strings.HasPrefix(s, prefix)
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(s string) bool { return fits(w, s) }) {
			return false
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(p string) bool { return fits(p, g) }) {
			return false
		}
	}
	return true
}

// rows puts another text in place of a line, and forges the rest.
func (b *broken) rows(name string, line int, text string) {
	b.T.Helper()
	lines := strings.Split(string(b.Read(name)), "\n")
	lines[line-1] = text
	b.Write(name, []byte(strings.Join(lines, "\n")))
	b.forge(nil)
}

// number puts a text where line 6 has a number of its embedding.
func (b *broken) number(name, text string) {
	b.T.Helper()
	b.rows(name, 6, `{"id":"x","embedding":[`+strings.Repeat("1,", dimension-1)+text+`]}`)
}

func link(t *testing.T, target string, data []byte, name string) {
	t.Helper()
	if err := os.WriteFile(target, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Skip(err)
	}
}

// zstdOfWindow is one raw block in a frame that asks for a window of
// 2^(10+exponent) bytes.
func zstdOfWindow(data []byte, exponent byte) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, exponent << 3}
	block := uint32(len(data))<<3 | 1
	frame = append(frame, byte(block), byte(block>>8), byte(block>>16))
	return append(frame, data...)
}

func zstdOf(data []byte) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func gzipOf(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func brotliOf(data []byte) []byte {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// What limits bound, with limits that a test can reach.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits bundle.Limits
		want   string
	}{
		{"LineTooLong", bundle.Limits{Line: 200}, "line-too-long " + payload(memory.Memories) + ":1"},
		{"TooManyEntries", bundle.Limits{Entries: 5}, "too-many-files"},
		{"MetaTooLarge", bundle.Limits{Meta: 100}, "meta-unreadable bundle-meta.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := bundle.Open(sample(t), c.limits)
			if err != nil {
				t.Fatal(err)
			}
			report, err := b.Verify(context.Background(), bundle.Full, bundle.VerifyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := codes(report.Findings, memory.Refusal); !slices.Contains(got, c.want) {
				t.Errorf("refusals are %v, want %s", got, c.want)
			}
		})
	}
}

// A line without an end is not read to its end.
func TestEndlessLine(t *testing.T) {
	b := broke(t, sample(t))
	b.Write("mailbox/sent-to-cull.jsonl", bytes.Repeat([]byte("x"), 1<<20))
	o, err := bundle.Open(b.Path, bundle.Limits{Line: 1000})
	if err != nil {
		t.Fatal(err)
	}
	report, err := o.Verify(context.Background(), bundle.Full, bundle.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := codes(report.Findings, memory.Refusal), "line-too-long mailbox/sent-to-cull.jsonl:1"; !slices.Contains(got, want) {
		t.Errorf("refusals are %v, want %s", got, want)
	}
}

// The limit of a line is what the format says, not what the buffer happens to be.
func TestLongestLine(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 256 MiB")
	}
	path := sample(t)
	b := broke(t, path)
	f, err := os.OpenFile(b.File("extra"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(256<<20 + 1); err != nil { // a hole: NUL is UTF-8
		t.Fatal(err)
	}
	b.Remove("mailbox/sent-to-cull.jsonl")
	if err := os.Rename(b.File("extra"), b.File("mailbox/sent-to-cull.jsonl")); err != nil {
		t.Fatal(err)
	}
	report := verify(t, path, bundle.Full)
	if got := codes(report.Findings, memory.Refusal); !slices.Contains(got, "line-too-long mailbox/sent-to-cull.jsonl:1") {
		t.Errorf("refusals are %v", got)
	}
	if err := f.Truncate(256 << 20); err != nil {
		t.Fatal(err)
	}
	report = verify(t, path, bundle.Full)
	if got := codes(report.Findings, memory.Refusal); slices.Contains(got, "line-too-long mailbox/sent-to-cull.jsonl:1") {
		t.Error("a line of 256 MiB is refused")
	}
}

// All findings are reported, each with its line, whatever their number; a file
// that is wrong throughout is cut short, and says so.
func TestAllFindingsAreReported(t *testing.T) {
	b := broke(t, sample(t))
	b.rows(payload(memory.Memories), 2, "x")
	b.rows(payload(memory.Memories), 20, "y")
	b.rows(payload(memory.Graph), 9, "z")
	got := codes(verify(t, b.Path, bundle.Full).Findings, memory.Refusal)
	for _, want := range []string{"row-invalid " + payload(memory.Memories) + ":2", "row-invalid " + payload(memory.Memories) + ":20", "row-invalid " + payload(memory.Graph) + ":9"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	b.Write(payload(memory.KnowledgeBase), bytes.Repeat([]byte("x\n"), 5000))
	report := verify(t, b.Path, bundle.Full)
	n := 0
	for _, f := range report.Findings {
		if f.File == payload(memory.KnowledgeBase) && f.Line > 0 {
			n++
		}
	}
	if n != 1000 || !slices.Contains(codes(report.Findings, memory.Refusal), "more "+payload(memory.KnowledgeBase)) {
		t.Errorf("%d lines are listed of 5000", n)
	}
}

// What is odd but can be read is a warning.
func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*broken)
		want string
	}{
		{"FoldersLostInACopy", func(*broken) {}, "folder-missing-empty concepts"},
		{"SumsMissing", func(b *broken) { b.Remove(bundle.SumsFile) }, "sums-missing SHA256SUMS"},
		{"FileManager", func(b *broken) { b.Write("kb/.DS_Store", []byte("x")) }, "foreign-file kb/.DS_Store"},
		{"Renamed", func(b *broken) {
			other := filepath.Join(filepath.Dir(b.Path), "backup-2020-01-01T00-00-00.000Z")
			if err := os.Rename(b.Path, other); err != nil {
				b.T.Fatal(err)
			}
			b.Path = other
		}, "name-differs bundle-meta.json"},
		{"Degraded", func(b *broken) { b.forge(func(k *bundle.Keepsake) { k.Status = bundle.Degraded }) }, "degraded bundle-meta.json"},
		{"EdgesBeforeNodes", func(b *broken) {
			rows := graphRows(12, 8)
			b.rewrite(memory.Graph, append(slices.Clone(rows[12:]), rows[:12]...)...)
		}, "node-after-edge"},
		{"DeclaredLine", func(*broken) {}, "line-not-json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := broke(t, sample(t))
			if c.name == "FoldersLostInACopy" {
				path, err := write(options(t, t.TempDir()), sampleParts()[:4], nil)
				if err != nil {
					t.Fatal(err)
				}
				b.Path = path
				b.Remove("concepts")
				b.Remove("trajectories")
				b.Remove("mailbox")
			}
			c.do(b)
			report := verify(t, b.Path, bundle.Full)
			if got := codes(report.Findings, memory.Warning); !slices.Contains(got, c.want) {
				t.Errorf("warnings are %v, want %s", got, c.want)
			}
			if report.Refused() {
				t.Errorf("refused: %v", report.Findings)
			}
		})
	}
}

// A file that can't be read is a finding like any other.
func TestUnreadableFile(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("everything can be read here")
	}
	b := broke(t, sample(t))
	if err := os.Chmod(b.File(payload(memory.Memories)), 0); err != nil {
		t.Fatal(err)
	}
	got := codes(verify(t, b.Path, bundle.Full).Findings, memory.Refusal)
	if want := []string{"read-failed " + payload(memory.Memories)}; !slices.Equal(got, want) {
		t.Errorf("refusals are %v, want %v", got, want)
	}
}
