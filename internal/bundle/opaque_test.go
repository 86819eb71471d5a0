package bundle_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// opaque is an opaque section of some rows, whose file comes in these blocks.
func opaque(name memory.Section, rows int64, blocks ...string) part {
	return part{memory.SectionSpec{Name: name, Kind: memory.Opaque, Rows: rows}, blocks}
}

// An opaque file lies there as it is, under its own name, whatever is compressed.
func TestOpaqueLiesAsItIs(t *testing.T) {
	opts := options(t, t.TempDir())
	opts.Compress = true
	path, err := write(opts, sampleParts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(path, "state", "app.db"))
	if err != nil || string(data) != dbText {
		t.Errorf("file is %q, %v, want %q", data, err, dbText)
	}
	k := open(t, path).Meta().Keepsake
	want := bundle.FileMeta{Path: "state/app.db", Kind: bundle.OpaqueFile, Bytes: int64(len(dbText)), Rows: 12, SHA256: hash([]byte(dbText))}
	if i := indexOf(k, appDB); k.Files[i] != want || k.Sections[i].Kind != memory.Opaque || k.Sections[i].Rows != 12 {
		t.Errorf("file is %+v of %+v, want %+v", k.Files[i], k.Sections[i], want)
	}
	if k.Files[10].Path != "notes/log.jsonl.zst" {
		t.Errorf("lines of an extra folder are in %s", k.Files[10].Path)
	}
}

// Blocks of any size come in, blocks of 1 MiB at the most come out, again and again.
func TestOpaqueBlocks(t *testing.T) {
	all := make([]byte, 5<<20+7)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		all[i] = byte(random.Uint32())
	}
	for _, size := range []int{0, 1, 512<<10 - 1, 512 << 10, 512<<10 + 1, len(all)} {
		var blocks []string
		for rest := all[:size]; len(rest) > 0; {
			n := min(len(rest), random.IntN(1<<20)+1)
			blocks, rest = append(blocks, string(rest[:n]), ""), rest[n:]
		}
		path, err := write(options(t, t.TempDir()), []part{opaque(appDB, min(int64(size), 3), blocks...)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
			report := verify(t, path, level)
			if s := report.Sections[0]; report.Refused() || s.Rows != min(int64(size), 3) || s.Bytes != int64(size) || !slices.Equal(s.Files, []string{string(appDB)}) {
				t.Errorf("%d bytes, %s: %+v, %v", size, level, s, report.Findings)
			}
		}
		b := open(t, path)
		for range 2 {
			got := collect(t, b, appDB)
			if strings.Join(got, "") != string(all[:size]) {
				t.Errorf("%d bytes come back otherwise", size)
			}
			if slices.ContainsFunc(got, func(block string) bool { return len(block) > 1<<20 }) {
				t.Errorf("%d bytes come in blocks of more than 1 MiB", size)
			}
		}
	}
}

