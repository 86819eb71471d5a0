package collections

import (
	"encoding/json"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
)

// withoutMark takes the mark by which the guard knows a collection of our own
// making out of its metadata: it is no memory, so it neither leaves with a
// backup nor arrives with a restore. Metadata without one is not touched, to
// the byte.
func withoutMark(metadata memory.RawJSON) memory.RawJSON {
	var members map[string]memory.RawJSON
	if json.Unmarshal(metadata, &members) != nil {
		return metadata
	}
	if _, marked := members[guard.MarkKey]; !marked {
		return metadata
	}
	delete(members, guard.MarkKey)
	rest, err := json.Marshal(members)
	if err != nil {
		return nil // the members came from JSON, so this can't be
	}
	return rest
}
