package opaque

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/beside"
	"keepsake/internal/store/sqlitefile"
)

// A database is replaced in these steps, each told by the names of files alone:
//
//  1. the staged file gets the name next, durably
//  2. the old database gets the name aside: the window opens
//  3. what SQLite keeps beside it follows it, so that it stays whole
//  4. next gets the name, where nothing has it: the window closes
//
// A file of the name next beside an aside of its plan is a window. A database
// that an agent makes in it is parked. A staged file alone is none: a plan may be
// staged again after it ended.

const nextSuffix = ".next.tmp"

func (s *staged) next() string {
	dir, base := filepath.Split(s.path)
	return filepath.Join(dir, "."+base+"."+s.plan+nextSuffix)
}

func (s *staged) aside() string { return s.path + ".aside-" + s.plan }

// stagedAt is where the staged file is now.
func (s *staged) stagedAt() string {
	if s.readied {
		return s.next()
	}
	return s.fresh.Temp
}

// unfinished returns the plan whose window is open, "" when there is none.
func (s spot) unfinished() (string, error) {
	if !s.source.SQLite {
		return "", nil
	}
	dir, base := filepath.Split(s.path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		plan, prefixed := strings.CutPrefix(e.Name(), "."+base+".")
		plan, suffixed := strings.CutSuffix(plan, nextSuffix)
		if prefixed && suffixed && !strings.Contains(plan, ".") && sqlitefile.Exists(s.path+".aside-"+plan) {
			return plan, nil
		}
	}
	return "", nil
}

// finished refuses a place where another plan's window is open.
func (s spot) finished(plan string) error {
	open, err := s.unfinished()
	if err == nil && open != "" && open != plan {
		err = fmt.Errorf("%w: that of plan %s", store.ErrUnfinished, open)
	}
	return err
}

// ready gives the staged file the name next.
func (s *staged) ready() error {
	if s.readied {
		return nil
	}
	if err := s.files.config.FS.Rename(s.fresh.Temp, s.next()); err != nil {
		return err
	}
	s.readied, s.fresh.Moved = true, true
	return s.files.config.FS.SyncDir(filepath.Dir(s.path))
}

// swap takes all steps. Held may be nil.
func (s *staged) swap(covers func() error, held *held) error {
	if sqlitefile.Exists(s.aside()) {
		return fmt.Errorf("%s is in the way: this plan has replaced the database before; move it away", s.aside())
	}
	if !s.readied {
		if err := s.fresh.Adopt(s.info); err != nil {
			return err
		}
	}
	if err := s.ready(); err != nil {
		return err
	}
	if !beside.RenamesOverOpen { // what is open can't be renamed there, by nobody
		if err := held.drop(); err != nil {
			return err
		}
	}
	if err := covers(); err != nil {
		return err
	}
	if err := s.files.config.FS.RenameNoReplace(s.path, s.aside()); err != nil {
		return err
	}
	if err := s.sidecarsTo(s.aside()); err != nil {
		return err
	}
	return s.putInPlace()
}

// resume goes on in the window of an earlier commit.
func (s *staged) resume(covers func() error) error {
	if err := covers(); err != nil {
		return err
	}
	if err := s.ready(); err != nil {
		return err
	}
	return s.putInPlace()
}

// place gives next the name, and parks what is in its way.
func (s *staged) putInPlace() error {
	const tries = 10
	for range tries {
		if err := s.makeWay(); err != nil {
			return err
		}
		err := s.files.config.FS.RenameNoReplace(s.next(), s.path)
		if err == nil {
			s.done = true
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("%w: an agent makes one anew each time", store.ErrUnfinished)
}

// makeWay parks a database that an agent made in the window. Sidecars without
// one belong to the old database, if a kill came between its moves, unless it has
// its own or an agent's database was being parked.
func (s *staged) makeWay() error {
	if sqlitefile.Exists(s.path) {
		parking := s.parking(false)
		if err := s.files.config.FS.RenameNoReplace(s.path, parking); err != nil {
			return err
		}
		s.findings = append(s.findings, memory.Finding{
			Level: memory.Warning, Code: "parked", Section: s.section, File: parking,
			Message: "a process made a database in the place while it was replaced; it is kept as " + parking,
			Hint:    "restart the processes that hold it open; remove it when nothing of it is wanted",
		})
		return s.sidecarsTo(parking)
	}
	if last := s.parking(true); last != "" {
		return s.sidecarsTo(last)
	}
	return s.sidecarsTo(s.aside())
}

// parking returns the first free name to park under, or the last one taken, ""
// when there is none.
func (s *staged) parking(taken bool) string {
	last := ""
	for n := 1; ; n++ {
		name := s.path + ".parking-" + s.plan
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		if !sqlitefile.Exists(name) {
			if taken {
				return last
			}
			return name
		}
		last = name
	}
}

// sidecarsTo moves what SQLite keeps beside the database to another name of it.
// What that one has already is not replaced: what is left over goes with a name
// of its own, for it must not stay.
func (s *staged) sidecarsTo(name string) error {
	for _, suffix := range sqlitefile.Beside() {
		if !sqlitefile.Exists(s.path + suffix) {
			continue
		}
		to := name + suffix
		if sqlitefile.Exists(to) {
			to = s.parking(false) + suffix
		}
		err := s.files.config.FS.RenameNoReplace(s.path+suffix, to)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
