package keeper

import (
	"context"
	"strings"
)

// belongs says whether it is settled whose memory the data folder holds: until it is,
// backups count for nothing.
func (d *doctor) belongs(context.Context) {
	const name = "memory"
	s, err := d.Standing()
	switch {
	case err != nil: // that it can't be read is said of the bundles
	case s.Identity == nil && len(s.Lived) > 0:
		d.say(Warning, name, nil, "the data folder has no id, and memory %s was backed up from it: if it was lost, restore it before the next backup", strings.Join(s.Lived, ", "))
		d.checks[len(d.checks)-1].Hint = s.Hint
	case s.Identity == nil:
	case s.Doubt != "":
		d.say(Problem, name, nil, "%s", s.Doubt)
		d.checks[len(d.checks)-1].Hint = s.Hint
	case s.Copies > 0:
		d.say(Note, name, nil, "%s at %s; %d bundles of its id were made elsewhere, by a copy at %s", s.MemoryID, s.Here, s.Copies, s.CopiedAt)
	default:
		d.fine(name, "%s at %s", s.MemoryID, s.Here)
	}
}
