// Package swapmark is what a swap of Chroma's leaves in a collection's metadata, as
// far as others read it: the server's store writes it, and the one that reads a
// directory must not back up what is between the old and the new one.
package swapmark

import "encoding/json"

// Key is the key of a collection's metadata under which a replace keeps its
// journal. Like a mark of the guard's it is no memory.
const Key = "keepsake:swap"

// Unfinished returns the plan that began to swap the collection of that name
// and has not ended, by the journal that the collection of that id bears; "" when
// the journal is none, or of another collection, or its swap is over.
func Unfinished(journal, id, name string) (plan string) {
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
