package cli

import (
	"fmt"

	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// sinceText says in a table what changed since an earlier bundle: of one section, or
// of all files of a source together. A record that only has another vector changed.
func sinceText(all ...*memory.Since) string {
	var sum memory.Since
	compared := false
	for _, s := range all {
		switch {
		case s == nil:
			continue
		case !s.Known:
			return "unknown"
		}
		compared = true
		sum.Added += s.Added
		sum.Removed += s.Removed
		sum.Changed += s.Changed + s.Moved
	}
	if !compared {
		return "–" // there is no bundle to compare with
	}
	return fmt.Sprintf("+%s −%s ~%s", quantity.Count(sum.Added), quantity.Count(sum.Removed), quantity.Count(sum.Changed))
}
