package opaque

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
	"keepsake/internal/store/sqlitefile"
)

// Open looks at the files. Those that are no databases it keeps open: what is
// renamed over one meanwhile is no part of the session. Databases are opened
// when they are read.
func (f *Files) Open(ctx context.Context, sections []memory.Section) (store.Session, error) {
	s := &session{files: f, seen: map[memory.Section]bool{}}
	for _, source := range f.config.Sources {
		if err := s.add(ctx, source, sections); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

type session struct {
	files    *Files
	opened   []*opened
	seen     map[memory.Section]bool
	findings []memory.Finding
	unlisted []error
	temp     string // the folder of copies, once there is one
	closed   bool
}

var (
	_ store.Inspector = (*session)(nil)
	_ store.Partial   = (*session)(nil)
)

// opened is a file of a session; a refused one, and a database, has no file.
type opened struct {
	entry
	file *os.File
	size int64 // at the first look
	rows int64
}

func (s *session) add(ctx context.Context, source Source, wanted []memory.Section) error {
	l, err := s.files.list(source, wanted)
	if err != nil {
		return err
	}
	s.findings = append(s.findings, l.findings...)
	s.unlisted = append(s.unlisted, l.unlisted...)
	for _, e := range l.found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.seen[e.section] {
			continue // of the source that comes first
		}
		s.seen[e.section] = true
		if err := s.open(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) open(ctx context.Context, e entry) error {
	o := &opened{entry: e, rows: -1}
	if e.refused == nil && !e.source.SQLite {
		var info fs.FileInfo
		file, err := os.Open(e.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went away meanwhile
		}
		if err == nil {
			o.file = file
			info, err = file.Stat()
		}
		if o.refused = beside.Bare(err); err == nil {
			o.size, o.rows = info.Size(), min(info.Size(), 1)
			s.inspect(o)
		}
	}
	if e.refused == nil && e.source.SQLite {
		if n, err := (spot{source: e.source, path: e.path}).count(ctx); err == nil {
			o.rows = n
		}
	}
	s.opened = append(s.opened, o)
	return nil
}

// inspect warns of a database that is to be kept as if it were any file: what is
// in its log would be missing.
func (s *session) inspect(o *opened) {
	if sqlitefile.IsDatabase(o.file) {
		s.findings = append(s.findings, memory.Finding{
			Level: memory.Warning, Code: "unmarked-database", Section: o.section, File: o.path,
			Message: "it is a SQLite database, and is kept like any file: a copy made while it is written to may be damaged",
			Hint:    "configure it as a database",
		})
	}
}

func (o *opened) close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// Sections lists the files in the order of the configuration, those of a pattern
// by name. The rows of a database that can't be counted are -1: reading it says why.
func (s *session) Sections(context.Context) ([]memory.SectionSpec, error) {
	var specs []memory.SectionSpec
	for _, o := range s.opened {
		specs = append(specs, memory.SectionSpec{
			Name: o.section, Kind: memory.Opaque, Rows: o.rows, Locator: o.source.locator(o.path),
		})
	}
	return specs, nil
}

// Read makes a copy of the file, as it is now, and starts reading that: it is of
// one moment, or there is a finding, or store.ErrUnreadable.
func (s *session) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if s.closed {
		return nil, fmt.Errorf("read %s: session is closed", section)
	}
	for _, o := range s.opened {
		if o.section != section {
			continue
		}
		if o.refused != nil {
			return nil, unreadable(o.path, o.refused)
		}
		if s.temp == "" {
			temp, err := s.files.tempDir()
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", o.path, err)
			}
			s.temp = temp
		}
		r := &reader{session: s, opened: o}
		return store.NewReading(r.all(ctx), func() memory.Capture { return r.capture }), nil
	}
	return nil, fmt.Errorf("read %s: %w", section, store.ErrAbsent)
}

// tempDir makes a folder of our own for copies, that nobody else can read.
func (f *Files) tempDir() (string, error) {
	if f.config.TempDir == "" {
		return "", errors.New("no folder for temporary files is named")
	}
	return os.MkdirTemp(f.config.TempDir, "keepsake-opaque-")
}

// Unlisted implements store.Partial: folders that can't be opened.
func (s *session) Unlisted() []error { return s.unlisted }

// Findings says what stood out.
func (s *session) Findings() []memory.Finding { return s.findings }

// Close closes the files and removes the copies.
func (s *session) Close() (err error) {
	if s.closed {
		return nil
	}
	s.closed = true
	for _, o := range s.opened {
		err = errors.Join(err, o.close())
	}
	if s.temp != "" {
		err = errors.Join(err, os.RemoveAll(s.temp))
	}
	return err
}
