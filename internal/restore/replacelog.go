package restore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/atomicfile"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

const (
	planFile  = "plan.json"
	stepsFile = "steps.jsonl"
)

// step is a line of steps.jsonl: how far a replace has come. Each is on disk
// before what follows it begins.
type step struct {
	At      time.Time      `json:"at"`
	Step    string         `json:"step"`
	Section memory.Section `json:"section,omitempty"`
	Bundle  string         `json:"bundle,omitempty"` // path of the safety bundle
	Done    *committed     `json:"done,omitempty"`
}

// The steps, in their order.
const (
	stepBegun      = "begun"      // the guard gave leave; the token is used
	stepSafety     = "safety"     // the safety bundle is published and verified
	stepStaged     = "staged"     // all of a section is beside the live one, and checked
	stepCommitting = "committing" // from now on a section may be the new one
	stepKept       = "kept"       // it is the old one still: the commit changed nothing
	stepCommitted  = "committed"  // it is
	stepFinished   = "finished"   // all are; the token opens nothing more
	stepAbandoned  = "abandoned"  // another plan took over before anything was committed
)

// steps is an open steps.jsonl.
type steps struct {
	file  *os.File
	clock func() time.Time
}

func openSteps(dir string, clock func() time.Time) (*steps, error) {
	f, err := os.OpenFile(filepath.Join(dir, stepsFile), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open steps: %w", err)
	}
	if err := errors.Join(endTornLine(f), atomicfile.SyncDir(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("open steps: %w", err), f.Close())
	}
	return &steps{f, clock}, nil
}

// endTornLine ends a line that a crash left torn, so that the next stands alone.
func endTornLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

// note appends a step and syncs it.
func (s *steps) note(st step) error {
	st.At = s.clock().UTC()
	line, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("marshal step: %w", err)
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write step: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write step: %w", err)
	}
	return nil
}

func (s *steps) close() { _ = s.file.Close() } // each line was synced

// Unfinished is a replace that has not ended.
type Unfinished struct {
	// Dir is where its plan lies, Plan its id.
	Dir, Plan string
	// Bundle is the path of what it restores, Seal its fingerprint.
	Bundle, Seal string
	Undo         bool
	StartedAt    time.Time
	// Request is what it takes to make its Options again.
	Request json.RawMessage

	begun      bool
	safety     string
	named      bool // the records that a target will not take are written down
	committing map[memory.Section]bool
	committed  map[memory.Section]*committed
}

// Swapping reports whether a section may be the new one already, so that the
// memory is neither the old nor the new one.
func (u *Unfinished) Swapping() bool { return len(u.committing) > 0 }

// Needs lists the paths of the bundles without which the replace can neither be
// finished nor taken back.
func (u *Unfinished) Needs() []string {
	if u.safety == "" {
		return []string{u.Bundle}
	}
	return []string{u.Bundle, u.safety}
}

// plannedReplace is what is read back of a plan.json.
type plannedReplace struct {
	Mode       Mode            `json:"mode"`
	ID         string          `json:"id"`
	Undo       bool            `json:"undo"`
	StartedAt  time.Time       `json:"startedAt"`
	BundlePath string          `json:"bundlePath"`
	Seal       string          `json:"fingerprint"`
	Request    json.RawMessage `json:"request"`
}

// FindUnfinished lists the replaces in the folder of a memory's restores that
// have not ended, oldest first: one that was killed as it asked the guard may have
// used its token up. A plan that can't be read is an
// error: it may be one of them.
func FindUnfinished(restores string) ([]*Unfinished, error) {
	entries, err := os.ReadDir(restores)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for unfinished plans: %w", err)
	}
	var out []*Unfinished
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		u, err := readUnfinished(filepath.Join(restores, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("look for unfinished plans: %w", err)
		}
		if u != nil {
			out = append(out, u)
		}
	}
	return out, nil
}

// Plans lists the replaces in the folder of a memory's restores, ended or not. What
// can't be read is none: it is only asked for, to know what they left.
func Plans(restores string) (ids []string) {
	entries, _ := os.ReadDir(restores) // one that isn't there has none
	for _, e := range entries {
		var p plannedReplace
		text, err := os.ReadFile(filepath.Join(restores, e.Name(), planFile))
		if err == nil && json.Unmarshal(text, &p) == nil && p.ID != "" {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// readUnfinished returns nil for a folder that holds no unfinished replace.
func readUnfinished(dir string) (*Unfinished, error) {
	text, err := os.ReadFile(filepath.Join(dir, stepsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	u := &Unfinished{Dir: dir, committing: map[memory.Section]bool{}, committed: map[memory.Section]*committed{}}
	if over := u.take(text); over {
		return nil, nil
	}
	var p plannedReplace
	plan, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(plan, &p); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, planFile), err)
	}
	u.Plan, u.Bundle, u.Seal, u.Undo, u.StartedAt = p.ID, p.BundlePath, p.Seal, p.Undo, p.StartedAt
	var request bytes.Buffer // as it was given: the plan's file is indented
	if len(p.Request) > 0 {
		if err := json.Compact(&request, p.Request); err != nil {
			return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, planFile), err)
		}
	}
	u.Request = request.Bytes()
	return u, nil
}

// take goes through the steps and reports whether the plan is over. A torn line
// is a step that was not taken.
func (u *Unfinished) take(text []byte) (over bool) {
	for line := range bytes.Lines(text) {
		var s step
		if json.Unmarshal(line, &s) != nil {
			continue
		}
		switch s.Step {
		case stepBegun:
			u.begun = true
		case stepSafety:
			u.safety = s.Bundle
		case stepCommitting:
			u.committing[s.Section], u.named = true, true
		case stepKept:
			delete(u.committing, s.Section)
		case stepCommitted:
			u.committed[s.Section] = s.Done
		case stepFinished, stepAbandoned:
			over = true
		}
	}
	return over
}

// Abandon ends an unfinished plan of which nothing was committed: what lives is
// as it was.
func (u *Unfinished) Abandon(clock func() time.Time) error {
	if u.Swapping() {
		return fmt.Errorf("abandon plan %s: %w", u.Plan, store.ErrUnfinished)
	}
	s, err := openSteps(u.Dir, clock)
	if err != nil {
		return err
	}
	defer s.close()
	return s.note(step{Step: stepAbandoned})
}
