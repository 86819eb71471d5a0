package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// listed is one bundle in the --json of list.
type listed struct {
	Bundle    string                     `json:"bundle"`
	Path      string                     `json:"path"`
	Timestamp time.Time                  `json:"timestamp"`
	Bytes     int64                      `json:"bytes"`
	Rows      map[memory.Subsystem]int64 `json:"rows"`
	Status    string                     `json:"status"` // complete, degraded, unsealed, unreadable
	Reason    string                     `json:"reason,omitempty"`
	Sequence  int64                      `json:"sequence,omitempty"`
	MemoryID  string                     `json:"memoryId,omitempty"`
	Latest    bool                       `json:"latest"`
	Error     string                     `json:"error,omitempty"`
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the bundles, newest first",
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
	c, err := a.catalog(m)
	if err != nil {
		return err
	}
	id, err := m.memoryID()
	if err != nil {
		return err
	}
	latest, _, err := c.Latest(id)
	if err != nil && !errors.Is(err, bundle.ErrNotFound) {
		return err
	}
	out := []listed{}
	for i := range c.Bundles {
		l := listEntry(&c.Bundles[i])
		l.Latest = latest.Name == l.Bundle
		out = append(out, l)
	}
	if a.flags.asJSON {
		others := append([]string{}, c.Others...)
		return a.printJSON(map[string]any{"root": m.root(), "bundles": out, "others": others})
	}
	for _, name := range c.Others {
		a.warn("%s is no bundle of keepsake's, and is left alone", name)
	}
	if len(out) == 0 {
		a.say("There is no bundle in %s yet: keepsake backup makes one.\n", m.root())
		return nil
	}
	return a.printList(out)
}

func listEntry(e *bundle.Entry) listed {
	l := listed{Bundle: e.Name, Path: e.Path, Timestamp: e.Time, Bytes: payloadBytes(e), Rows: map[memory.Subsystem]int64{}}
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
	for _, s := range k.Sections {
		l.Rows[s.Name.Subsystem()] += s.Rows
	}
	return l
}

func (a *app) printList(bundles []listed) error {
	if a.flags.quiet {
		return nil
	}
	t := &table{header: []string{"bundle", "age", "size", "kb", "mc", "graph", "files", "status"}, gap: 1, right: map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true}}
	now, latest := a.Now(), "none: keepsake verify --all says why"
	for _, l := range bundles {
		if l.Latest {
			latest = l.Bundle
		}
		files := l.Rows[memory.Concepts] + l.Rows[memory.Trajectories] + l.Rows[memory.Mailbox]
		t.add(l.Bundle, age(now.Sub(l.Timestamp)), size(l.Bytes), short(l.Rows[memory.KB]), short(l.Rows[memory.MC]),
			short(l.Rows[memory.GraphSystem]), short(files), l.Status)
	}
	if err := t.write(a.Stdout); err != nil {
		return err
	}
	a.say("\nlatest good: %s\n", latest)
	return nil
}

// payloadBytes is what the bundle's files take up, as its meta says.
func payloadBytes(e *bundle.Entry) (n int64) {
	if e.Meta == nil || e.Meta.Keepsake == nil {
		return 0
	}
	for _, f := range e.Meta.Keepsake.Files {
		n += f.Bytes
	}
	return n
}
