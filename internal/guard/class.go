package guard

import (
	"io/fs"
)

// Class is what the guard takes a target for.
type Class string

// The classes. What isn't proved to be one of the first two is Production; what
// can't be looked at is Unknown, and nothing opens it.
const (
	Disposable Class = "disposable"
	Own        Class = "own"
	Production Class = "production"
	Unknown    Class = "unknown"
)

// verdict is a class with its ground.
type verdict struct {
	class  Class
	why    string
	marked bool // disposable by the mark of the folder itself
}

// Classify returns the target's class and the ground for it, as a plan shows
// them. It decides nothing: the decision looks again.
func (r Rules) Classify(t Target) (Class, string) {
	v := r.classify(t)
	return v.class, v.why
}

func (r Rules) classify(t Target) verdict {
	switch {
	case t.err != nil:
		return verdict{class: Unknown, why: t.err.Error()}
	case t.locator.Kind == "" || t.nature == "":
		return verdict{class: Unknown, why: "no target"}
	case t.isMemory():
		return verdict{class: Disposable, why: "a database in memory"}
	case t.isServer():
		return t.byMark("a server by its address")
	}
	return r.classifyPath(t)
}

// byMark is what the collection's own mark makes of it, otherwise production.
func (t Target) byMark(otherwise string) verdict {
	m := parseMark(t.seen.Mark)
	switch {
	case !m.on(t.seen.CollectionID):
	case m.Kind == MarkDisposable:
		return verdict{class: Disposable, why: "the collection bears a disposable mark with its own id"}
	case m.ours():
		return verdict{class: Own, why: "the collection was left by the finished plan " + m.Plan}
	}
	return verdict{class: Production, why: otherwise}
}

func (r Rules) classifyPath(t Target) verdict {
	p := t.location
	switch {
	case ownFolder(p, r.BackupRoot):
		return verdict{class: Own, why: "a folder of this tool in the backup root"}
	case p.neo:
		return verdict{class: Production, why: neoDataDir + " is on its path"}
	case p.kind&^fs.ModeDir != 0:
		return verdict{class: Production, why: "neither a file nor a folder"}
	case p.links > 1:
		return verdict{class: Production, why: "the file has other names"}
	}
	v := t.byPath()
	if v.class == Production && t.nature == Embedded {
		v = t.byMark(v.why)
	}
	if v.class == Disposable && p.isFolder() {
		return v.lookInside(p)
	}
	return v
}

func (t Target) byPath() verdict {
	if isMarked(t.location) {
		return verdict{Disposable, "the folder bears a disposable mark with its own inode", true}
	}
	if folder, ok := temporaryFolder(t.location); ok {
		return verdict{class: Disposable, why: "in the temporary folder " + folder}
	}
	return verdict{class: Production, why: "nothing proves it disposable"}
}

// lookInside takes back the verdict over a folder with which something would go
// that is not disposable: a .neo-ai-data in it has that name on its path too.
func (v verdict) lookInside(folder location) verdict {
	switch why, err := spared(folder); {
	case err != nil:
		return verdict{class: Unknown, why: "look through folder: " + err.Error()}
	case why != "":
		return verdict{class: Production, why: why}
	}
	return v
}
