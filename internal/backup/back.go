package backup

import (
	"slices"
	"strings"

	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// Codes of what is said of a loss. Each has a hint that leads back: about are the bundle
// that has what was lost, how much that is, what selects it, how a restore puts it back
// (BackByMerge, BackByReplace), where it was (a Was…), its store, and the name by which
// the loss is accepted.
const (
	codeSuspect    = "lineage-suspect"
	codeGone       = "section-gone"   // it was there, and is not any more
	codeSourceLost = "source-lost"    // so much of a source is gone
	codeAbsent     = "absent-since"   // of an error: what has to be there is not
	codeEmptied    = "emptied"        // of an error: another collection, and empty
	codeTaken      = "emptied-passed" // that, where a degraded bundle is allowed
)

// How a restore puts back what was lost: a merge keeps what lives.
const (
	BackByMerge   = "merge"
	BackByReplace = "replace"
)

// Where it was.
const (
	WasAtServer = "server"
	WasInFolder = "folder"
	WasInFile   = "file"
)

// LossError is an error about what the last good bundles have, and that is not there
// any more. Its hint says how to put it back.
type LossError struct {
	Err  error
	hint string
}

// Error implements error.
func (e *LossError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LossError) Unwrap() error { return e.Err }

// Hint says how to put back what was lost.
func (e *LossError) Hint() string { return e.hint }

// wayBack says what the operator can do about a loss of what there was.
func (r *run) wayBack(code string, accept memory.Section, was ...catalog.Had) string {
	return r.wayBackBy(BackByMerge, code, accept, was...)
}

func (r *run) wayBackBy(how, code string, accept memory.Section, was ...catalog.Had) string {
	if len(was) == 0 {
		return ""
	}
	from := was[0].Entry // the newest
	was = slices.DeleteFunc(slices.Clone(was), func(h catalog.Had) bool { return h.Entry != from })
	return r.opts.Hint.Of(code, from.Name, amount(was), strings.Join(selectors(was), ","), how, place(was[0]),
		was[0].Section.Locator.String(), string(accept))
}

// amount is how much there was.
func amount(was []catalog.Had) string {
	files, rows := int64(0), int64(0)
	for _, h := range was {
		if rows += h.Section.Rows; isFile(h) {
			files++
		}
	}
	if files > 0 {
		return quantity.Plural(files, "file")
	}
	return quantity.Plural(rows, "row")
}

// isFile reports whether a section is one of the files of a source.
func isFile(h catalog.Had) bool {
	return h.Section.Unit() == memory.Unit(h.Section.Name.Subsystem())
}

// selectors select, of a bundle, the sections that are lost: by their subsystem where
// nothing else of it is in the bundle.
func selectors(was []catalog.Had) (only []string) {
	lost := map[memory.Section]bool{}
	for _, h := range was {
		lost[h.Section.Name] = true
	}
	whole := map[memory.Subsystem]bool{}
	for _, h := range was {
		whole[h.Section.Name.Subsystem()] = true
	}
	all := was[0].Entry.Meta.Keepsake.Sections
	for i := range all {
		if s := &all[i]; !lost[s.Name] && s.Rows > 0 {
			whole[s.Name.Subsystem()] = false
		}
	}
	for _, h := range was {
		selector := string(h.Section.Name)
		if sub := h.Section.Name.Subsystem(); whole[sub] {
			selector = string(sub)
		}
		if !slices.Contains(only, selector) {
			only = append(only, selector)
		}
	}
	return only
}

// place says what sort of place a section was in.
func place(h catalog.Had) string {
	switch l := h.Section.Locator; {
	case l.Address != "" || l.Tenant != "":
		return WasAtServer
	case isFile(h):
		return WasInFolder
	}
	return WasInFile
}
