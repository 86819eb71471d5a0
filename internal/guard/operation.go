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
	KBReplace           Operation = "kb.chroma.replace"
	MemoriesReplace     Operation = "mc.chroma.memory.replace"
	SummariesReplace    Operation = "mc.chroma.summaries.replace"
	GraphReplace        Operation = "mc.graph.replace"
	ConceptsReplace     Operation = "concepts.replace"
	TrajectoriesReplace Operation = "trajectories.replace"
	MailboxReplace      Operation = "mailbox.replace"
	RestoreReplace      Operation = "restore.replace"
	Undo                Operation = "undo"
	Prune               Operation = "prune"
	DemoReset           Operation = "demo.reset"
)

// ReplaceOperation returns the operation that replaces a section:
// RestoreReplace for one that has no operation of its own, as those of the
// subsystems that an operator names.
func ReplaceOperation(section memory.Section) Operation {
	switch section {
	case memory.KnowledgeBase:
		return KBReplace
	case memory.Memories:
		return MemoriesReplace
	case memory.Summaries:
		return SummariesReplace
	case memory.Graph:
		return GraphReplace
	}
	switch section.Subsystem() {
	case memory.Concepts:
		return ConceptsReplace
	case memory.Trajectories:
		return TrajectoriesReplace
	case memory.Mailbox:
		return MailboxReplace
	}
	return RestoreReplace
}

// scope is what an operation may be asked for. The zero scope covers nothing.
type scope struct {
	mode       string             // "" for any
	subsystems []memory.Subsystem // nil when it needs none
	named      bool               // it needs one, whichever
	kinds      []string           // of store
}

// modeReplace is the mode that every replace has to name.
const modeReplace = "replace"

// scope returns the zero scope for an operation that is not one of the constants.
func (o Operation) scope() scope {
	vectors := []string{memory.KindChroma, memory.KindCollections}
	files := []string{memory.KindFiles}
	all := []string{memory.KindChroma, memory.KindCollections, memory.KindGraph, memory.KindFiles, memory.KindSQLite}
	replaces := func(s memory.Subsystem, kinds []string) scope {
		return scope{mode: modeReplace, subsystems: []memory.Subsystem{s}, kinds: kinds}
	}
	switch o {
	case KBReplace:
		return replaces(memory.KB, vectors)
	case MemoriesReplace, SummariesReplace:
		return replaces(memory.MC, vectors)
	case GraphReplace:
		return replaces(memory.GraphSystem, []string{memory.KindGraph})
	case ConceptsReplace:
		return replaces(memory.Concepts, files)
	case TrajectoriesReplace:
		return replaces(memory.Trajectories, files)
	case MailboxReplace:
		return replaces(memory.Mailbox, files)
	case RestoreReplace:
		return scope{mode: modeReplace, named: true, kinds: all}
	case Undo:
		return scope{named: true, kinds: all}
	case Prune:
		return scope{kinds: all}
	case DemoReset:
		return scope{kinds: files}
	}
	return scope{}
}

// within reports whether a token issued for purpose serves o.
func (o Operation) within(purpose Operation) bool {
	return o == purpose || purpose == RestoreReplace && o.scope().mode == modeReplace
}

// covers reports whether a request's subsystem, mode and kind fit the scope.
func (s scope) covers(sub memory.Subsystem, mode, kind string) bool {
	if s.mode != "" && mode != s.mode {
		return false
	}
	if s.named && !sub.Valid() || s.subsystems != nil && !slices.Contains(s.subsystems, sub) {
		return false
	}
	return slices.Contains(s.kinds, kind)
}
