package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"

	"keepsake/internal/memory"
)

// SectionOf returns the section of a collection that an operator named only by a
// pattern: the subsystem and the collection's name. A name that is longer than a
// file's may be is cut and ends in a digest of all of it; the collection's own name
// is in the section's spec.
func SectionOf(subsystem memory.Subsystem, collection string) memory.Section {
	const most, kept = 180, 150 // a payload's name adds "-backup-", a timestamp and endings
	if len(collection) > most {
		digest := sha256.Sum256([]byte(collection))
		collection = collection[:kept] + "-" + hex.EncodeToString(digest[:8])
	}
	return memory.Section(string(subsystem) + "/" + collection)
}

// Leftover returns the pattern of the names that swaps leave behind, Neo's and our
// own, which a collection's name matches; "" when it matches none. Such a
// collection is never a source.
func Leftover(collection string) string {
	for _, pattern := range []string{"*-shadow-*", "*-parking-*"} { // *-failed-shadow-* is one of the first
		if ok, _ := path.Match(pattern, collection); ok { // the patterns are good
			return pattern
		}
	}
	return ""
}

// SwapKey is the key of a collection's metadata under which a replace keeps its
// journal. Like a mark of the guard's it is no memory.
const SwapKey = "keepsake:swap"

// UnfinishedSwap returns the plan that began to swap the collection of that name
// and has not ended, by the journal that the collection of that id bears; "" when
// the journal is none, or of another collection, or its swap is over.
func UnfinishedSwap(journal, id, name string) (plan string) {
	var j struct {
		Version        int
		Plan, Name, ID string
		Phase          string
	}
	err := json.Unmarshal([]byte(journal), &j)
	if err != nil || j.Version != 1 || j.ID != id || j.Name != name || j.Phase != "begun" {
		return ""
	}
	return j.Plan
}
