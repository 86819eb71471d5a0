package backup

import (
	"cmp"

	"keepsake/internal/bundle"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
)

// Alarm says how much may be gone of what there was, in thousandths: what loses more is
// suspect. The zero Alarm is a half, which is the most.
type Alarm int64

// half is the zero Alarm.
const half Alarm = 500

// Rings reports whether so much of what there was is too much. All of it always is.
func (a Alarm) Rings(lost, before int64) bool {
	return lost > 0 && (lost >= before || lost*1000 > before*int64(cmp.Or(a, half)))
}

// fewLines is how many lines may come in the place of others before that is a loss:
// a line has no key, so that one that was changed is one that went and one that came.
const fewLines = 20

// removed returns how many of the records before are gone, by what was counted of them;
// ok is false where nobody has. Of a file that is kept whole its records say nothing.
func removed(kind memory.Kind, since *memory.Since, now int64) (lost int64, ok bool) {
	if since == nil || !since.Known || kind == memory.Opaque {
		return 0, false
	}
	if kind == memory.Lines && since.Removed <= fewLines {
		return min(since.Removed, max(0, since.Before-now)), true
	}
	return since.Removed, true
}

// shrunk reports whether a file that is kept whole has less than half of its bytes:
// how much of a text may go in a day is nobody's alarm to set.
func shrunk(had catalog.Had, written *bundle.Section) bool {
	return written.Spec.Kind == memory.Opaque && had.File != nil && 2*written.File.Bytes < had.File.Bytes
}
