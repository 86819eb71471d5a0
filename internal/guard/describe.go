package guard

import (
	"fmt"
	"strings"

	"keepsake/internal/memory"
)

// String describes the target in full, for a person: all of its locator, where
// it leads and what stands there.
func (t Target) String() string {
	var b strings.Builder
	b.WriteString(t.shown().String())
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	if t.locator.CollectionID != "" {
		add("collection id %s", t.locator.CollectionID)
	}
	switch p := t.location; {
	case p.resolved == "":
	case !p.exists:
		add("nothing there yet")
	default:
		add("device %d, inode %d", p.id.device, p.id.inode)
	}
	if t.location.resolved != "" && t.location.resolved != t.locator.Path {
		add("resolves to %s", t.location.resolved)
	}
	if t.location.links > 1 {
		add("%d names", t.location.links)
	}
	if len(facts) > 0 {
		b.WriteString(" (" + strings.Join(facts, ", ") + ")")
	}
	return b.String()
}

// shown is the locator without what an address must not hold: it goes to
// screens and logs.
func (t Target) shown() memory.Locator {
	l := t.locator
	if l.Address == "" {
		return l
	}
	if t.server == "" {
		l.Address = "(unreadable address)"
	}
	return l
}

// description is the target in the audit log.
type description struct {
	Locator  memory.Locator `json:"locator"`
	Resolved string         `json:"resolved,omitempty"`
	Exists   bool           `json:"exists"`
	Device   uint64         `json:"device,omitempty"`
	Inode    uint64         `json:"inode,omitempty"`
	Links    uint64         `json:"links,omitempty"`
	Mark     string         `json:"mark,omitempty"`
}

func (t Target) describe() description {
	d := description{Locator: t.shown(), Resolved: t.location.resolved, Mark: t.seen.Mark, Links: t.location.links}
	d.Exists = t.location.exists || t.seen.Exists
	if t.location.exists {
		d.Device, d.Inode = t.location.id.device, t.location.id.inode
	}
	return d
}
