package store

import (
	"crypto/sha256"
	"encoding/hex"
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

// Leftover returns the pattern of the names that swaps of Neo.mjs leave behind, which a
// collection's name matches; "" when it matches none. A name alone proves nothing: it
// may be somebody's memory.
func Leftover(collection string) string {
	for _, pattern := range []string{"*-shadow-*", "*-parking-*"} { // *-failed-shadow-* is one of the first
		if ok, _ := path.Match(pattern, collection); ok { // the patterns are good
			return pattern
		}
	}
	return ""
}
