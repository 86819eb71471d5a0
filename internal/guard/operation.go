package guard

import (
	"slices"

	"keepsake/internal/memory"
)

// Operation names what is about to be done. Only these are known; any other is
// refused.
type Operation string

// The operations that destroy. RestoreReplace and Undo are also what a token is
// issued for: a token for RestoreReplace serves every replace of its plan.
const (
	RestoreReplace Operation = "restore.replace"
	Undo           Operation = "undo"
	Prune          Operation = "prune"
	DemoReset      Operation = "demo.reset"
)

// name is what refusals and the audit log call a replace by what is replaced.
type name struct {
	operation Operation
	of        memory.Section // or all of a subsystem
	natures   []Nature       // that it may meet
}

// names are those of Neo's memory. Every other replace is called RestoreReplace.
func names() []name {
	vectors, files := []Nature{Served, Embedded}, []Nature{Files}
	return []name{
		{"kb.chroma.replace", memory.KnowledgeBase, vectors},
		{"mc.chroma.memory.replace", memory.Memories, vectors},
		{"mc.chroma.summaries.replace", memory.Summaries, vectors},
		{"mc.graph.replace", memory.Graph, []Nature{Graph}},
		{"concepts.replace", memory.Section(memory.Concepts), files},
		{"trajectories.replace", memory.Section(memory.Trajectories), files},
		{"mailbox.replace", memory.Section(memory.Mailbox), files},
	}
}

// ReplaceOperation returns the replace of a section, by its name.
func ReplaceOperation(section memory.Section) Operation {
	for _, n := range names() {
		if section.Matches(string(n.of)) {
			return n.operation
		}
	}
	return RestoreReplace
}

// scope is what an operation may be asked for. The zero scope covers nothing.
type scope struct {
	mode      string           // "" for any
	subsystem memory.Subsystem // "" for any
	named     bool             // it needs one, whichever
	natures   []Nature
}

// modeReplace is the mode that every replace has to name.
const modeReplace = "replace"

// scope returns the zero scope for an operation that is not one of ours.
func (o Operation) scope() scope {
	all := []Nature{Served, Embedded, Graph, Files, Database}
	switch o {
	case RestoreReplace:
		return scope{mode: modeReplace, named: true, natures: all}
	case Undo:
		return scope{named: true, natures: all}
	case Prune:
		return scope{natures: all}
	case DemoReset:
		return scope{natures: []Nature{Files}}
	}
	for _, n := range names() {
		if n.operation == o {
			return scope{mode: modeReplace, subsystem: n.of.Subsystem(), named: true, natures: n.natures}
		}
	}
	return scope{}
}

// within reports whether a token issued for purpose serves o.
func (o Operation) within(purpose Operation) bool {
	return o == purpose || purpose == RestoreReplace && o.scope().mode == modeReplace
}

// covers reports whether a request's subsystem and mode, and the nature of its
// target, fit the scope.
func (s scope) covers(sub memory.Subsystem, mode string, nature Nature) bool {
	if s.mode != "" && mode != s.mode {
		return false
	}
	if s.named && !sub.Valid() || s.subsystem != "" && s.subsystem != sub {
		return false
	}
	return slices.Contains(s.natures, nature)
}
