package bundle

import (
	"strings"

	"keepsake/internal/memory"
)

// Parity returns the row-count parity of kb, mc and graph. SourceCount are the
// rows that had to be held: growth is not loss, and fewer than held is a fail.
// It is -1, unknown, where a section could not be read.
func Parity(sections []SectionMeta) []Integrity {
	var all []Integrity
	for _, sub := range []memory.Subsystem{memory.KB, memory.MC, memory.GraphSystem} {
		entry := Integrity{Subsystem: sub, Status: Skipped}
		failed, unknown := false, false
		for _, s := range sections {
			if s.Name.Subsystem() != sub {
				continue
			}
			entry.Status = Pass
			entry.SourceCount += s.Capture.Held
			entry.BundleCount += s.Rows
			failed = failed || s.short()
			unknown = unknown || s.Failed != ""
		}
		if unknown {
			entry.SourceCount = -1
		}
		switch {
		case failed:
			entry.Status = Fail
		case entry.Status == Pass && entry.SourceCount == 0 && entry.BundleCount == 0:
			entry.Status = Empty
		}
		all = append(all, entry)
	}
	return all
}

// short reports whether rows that had to be held are not in the bundle.
func (s *SectionMeta) short() bool {
	return s.Failed != "" || s.Capture.Missing > 0 || len(s.Capture.Unreadable) > 0 || s.Rows < s.Capture.Held
}

// Good reports whether the section was read whole, and isn't suspect, whatever
// became of the bundle's others.
func (s *SectionMeta) Good() bool {
	return !s.short() && s.Capture.Complete() && !s.Lineage.Suspect
}

// Count returns what a bundle holds in the words of Neo.mjs. Like Parity it follows
// from sections and files alone.
func Count(sections []SectionMeta, files []FileMeta) Subsystems {
	var all Subsystems
	for i := range sections {
		s := &sections[i]
		switch s.Name.Subsystem() {
		case memory.KB:
			all.KB = addRows(all.KB, s.Rows)
		case memory.MC:
			all.MC = addRows(all.MC, s.Rows)
		case memory.GraphSystem:
			all.Graph = addRows(all.Graph, s.Rows)
		}
		switch s.Name {
		case memory.Memories:
			all.MC.Memories = s.export()
		case memory.Summaries:
			all.MC.Summaries = s.export()
		case memory.Graph:
			all.Graph.Graph = &Export{Expected: s.Capture.Held, Exported: s.Rows}
		}
	}
	all.Concepts = copied(files, memory.Concepts)
	all.Trajectories = copied(files, memory.Trajectories)
	all.Mailbox = copied(files, memory.Mailbox)
	return all
}

func addRows(c *Counts, rows int64) *Counts {
	if c == nil {
		c = &Counts{Count: new(int64)}
	}
	*c.Count += rows
	return c
}

func copied(files []FileMeta, sub memory.Subsystem) *Counts {
	n := new(int64)
	for _, f := range files {
		if strings.HasPrefix(f.Path, string(sub)+"/") {
			*n++
		}
	}
	return &Counts{Copied: n}
}

func (s *SectionMeta) export() *Export {
	skipped := int64(len(s.Capture.Unreadable))
	e := &Export{
		Expected: s.Capture.Held, Exported: s.Rows, Skipped: &skipped,
		SkippedIDs: append([]string{}, s.Capture.Unreadable...),
	}
	if s.Collection != nil {
		e.Collection = s.Collection.Name
	}
	return e
}