// Only the source knows the rows of an opaque file; a file of nothing has none.
func TestOpaqueCount(t *testing.T) {
	for _, c := range []struct {
		name       string
		p          part
		count      []int64
		rows, file int64
	}{
		{"AsSpecified", opaque(appDB, 5, "x"), nil, 5, 5},
		{"NotCounted", opaque(appDB, -1, "x"), nil, 0, 0},
		{"Counted", opaque(appDB, 5, "x"), []int64{7}, 7, 7},
		{"CountedTwice", opaque(appDB, 5, "x"), []int64{7, 6}, 6, 6},
		{"BelowZero", opaque(appDB, 5, "x"), []int64{-1}, 0, 0},
		{"NoByte", opaque(appDB, 5), []int64{7}, 0, 0},
		{"Lines", part{memory.SectionSpec{Name: "notes/log", Kind: memory.Lines}, []string{`{}`}}, []int64{7}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := bundle.Create(context.Background(), options(t, t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			defer w.Abort()
			s, err := w.Write(context.Background(), c.p.spec, records(c.p.rows))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range c.count {
				s.Count(n)
			}
			if s.Rows != c.rows || s.File.Rows != c.file || s.Meta(memory.Capture{}).Rows != c.rows {
				t.Errorf("%d rows, %d in the file, want %d", s.Rows, s.File.Rows, c.rows)
			}
			if _, err := w.Publish(context.Background(), sampleMeta([]bundle.SectionMeta{s.Meta(memory.Capture{Held: c.rows})})); err != nil {
				t.Error(err)
			}
		})
	}
}

// An error on the way leaves no file, and the writer ready for the same section.
func TestOpaqueFails(t *testing.T) {
	cause := errors.New("the disk went away")
	opts := options(t, t.TempDir())
	w, err := bundle.Create(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	spec := memory.SectionSpec{Name: appDB, Kind: memory.Opaque}
	_, err = w.Write(context.Background(), spec, func(yield func(memory.Record, error) bool) {
		_ = yield(memory.Record("some"), nil) && yield(nil, cause)
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "byte 5") {
		t.Errorf("error is %v, want %v at byte 5", err, cause)
	}
	if _, err := os.Lstat(filepath.Join(partialIn(t, opts.Root), "state", "app.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = w.Write(ctx, spec, func(yield func(memory.Record, error) bool) {
		cancel()
		_ = yield(memory.Record("some"), nil)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want Canceled", err)
	}
	if _, err := w.Publish(context.Background(), metaOf(t, w, opaque(appDB, 1, "some"))); err != nil {
		t.Error(err)
	}
}

// Two sections whose files could be taken for each other's, or could not lie side by
// side, are refused by the writer, and by the reader of a meta that has them.
func TestFilesApart(t *testing.T) {
	lines := func(name memory.Section) part {
		return part{memory.SectionSpec{Name: name, Kind: memory.Lines}, []string{`{}`}}
	}
	vectors := part{memory.SectionSpec{Name: "notes/x", Kind: memory.Vectors, Dimension: dimension}, vectorRows("v", 1)}
	for _, c := range []struct {
		name string
		a, b part
		ok   bool
	}{
		{"LinesPlain", opaque("notes/x.jsonl", 1, "{}\n"), lines("notes/x"), false},
		{"LinesZstd", opaque("notes/x.jsonl.zst", 1, "{}\n"), lines("notes/x"), false},
		{"LinesGzip", opaque("notes/x.jsonl.gz", 1, "{}\n"), lines("notes/x"), false},
		{"LinesBrotli", opaque("notes/x.jsonl.br", 1, "{}\n"), lines("notes/x"), false},
		{"Vectors", opaque("notes/x-backup-"+sampleTime+".jsonl", 1, "{}\n"), vectors, false},
		{"Folder", opaque("notes/a", 1, "x"), opaque("notes/a/b", 1, "x"), false},
		{"FolderFurtherUp", opaque("notes/a", 1, "x"), lines("notes/a/b/c/d"), false},
		{"FolderOfLines", lines("notes/a"), opaque("notes/a.jsonl/b", 1, "x"), false},
		{"Same", opaque("notes/a", 1, "x"), opaque("notes/a", 1, "x"), false},
		{"LinesOfTheSameName", opaque("notes/x", 1, "{}\n"), lines("notes/x"), false}, // one name, one section
		{"NameEndsInJSONL", opaque("notes/x.jsonl", 1, "{}\n"), opaque("notes/x.jsonl.gz", 1, "no gzip"), true},
		{"NameBegins", opaque("notes/a", 1, "x"), opaque("notes/ab", 1, "x"), true},
		{"Beside", opaque("notes/a/b", 1, "x"), opaque("notes/a/c", 1, "x"), true},
	} {
		for name, parts := range map[string][]part{"": {c.a, c.b}, "/TheOtherWay": {c.b, c.a}} {
			t.Run(c.name+name, func(t *testing.T) {
				path, err := write(options(t, t.TempDir()), parts, nil)
				if (err == nil) != c.ok || err != nil && !strings.HasPrefix(err.Error(), "write section ") {
					t.Errorf("writer: error is %v, want none: %t", err, c.ok)
				}
				if c.ok {
					for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
						if report := verify(t, path, level); report.Refused() {
							t.Errorf("%s: %v", level, report.Findings)
						}
					}
					for _, p := range parts {
						if got := collect(t, open(t, path), p.spec.Name); !slices.Equal(got, p.rows) {
							t.Errorf("%s is %q", p.spec.Name, got)
						}
					}
					return
				}
				if got := metaOfBoth(t, parts); got == nil {
					t.Error("reader: not refused")
				}
			})
		}
	}
}

// metaOfBoth parses the meta of a bundle that has two sections which no writer puts
// into one, as each was written by itself.
func metaOfBoth(t *testing.T, parts []part) error {
	t.Helper()
	var both *bundle.Meta
	for _, p := range parts {
		path, err := write(options(t, t.TempDir()), []part{p}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := open(t, path).Meta()
		if both == nil {
			both = m
			continue
		}
		both.Keepsake.Sections = append(both.Keepsake.Sections, m.Keepsake.Sections...)
		both.Keepsake.Files = append(both.Keepsake.Files, m.Keepsake.Files...)
	}
	both.Subsystems = bundle.Count(both.Keepsake.Sections, both.Keepsake.Files)
	data, err := both.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	_, err = bundle.ParseMeta(data)
	return err
}

// A section that could not be read for its file is another's is owned up to.
func TestCollidingSectionFails(t *testing.T) {
	lines := part{memory.SectionSpec{Name: "notes/x", Kind: memory.Lines}, []string{`{}`}}
	for name, parts := range map[string][]part{
		"Opaque": {lines, opaque("notes/x.jsonl", 1, "{}\n")},
		"Lines":  {opaque("notes/x.jsonl", 1, "{}\n"), lines},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := write(options(t, t.TempDir()), parts[:1], func(m *bundle.Meta) {
				m.Keepsake.Status = bundle.Degraded
				m.Keepsake.Sections = append(m.Keepsake.Sections, bundle.FailedSection(parts[1].spec, memory.Capture{}, errors.New("collides")))
			})
			if err != nil {
				t.Fatal(err)
			}
			if report := verify(t, path, bundle.Full); report.Refused() || len(report.Sections) != 1 {
				t.Errorf("%v, sections %v", report.Findings, report.Sections)
			}
		})
	}
}

// An opaque file that is not what was sealed is refused at both levels, and noticed
// before the end of what is read of it.
func TestOpaqueRefusals(t *testing.T) {
	const file = string(appDB)
	good := sample(t)
	for _, c := range []struct {
		name   string
		do     func(*broken)
		want   []string
		change error
	}{
		{"Value", func(b *broken) { b.Replace(file, "SQLite", "sqlite") }, []string{"hash-differs " + file}, bundle.ErrChanged},
		{"Longer", func(b *broken) { b.Write(file, append(b.Read(file), '\n')) }, []string{"hash-differs " + file, "size-differs " + file}, bundle.ErrChanged},
		{"Shorter", func(b *broken) { b.Write(file, b.Read(file)[1:]) }, []string{"hash-differs " + file, "size-differs " + file}, bundle.ErrChanged},
		{"Empty", func(b *broken) { b.Write(file, nil) }, []string{"hash-differs " + file, "size-differs " + file}, bundle.ErrChanged},
		{"Missing", func(b *broken) { b.Remove(file) }, []string{"file-missing " + file}, fs.ErrNotExist},
		{"Folder", func(b *broken) {
			b.Remove(file)
			if err := os.Mkdir(b.File(file), 0o700); err != nil {
				b.T.Fatal(err)
			}
		}, []string{"file-missing " + file}, nil},
		{"Link", func(b *broken) {
			data := b.Read(file)
			b.Remove(file)
			link(b.T, filepath.Join(b.T.TempDir(), "db"), data, b.File(file))
		}, []string{"file-missing " + file, "not-regular " + file}, nil},
		{"Beside", func(b *broken) { b.Write(file+"-wal", []byte("x")) }, []string{"file-not-named " + file + "-wal"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := broke(t, copyOf(t, good))
			opened := open(t, b.Path)
			c.do(b)
			for _, level := range []bundle.Level{bundle.Quick, bundle.Full} {
				if got := codes(verify(t, b.Path, level).Findings, memory.Refusal); !slices.Equal(got, c.want) {
					t.Errorf("%s: refusals are %v, want %v", level, got, c.want)
				}
			}
			if _, err := drain(opened, appDB); c.change != nil && !errors.Is(err, c.change) {
				t.Errorf("reading: error is %v, want %v", err, c.change)
			}
		})
	}
}

// An opaque file that no section is kept in is hashed all the same.
func TestOpaqueFileOfNoSection(t *testing.T) {
	b := broke(t, sample(t))
	b.forge(func(k *bundle.Keepsake) {
		i := indexOf(k, planMD)
		k.Sections = slices.Delete(k.Sections, i, i+1)
	})
	if report := verify(t, b.Path, bundle.Full); report.Refused() || len(report.Sections) != 10 {
		t.Errorf("%d sections, %v", len(report.Sections), report.Findings)
	}
	b.Replace(string(planMD), "plan", "plot")
	if got, want := codes(verify(t, b.Path, bundle.Quick).Findings, memory.Refusal), []string{"hash-differs " + string(planMD)}; !slices.Equal(got, want) {
		t.Errorf("refusals are %v, want %v", got, want)
	}
}

// Without a block nothing says what a file in an extra folder is.
func TestExtraFoldersWithoutBlock(t *testing.T) {
	b := broke(t, sample(t))
	b.Remove(bundle.MetaFile)
	b.Remove(bundle.SumsFile)
	report := verify(t, b.Path, bundle.Full)
	got := slices.DeleteFunc(codes(report.Findings, memory.Warning), func(c string) bool { return !strings.HasPrefix(c, "not-restored") })
	if want := []string{"not-restored notes/2026/plan.md", "not-restored notes/log.jsonl", "not-restored state/app.db"}; !slices.Equal(got, want) {
		t.Errorf("warnings are %v, want %v", got, want)
	}
	if _, err := drain(open(t, b.Path), appDB); !errors.Is(err, bundle.ErrNoSection) {
		t.Errorf("reading: error is %v, want ErrNoSection", err)
	}
}

// What has no ids has none in common, and is not read to find that out.
func TestOpaqueOverlap(t *testing.T) {
	path := sample(t)
	w, err := bundle.Create(context.Background(), options(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	s, err := w.Write(context.Background(), memory.SectionSpec{Name: appDB, Kind: memory.Opaque}, records([]string{dbText}))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, path)
	broke(t, path).Remove(string(appDB))
	if shared, all, err := s.Overlap(context.Background(), b); shared != 0 || all != 0 || err != nil {
		t.Errorf("%d of %d, %v, want nothing", shared, all, err)
	}
}

func TestOpaqueProgress(t *testing.T) {
	var rows, size int64
	_, err := open(t, sample(t)).Verify(context.Background(), bundle.Full, bundle.VerifyOptions{
		Progress: func(section memory.Section, r, n int64) {
			if section == appDB {
				rows, size = rows+r, size+n
			}
		},
	})
	if err != nil || rows != 12 || size != int64(len(dbText)) {
		t.Errorf("told of %d rows and %d bytes, %v", rows, size, err)
	}
}
