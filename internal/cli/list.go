package cli

import (
	"errors"
	"slices"
	"time"

	"keepsake/internal/catalog"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/keeper"
	"keepsake/internal/memory"
	"keepsake/internal/retention"
)

// listed is one bundle in the --json of list.
type listed struct {
	Bundle    string                     `json:"bundle"`
	Path      string                     `json:"path"`
	Timestamp time.Time                  `json:"timestamp"`
	Bytes     int64                      `json:"bytes"`
	Rows      map[memory.Subsystem]int64 `json:"rows"`
	Status    string                     `json:"status"` // complete, partial, degraded, unsealed, unreadable
	Reason    string                     `json:"reason,omitempty"`
	Sequence  int64                      `json:"sequence,omitempty"`
	MemoryID  string                     `json:"memoryId,omitempty"`
	// MaybeSameAs is the memory that it may be of, when that wasn't settled.
	MaybeSameAs string        `json:"maybeSameAs,omitempty"`
	Place       *memory.Place `json:"place,omitempty"`
	Latest      bool          `json:"latest"`
	Error       string        `json:"error,omitempty"`
	// Fault says why the bundle isn't good, Suspect which sections may be of
	// another source than before.
	Fault   string           `json:"fault,omitempty"`
	Odd     string           `json:"odd,omitempty"` // why it isn't where its sequence would put it
	Suspect []memory.Section `json:"suspect,omitempty"`
	Pinned  *catalog.Pin     `json:"pinned,omitempty"`
	// Verifications are those on record, oldest first.
	Verifications []catalog.Verification `json:"verifications,omitempty"`
	NotesError    string                 `json:"notesError,omitempty"`
	NextPrune     *verdict               `json:"nextPrune,omitempty"`

	failed *catalog.Verification
	empty  []memory.Subsystem // covered, whatever there was
}

// partial is the status of a complete bundle of a part of its memory.
const partial = "partial"

// verdict is what the next prune would do with a bundle.
type verdict struct {
	Action  retention.Action   `json:"action"`
	Grounds []retention.Ground `json:"grounds"`
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the bundles, newest first",
		Long: `Lists the bundles of the backup root, newest first: how old and large each is,
what it holds, whether it is pinned and verified, and what the next prune would
do with it. No file of rows is read.`,
		GroupID: "main",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.list() },
	}
}

func (a *app) list() error {
	m, err := a.memory(true)
	if err != nil {
		return err
	}
	c, err := m.Catalog()
	if err != nil {
		return err
	}
	latest, instead, err := latestOf(m, c)
	if err != nil {
		return err
	}
	out, fate := []listed{}, a.fates(m, c)
	for i := range c.Bundles {
		l := listEntry(&c.Bundles[i])
		l.Latest = latest == l.Bundle
		l.NextPrune = fate[l.Bundle]
		out = append(out, l)
	}
	if a.flags.asJSON {
		others := append([]string{}, c.Others...)
		return a.printJSON(map[string]any{"root": m.Root(), "bundles": out, "others": others})
	}
	for _, name := range c.Others {
		a.warn("%s is no bundle of keepsake's, and is left alone", name)
	}
	if len(out) == 0 {
		a.say("There is no bundle in %s yet: keepsake backup makes one.\n", m.Root())
		return nil
	}
	return a.printList(out, instead)
}

// latestOf returns the name of the latest bundle, "" when there is none, and what
// is said of it.
func latestOf(m *keeper.Memory, c *catalog.Catalog) (name, words string, err error) {
	var why *keeper.Error
	e, err := m.Latest(c)
	switch {
	case errors.Is(err, catalog.ErrUnreadable):
		return "", e.Name + ", but a newer one can't be read", nil
	case errors.As(err, &why):
		return "", "none: " + why.Error(), nil
	case errors.Is(err, bundle.ErrNotFound):
		return "", "none: keepsake verify --all says why", nil
	}
	return e.Name, e.Name, err
}

// fates are what the next prune would do, by name. Without a policy that can be
// used it would do nothing, and that is said.
func (a *app) fates(m *keeper.Memory, c *catalog.Catalog) map[string]*verdict {
	d, err := m.Decide(c)
	if err != nil && !errors.Is(err, keeper.ErrNoMemory) { // the data folder may be lost: that is known
		a.warn("nothing would be removed: %v", err)
	}
	out := map[string]*verdict{}
	for _, one := range d.All {
		out[one.Candidate.Name] = &verdict{one.Action, one.Grounds}
	}
	return out
}

func listEntry(e *catalog.Entry) listed {
	l := listed{
		Bundle: e.Name, Path: e.Path, Timestamp: e.Time, Bytes: keeper.PayloadBytes(e), Rows: map[memory.Subsystem]int64{},
		Fault: e.Fault(), Odd: e.Odd, Pinned: e.Notes.Pinned, Verifications: e.Notes.Verifications, failed: e.Notes.Failed(),
	}
	if e.NotesErr != nil {
		l.NotesError = e.NotesErr.Error()
	}
	switch {
	case e.Err != nil:
		l.Status, l.Error = "unreadable", e.Err.Error()
		return l
	case e.Meta == nil || e.Meta.Keepsake == nil:
		l.Status = "unsealed"
		return l
	}
	k := e.Meta.Keepsake
	l.Status, l.Reason, l.Sequence, l.MemoryID = string(k.Status), string(k.Reason), k.Sequence, k.MemoryID
	if e.Partial() && k.Status == bundle.Complete {
		l.Status = partial
	}
	l.empty = k.Covers
	l.MaybeSameAs, l.Place = k.MaybeSameAs, k.Place
	for _, s := range k.Sections {
		if s.Failed == "" {
			l.Rows[s.Name.Subsystem()] += s.Rows
		}
		if s.Lineage.Suspect {
			l.Suspect = append(l.Suspect, s.Name)
		}
	}
	for _, u := range k.Units { // for all of its sections
		if u.Suspect {
			l.Suspect = slices.DeleteFunc(l.Suspect, func(s memory.Section) bool { return s.Subsystem() == memory.Subsystem(u.Unit) })
			l.Suspect = append(l.Suspect, memory.Section(u.Unit))
		}
	}
	return l
}
