package backup

import (
	"fmt"

	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// few is how many sections of a source have a line each about one thing.
const few = 3

// about is what several findings may have in common.
type about struct {
	level memory.Level
	code  string
	sub   memory.Subsystem
}

// aboutOf is what a finding of a section has in common with those of others; ok is
// false of what is of no section, or of a line in a file.
func aboutOf(f memory.Finding) (a about, ok bool) {
	return about{f.Level, f.Code, f.Section.Subsystem()}, f.Section.Name() != "" && f.File == ""
}

// condense makes one finding of those that say one thing of many sections of a source:
// a folder of 1,500 notes has one line. What it is of each stands in its section.
func (r *run) condense() {
	many := map[about][]memory.Section{}
	for _, f := range r.receipt.Findings {
		if a, ok := aboutOf(f); ok {
			many[a] = append(many[a], f.Section)
		}
	}
	var out []memory.Finding
	for _, f := range r.receipt.Findings {
		a, ok := aboutOf(f)
		sections := many[a]
		switch {
		case !ok || len(sections) <= few && len(sections) > 0:
			out = append(out, f)
		case len(sections) > 0:
			delete(many, a) // the others go
			out = append(out, r.condensed(f, sections))
		}
	}
	r.receipt.Findings = out
}

// condensed is a finding that stands for those of several sections.
func (r *run) condensed(f memory.Finding, sections []memory.Section) memory.Finding {
	f.Message = fmt.Sprintf("%s, such as %s: %s", quantity.Plural(int64(len(sections)), "section"), f.Section, f.Message)
	f.Section = memory.Section(f.Section.Subsystem())
	if f.Hint == "" {
		return f
	}
	rows := map[memory.Section]int64{}
	for i := range r.receipt.Sections {
		rows[r.receipt.Sections[i].Section] = r.receipt.Sections[i].Rows
	}
	var was []catalog.Had
	how := BackByMerge
	for _, s := range sections {
		had := r.good[s]
		if had.Entry == nil {
			return f
		}
		if was = append(was, had); had.Section.Kind == memory.Opaque && rows[s] > 0 {
			how = BackByReplace
		}
	}
	f.Hint = r.wayBackBy(how, f.Code, f.Section, was...)
	return f
}
